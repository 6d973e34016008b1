"""Whether a presented automation token may be used now, and for what. Pure.

Order of the checks: form and checksum (`hopkey.server.tokens.format`), digest, expiry, creator, network. As with
personal tokens, "expired" is said only to somebody who holds the right secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hopkey.server.addresses import is_within
from hopkey.server.config import Network


class Access(StrEnum):
    """What an automation token is for; chosen when it is generated."""

    FULL = "full"
    READ = "read"
    SCIM = "scim"


class Need(StrEnum):
    """What a route asks of the token: to read, to change, or to provision people and groups."""

    READ = "read"
    WRITE = "write"
    SCIM = "scim"


ALLOWS = {
    Access.FULL: frozenset({Need.READ, Need.WRITE, Need.SCIM}),
    Access.READ: frozenset({Need.READ}),
    Access.SCIM: frozenset({Need.SCIM}),
}


class Refusal(StrEnum):
    """Why a token was refused. Only `MISSING` and `EXPIRED` are told apart by the answer; the rest look alike."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CREATOR_INACTIVE = "creator_inactive"
    CREATOR_NO_ADMINISTRATOR = "creator_no_administrator"
    NETWORK = "network"


GUESSES = frozenset({Refusal.MALFORMED, Refusal.UNKNOWN})
"""Refusals of somebody who holds no token of ours: counted towards the limit by address."""


@dataclass(frozen=True, slots=True)
class AutomationRecord:
    """What is stored of a token and of its creator. ``expires_at``: seconds since the epoch, None for never."""

    public_id: str
    digest: bytes = field(repr=False)
    access: Access
    creator_active: bool
    creator_administrator: bool
    expires_at: float | None
    networks: Sequence[Network]


def judge(record: AutomationRecord | None, *, digest: bytes, now: float, address: str) -> Refusal | None:
    """None when the token may be used at `now` (seconds since the epoch) from `address`, else why not."""
    if record is None or not hmac.compare_digest(record.digest, digest):
        return Refusal.UNKNOWN
    if record.expires_at is not None and now >= record.expires_at:
        return Refusal.EXPIRED
    if not record.creator_active:
        return Refusal.CREATOR_INACTIVE
    if not record.creator_administrator:
        return Refusal.CREATOR_NO_ADMINISTRATOR
    if record.networks and not is_within(address, record.networks):
        return Refusal.NETWORK
    return None
