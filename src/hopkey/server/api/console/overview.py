"""Figures of the last 30 days."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone

from hopkey.server.api.operations import Call, Operation, Route, later
from hopkey.server.api.types import Overview
from hopkey.server.figures.services import figures_days, figures_take
from hopkey.server.figures.shapes import figures_shape


def _get(call: Call) -> dict[str, Any]:
    return figures_shape(figures_days(now=timezone.now()))


def _refresh(call: Call) -> StreamingHttpResponse:
    return later(call, _counted)


def _counted() -> dict[str, Any]:
    now = timezone.now()
    figures_take(now=now)
    return figures_shape(figures_days(now=now))


ROUTES = (
    Route(
        "console/overview",
        "api_console_overview",
        [Operation("GET", _get, "Users, teams, tokens and refused attempts over 30 days", Overview)],
    ),
    Route(
        "console/overview/refresh",
        "api_console_overview_refresh",
        [Operation("POST", _refresh, "Count everything anew", Overview)],
    ),
)
