"""Reading the audit trail, newest first, by its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.errors import DomainError

PAGE_SIZE = 50
_SLACK = timedelta(hours=1)
"""By how much an event's time and the order of ids may disagree: events get their time before, their id at writing."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """``actor``: id or e-mail address of who acted; ``subject``: id of what it was done to (of a token: its public id),
    or its whole label; ``event``: the name of an event or the first part of one (``token``); days are of UTC, both
    included.
    """

    event: str = ""
    actor: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None


_PUBLIC_ID = 12
"""Characters of a token's public id (`hopkey.server.tokens.format`)."""


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
    # Each condition by one index that is in the order of ids: an OR of two would have to sort everything it finds.
    if chosen.actor:
        at_sign = "@" in chosen.actor
        events = events.filter(actor_label=chosen.actor.lower()) if at_sign else events.filter(actor_id=chosen.actor)
    if chosen.subject:
        used_as = f"hki_{chosen.subject}"
        by_id, acted = _there(chosen.subject, used_as)
        if acted:
            # Of an automation token also what was done with it: whoever looks for a leaked one wants to know.
            events = events.filter(Q(subject_id=chosen.subject) | Q(actor_id=used_as))
        else:
            events = events.filter(**{"subject_id" if by_id else "subject_label": chosen.subject})
    if chosen.since or chosen.until:
        events = _between(events, chosen.since, chosen.until)
    return events if before is None else events.filter(pk__lt=before)


def _between(events: QuerySet[AuditEvent], since: date | None, until: date | None) -> QuerySet[AuditEvent]:
    """Of these days. Ids follow time to within `_SLACK`, so that the days are a range of ids too: it is found by the
    index over time, and walked along in the order of ids.
    """
    by_time = AuditEvent.objects.values_list("pk", flat=True)
    # COALESCE keeps the index over time out of the query itself: it would lose the order.
    events = events.alias(moment=Coalesce("at", "at"))
    if since:
        start = datetime.combine(since, time(), UTC)
        before = by_time.filter(at__lt=start - _SLACK).order_by("-at").first()
        events = events.filter(moment__gte=start, pk__gt=before or 0)
    if until:
        end = datetime.combine(until, time(), UTC) + timedelta(days=1)
        events = events.filter(moment__lt=end)
        after = by_time.filter(at__gte=end + _SLACK).order_by("at").first()
        if after is not None:
            events = events.filter(pk__lt=after)
    return events


def _there(subject_id: str, actor_id: str) -> tuple[bool, bool]:
    """Whether there are events of this subject, and of this actor; one query by index."""
    table = AuditEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT 1 FROM {table} WHERE subject_id = %s), "  # noqa: S608 - our own table
            f"EXISTS (SELECT 1 FROM {table} WHERE actor_id = %s)",
            [subject_id, actor_id],
        )
        by_id, acted = cursor.fetchone()
    return bool(by_id), bool(acted)


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
