"""The audit trail."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from hopkey.server.api.types.base import Answer, Cursor, Format, Input, Limit, Moment, Text
from hopkey.server.audit.models import Event

_EVENTS = sorted({item.value for item in Event} | {item.value.partition(".")[0] for item in Event})


class EventActor(Answer):
    id: str | None
    label: str | None


class EventSubject(Answer):
    kind: str | None
    id: str | None
    label: str | None


class EventInfo(Answer):
    id: str
    at: Moment
    event: str
    actor: EventActor
    subject: EventSubject
    address: str | None
    agent: str | None
    detail: dict[str, Any]


class AuditSearch(Input):
    """``subject`` may be a whole token in the body of a search: what is looked for is its public id."""

    event: Annotated[str, Meta(max_length=40, extra_json_schema={"enum": ["", *_EVENTS]})] = ""
    actor: Text = ""
    subject: Text = ""
    since: Annotated[str, Meta(max_length=10, description="a day (UTC)")] = ""
    until: Annotated[str, Meta(max_length=10, description="a day (UTC), included")] = ""


class AuditQuery(AuditSearch):
    cursor: Cursor = ""
    limit: Limit = 50


class AuditExportQuery(AuditSearch):
    format: Format = "csv"


class EventList(Answer):
    items: list[EventInfo]
    cursor: str


class Verification(Input):
    expect: Annotated[str, Meta(max_length=90, description="a head noted earlier, SEQ:HASH; empty: none was noted")] = (
        ""
    )


class VerdictInfo(Answer):
    """``head``: note it elsewhere, and ask for it next time."""

    whole: bool
    fault: str
    checked: int
    removed: int
    head: str
