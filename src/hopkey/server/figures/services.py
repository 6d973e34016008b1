"""Counting, and reading what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate

from hopkey.server.accounts.models import User
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.figures.models import Day
from hopkey.server.tokens.models import FAR, Token
from hopkey.server.tokens.oversight import EXPIRING_DAYS, UNUSED_DAYS
from hopkey.server.workspaces.models import Kind, Workspace

DAYS = 30
COUNTED = ("users", "teams", "live", "never_expires", "expiring", "unused")
"""The fields that say how many there are; the others are of one day's events."""


def figures_take(*, now: datetime) -> Day:
    """Count everything as of `now`, and fill in from the audit trail the days nobody counted."""
    return _take(now, list(_days(now)))[-1]


def _counted(now: datetime) -> dict[str, int]:
    """How many there are of everything, in one query.

    Tokens of deactivated owners are counted apart and taken off: two counts by index, where one of live tokens would
    read every token's owner.
    """
    unended = {"ends_at__gt": now}
    tokens: dict[str, dict[str, Any]] = {
        "live": unended,
        "never_expires": {"ends_at": FAR},
        "expiring": {**unended, "ends_at__lte": now + timedelta(days=EXPIRING_DAYS)},
        "unused": {**unended, "use__idle_since__lte": now - timedelta(days=UNUSED_DAYS)},
    }
    inactive = User.objects.filter(is_active=False).values("pk")
    wanted: list[QuerySet[Any]] = [User.objects.filter(is_active=True), Workspace.objects.filter(kind=Kind.TEAM)]
    for condition in tokens.values():
        found = Token.objects.filter(**condition)
        wanted += [found, found.filter(owner_id__in=inactive)]
    users, teams, *numbers = _counts(wanted)
    every, of_inactive = numbers[::2], numbers[1::2]
    live = {name: number - less for name, number, less in zip(tokens, every, of_inactive, strict=True)}
    return {"users": users, "teams": teams, **live}


def _counts(rows: Sequence[QuerySet[Any]]) -> Sequence[int]:
    parts: list[str] = []
    values: list[Any] = []
    for queryset in rows:
        statement, given = queryset.order_by().values("pk").query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({statement}) counted{len(parts)})")  # noqa: S608 - Django's statement
        values += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)
        return list(cursor.fetchone())


def figures_days(*, now: datetime) -> Sequence[Day]:
    """The last `DAYS` days, oldest first; days nobody counted may be missing, and the last one is today.

    Counting takes seconds at a million tokens and is the maintenance process's work. Until it has counted today, today
    shows the newest count with today's events; only where nobody ever counted is it done here.
    """
    days = list(_days(now))
    if not days:
        return _take(now, [])
    today, last = now.astimezone(UTC).date(), days[-1]
    if last.day != today:
        kept = {name: getattr(last, name) for name in COUNTED}
        days.append(Day(day=today, at=last.at, **kept, **_events([today])[today]))
    return days


def _days(now: datetime) -> QuerySet[Day]:
    today = now.astimezone(UTC).date()
    return Day.objects.filter(day__gt=today - timedelta(days=DAYS), day__lte=today).order_by("day")


def _take(now: datetime, known: Sequence[Day]) -> list[Day]:
    """Count; `known` are the days that were counted already. The days written, today last."""
    today = now.astimezone(UTC).date()
    counted = _counted(now)
    first = today - timedelta(days=DAYS - 1)
    there = {item.day: item for item in known}
    # Yesterday is counted once more: its last events came after its last count.
    dates = [first + timedelta(days=ahead) for ahead in range(DAYS)]
    dates = [day for day in dates if day not in there or day >= today - timedelta(days=1)]
    events = _events(dates)
    rows = [there.get(day) or Day(day=day, at=now) for day in dates]
    for row in rows:
        values = {**events[row.day], **({**counted, "at": now} if row.day == today else {})}
        for name, value in values.items():
            setattr(row, name, value)
    fields = [*_EVENTS, *counted, "at"]
    Day.objects.bulk_create(rows, update_conflicts=True, unique_fields=["day"], update_fields=fields)
    return rows


_EVENTS = ("generated", "deleted", "refused")


def _events(days: Sequence[date]) -> dict[date, dict[str, int]]:
    """How many of each event there were on each of these days, which are in order."""
    found = {day: dict.fromkeys(_EVENTS, 0) for day in days}
    start = datetime.combine(days[0], time(), UTC)
    events = AuditEvent.objects.filter(
        at__gte=start, at__lt=datetime.combine(days[-1], time(), UTC) + timedelta(days=1)
    )
    kinds = {Event.TOKEN_GENERATED.value: "generated", Event.TOKEN_DELETED.value: "deleted"}
    counted = events.filter(event__in=kinds).annotate(day=TruncDate("at", tzinfo=UTC)).order_by()
    for day, event, number in (
        counted.values("day", "event").annotate(number=Count("pk")).values_list("day", "event", "number")
    ):
        if day in found:
            found[day][kinds[event]] = number
    refused = events.filter(event=Event.TOKEN_REFUSED).order_by().values_list("at", "detail")
    for at, detail in refused.iterator():
        day = at.astimezone(UTC).date()
        if day in found:
            found[day]["refused"] += int(detail.get("count", 1))
    return found
