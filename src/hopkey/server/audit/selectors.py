"""Reading the audit trail, newest first, by its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q, QuerySet

from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.errors import DomainError

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """``actor``: id or e-mail address of who acted; ``subject``: id of what it was done to (of a token: its public id),
    or its label; ``event``: the name of an event or the first part of one (``token``); days are of UTC, both included.
    """

    event: str = ""
    actor: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None


def audit_filter_read(values: Mapping[str, str]) -> AuditFilter:
    """A filter from texts. Raises `DomainError` (``filter_invalid``)."""
    event = (values.get("event") or "").strip()
    if event and event not in set(Event) and event not in {item.value.partition(".")[0] for item in Event}:
        raise DomainError("filter_invalid", f"There is no event {event[:50]!r}.", field="event")
    days: dict[str, date | None] = {}
    for name in ("since", "until"):
        text = (values.get(name) or "").strip()
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError:
            raise DomainError("filter_invalid", f"{name} is a day such as 2026-11-24.", field=name) from None
    actor, subject = ((values.get(name) or "").strip()[:254].replace("\0", "") for name in ("actor", "subject"))
    return AuditFilter(event=event, actor=actor, subject=subject, since=days["since"], until=days["until"])


def audit_filter_values(chosen: AuditFilter) -> dict[str, str]:
    """What a filter asks for, for addresses, forms and the audit trail itself."""
    values = {
        "event": chosen.event,
        "actor": chosen.actor,
        "subject": chosen.subject,
        "since": chosen.since.isoformat() if chosen.since else "",
        "until": chosen.until.isoformat() if chosen.until else "",
    }
    return {name: value for name, value in values.items() if value}


def audit_list(chosen: AuditFilter, *, before: int | None = None) -> QuerySet[AuditEvent]:
    """The events of this filter, newest first; `before`: those with a smaller id."""
    events = AuditEvent.objects.order_by("-id")
    if chosen.event and "." in chosen.event:
        events = events.filter(event=chosen.event)
    elif chosen.event:
        events = events.filter(event__in=[item.value for item in Event if item.value.startswith(chosen.event + ".")])
    if chosen.actor:
        by_label = Q(actor_label__iexact=chosen.actor) if "@" in chosen.actor else Q()
        events = events.filter(by_label or Q(actor_id=chosen.actor))
    if chosen.subject:
        subject = Q(subject_id=chosen.subject)
        if not chosen.subject.isalnum() or len(chosen.subject) < 12:
            subject |= Q(subject_label__iexact=chosen.subject)
        events = events.filter(subject)
    if chosen.since:
        events = events.filter(at__gte=datetime.combine(chosen.since, time(), UTC))
    if chosen.until:
        events = events.filter(at__lt=datetime.combine(chosen.until, time(), UTC) + timedelta(days=1))
    return events if before is None else events.filter(pk__lt=before)


def audit_each(chosen: AuditFilter, *, chunk: int = 2000) -> Iterator[AuditEvent]:
    """Every event of this filter, newest first, read by pages."""
    before: int | None = None
    while True:
        page = list(audit_list(chosen, before=before)[:chunk])
        yield from page
        if len(page) < chunk:
            return
        before = page[-1].pk


def audit_before_read(text: str) -> int | None:
    """The cursor of a page. Raises `DomainError` (``cursor_invalid``)."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise DomainError("cursor_invalid", "This page of the list does not exist: go back to the first.")
    return int(text)
