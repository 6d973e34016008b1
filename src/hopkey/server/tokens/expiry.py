"""How long a token may live: the choices, and the moment they mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

EXPIRY_DAYS = (7, 30, 60, 90)
DEFAULT_DAYS = 30
NEVER = "never"
FARTHEST_DAYS = 3650
"""How far away a chosen day may be."""


def expiry_moment(days: int | None, now: datetime) -> datetime | None:
    """When a token generated at `now` to live `days` days expires; None for never."""
    return None if days is None else now + timedelta(days=days)


def day_end(day: date) -> datetime:
    """When a token that lives to a chosen day expires: with the last second of that day, UTC."""
    return datetime.combine(day, time(23, 59, 59), UTC)


def last_day(now: datetime, days: int) -> date:
    """The latest day whose end is at most `days` days away."""
    latest = (now + timedelta(days=days)).astimezone(UTC)
    return latest.date() if day_end(latest.date()) <= latest else latest.date() - timedelta(days=1)
