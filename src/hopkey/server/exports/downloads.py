"""Lists as files, with the event that says who took them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.selectors import AuditFilter, audit_each, audit_filter_values
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.exports.files import FORMATS, file_of
from hopkey.server.exports.shapes import EVENT_COLUMNS, TOKEN_COLUMNS, event_shape, token_shape
from hopkey.server.tokens.oversight import Filter, filter_values, token_each_judged


@dataclass(frozen=True, slots=True)
class Download:
    """``pieces`` are made while they are read: a list of a million rows is never whole in memory."""

    name: str
    media: str
    pieces: Iterator[str]


def tokens_export(chosen: Filter, *, kind: str, by: Actor, now: datetime) -> Download:
    """The tokens of this filter. Raises `DomainError` (``filter_invalid``) for a `kind` that is not there."""
    _kind_check(kind)
    record(Event.TOKENS_EXPORTED, by=by, kind="token", label="tokens", detail={"filter": filter_values(chosen)})
    shapes = (token_shape(token, now=now, over=over) for token, over in token_each_judged(chosen, now=now))
    return Download(f"tokens-{now:%Y-%m-%d}.{kind}", FORMATS[kind], file_of(kind, shapes, TOKEN_COLUMNS))


def audit_export(chosen: AuditFilter, *, kind: str, by: Actor, now: datetime) -> Download:
    """The events of this filter. Raises `DomainError` (``filter_invalid``) for a `kind` that is not there."""
    _kind_check(kind)
    record(Event.AUDIT_EXPORTED, by=by, kind="audit", label="audit trail", detail=audit_filter_values(chosen))
    shapes = (event_shape(event) for event in audit_each(chosen))
    return Download(f"audit-{now:%Y-%m-%d}.{kind}", FORMATS[kind], file_of(kind, shapes, EVENT_COLUMNS))


def _kind_check(kind: str) -> None:
    if kind not in FORMATS:
        raise DomainError("filter_invalid", f"format is {' or '.join(FORMATS)}.", field="format")
