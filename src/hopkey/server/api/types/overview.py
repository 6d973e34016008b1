"""Figures."""

from __future__ import annotations

from hopkey.server.api.types.base import Answer, Day, Moment


class FiguresDay(Answer):
    day: Day
    users: int | None
    teams: int | None
    live: int | None
    never_expires: int | None
    expiring: int | None
    unused: int | None
    generated: int
    deleted: int
    refused: int


class Overview(Answer):
    """``days``: oldest first; the last is as of ``at``."""

    at: Moment
    days: list[FiguresDay]
