"""How long a token may live: the choices, and the moment they mean."""

from __future__ import annotations

from datetime import datetime, timedelta

EXPIRY_DAYS = (7, 30, 60, 90)
DEFAULT_DAYS = 30
NEVER = "never"


def expiry_moment(days: int | None, now: datetime) -> datetime | None:
    """When a token generated at `now` to live `days` days expires; None for never."""
    return None if days is None else now + timedelta(days=days)
