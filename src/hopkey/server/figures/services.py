"""Counting, and reading what was counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

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
    today = now.astimezone(UTC).date()
    ended = {"ends_at__gt": now}
    counted = {
        "at": now,
        "users": User.objects.filter(is_active=True).count(),
        "teams": Workspace.objects.filter(kind=Kind.TEAM).count(),
        "live": _live(ended),
        "never_expires": _live({"ends_at": FAR}),
        "expiring": _live({**ended, "ends_at__lte": now + timedelta(days=EXPIRING_DAYS)}),
        "unused": _live({**ended, "use__idle_since__lte": now - timedelta(days=UNUSED_DAYS)}),
    }
    known = set(Day.objects.filter(day__gt=today - timedelta(days=DAYS)).values_list("day", flat=True))
    for ago in range(DAYS - 1, 0, -1):
        day = today - timedelta(days=ago)
        # Yesterday is counted once more: its last events came after its last count.
        if day not in known or ago == 1:
            Day.objects.update_or_create(day=day, defaults=_events(day), create_defaults={"at": now, **_events(day)})
    row, _ = Day.objects.update_or_create(day=today, defaults={**counted, **_events(today)})
    return row


def _live(condition: dict[str, Any]) -> int:
    """Tokens under this condition, without those of deactivated owners: two counts by index where one would read every
    token's owner.
    """
    tokens = Token.objects.filter(**condition)
    inactive = User.objects.filter(is_active=False).values("pk")
    return tokens.count() - tokens.filter(owner_id__in=inactive).count()


def figures_days(*, now: datetime) -> Sequence[Day]:
    """The last `DAYS` days, oldest first; the last one is today.

    Counting takes seconds at a million tokens and is the maintenance process's work. Until it has counted today, today
    shows the newest count with today's events; only where nobody ever counted is it done here.
    """
    today = now.astimezone(UTC).date()
    days = list(_days(today))
    if not days:
        figures_take(now=now)
        return list(_days(today))
    last = days[-1]
    if last.day != today:
        kept = {name: getattr(last, name) for name in COUNTED}
        days.append(Day(day=today, at=last.at, **kept, **_events(today)))
    return days


def _days(today: date) -> QuerySet[Day]:
    return Day.objects.filter(day__gt=today - timedelta(days=DAYS), day__lte=today).order_by("day")


def _events(day: date) -> dict[str, int]:
    """Of one day, in one query along the index over time (COALESCE keeps that over kinds of events out)."""
    start = datetime.combine(day, time(), UTC)
    counts = {Event.TOKEN_GENERATED: 0, Event.TOKEN_DELETED: 0, Event.TOKEN_REFUSED: 0}
    found = (
        AuditEvent.objects.alias(kind=Coalesce("event", "event"))
        .filter(at__gte=start, at__lt=start + timedelta(days=1), kind__in=list(counts))
        .order_by()
        .values_list("event", "detail")
    )
    for event, detail in found.iterator(5000):
        counts[Event(event)] += int(detail.get("count", 1)) if event == Event.TOKEN_REFUSED else 1
    return {
        "generated": counts[Event.TOKEN_GENERATED],
        "deleted": counts[Event.TOKEN_DELETED],
        "refused": counts[Event.TOKEN_REFUSED],
    }
