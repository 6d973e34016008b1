"""The events that can be sent, and the form of their bodies. Pure.

Names and fields are a contract with those who receive them (docs/notices.md): they are added to, never renamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

VERSION = 1


class WebhookEvent(StrEnum):
    TOKEN_GENERATED = "token.generated"  # noqa: S105 - names of events
    TOKEN_EXPIRING = "token.expiring"  # noqa: S105
    TOKEN_EXPIRED = "token.expired"  # noqa: S105
    TOKEN_DELETED = "token.deleted"  # noqa: S105
    TOKEN_NEW_ADDRESS = "token.new_address"  # noqa: S105
    TOKEN_STOPPED = "token.stopped"  # noqa: S105
    DIGEST = "digest.weekly"


TEST = "webhook.test"
"""Sent to one address because somebody asked for it, whatever it is subscribed to."""

WORDS = {
    WebhookEvent.TOKEN_GENERATED: "a token was generated",
    WebhookEvent.TOKEN_EXPIRING: "a token expires in 30, 7 or 1 days",
    WebhookEvent.TOKEN_EXPIRED: "a token expired",
    WebhookEvent.TOKEN_DELETED: "a token was deleted, by its owner or an administrator",
    WebhookEvent.TOKEN_NEW_ADDRESS: "a token was used from a new network",
    WebhookEvent.TOKEN_STOPPED: "a change of the policy stopped a token",
    WebhookEvent.DIGEST: "the weekly figures",
}


def payload_make(event: str, data: Mapping[str, Any], *, at: datetime) -> str:
    """The body of one event."""
    body = {"type": event, "version": VERSION, "timestamp": moment(at), "data": dict(data)}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def moment(value: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the millisecond."""
    if value is None:
        return None
    value = value.astimezone(UTC)
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
