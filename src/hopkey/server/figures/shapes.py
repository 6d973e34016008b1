"""Figures as the JSON API and the command line show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hopkey.server.exports.shapes import moment
from hopkey.server.figures.models import Day


def figures_shape(days: Sequence[Day]) -> dict[str, Any]:
    """``{at, days}``: the days oldest first, and the moment of the newest count."""
    return {"at": moment(days[-1].at), "days": [_day(day) for day in days]}


def _day(day: Day) -> dict[str, Any]:
    return {
        "day": day.day.isoformat(),
        "users": day.users,
        "teams": day.teams,
        "live": day.live,
        "neverExpires": day.never_expires,
        "expiring": day.expiring,
        "unused": day.unused,
        "generated": day.generated,
        "deleted": day.deleted,
        "refused": day.refused,
    }
