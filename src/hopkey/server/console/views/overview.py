"""What an administrator looks at first: how many, and how it went in the last 30 days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from hopkey.server.console.plots import bars, line
from hopkey.server.figures.models import Day
from hopkey.server.figures.services import DAYS, figures_days, figures_take
from hopkey.server.ui.access import administrator_only

TILES = (
    ("live", "Live tokens", "console_tokens", "state=live"),
    ("never_expires", "Never expire", "console_tokens", "state=never_expires"),
    ("expiring", "Expire in 14 days", "console_tokens", "state=expiring"),
    ("unused", "Unused for 90 days", "console_tokens", "state=unused"),
    ("refused", "Refused today", "console_audit", "event=token.refused"),
    ("users", "Active users", "console_users", "state=active"),
    ("teams", "Teams", "", ""),
)
"""Field, text, and the list that shows the same things one by one."""


@require_safe
@administrator_only
def overview(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    counted = figures_days(now=now)
    dates, days = _by_day(counted, now)
    newest = counted[-1]
    tiles = [_tile(field, text, page, query, days, newest, dates[-1]) for field, text, page, query in TILES]
    context = {
        "tiles": tiles,
        "plots": [
            _plot("Generated and deleted", dates, days, ("generated", "deleted"), "No token was generated."),
            _plot("Refused attempts", dates, days, ("refused",), "No attempt was refused in the last 30 days."),
        ],
        "names": [text for _, text, _, _ in _COLUMNS],
        "table": [
            (day, [None if found is None else getattr(found, field) for field, *_ in _COLUMNS])
            for day, found in reversed(list(zip(dates, days, strict=True)))
        ],
        "at": newest.at,
        "section": "overview",
    }
    return render(request, "console/overview.html", context)


_COLUMNS = (
    *(item for item in TILES if item[0] != "refused"),
    ("generated", "Generated", "", ""),
    ("deleted", "Deleted", "", ""),
    ("refused", "Refused", "", ""),
)


@require_POST
@administrator_only
def refresh(request: HttpRequest) -> HttpResponse:
    figures_take(now=timezone.now())
    messages.success(request, "Counted anew.")
    return redirect("console")


def _by_day(counted: Sequence[Day], now: datetime) -> tuple[list[date], list[Day | None]]:
    """The last `DAYS` days without a gap, and what is known of each."""
    today = now.astimezone(UTC).date()
    known = {item.day: item for item in counted}
    dates = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    return dates, [known.get(day) for day in dates]


def _tile(
    field: str, text: str, page: str, query: str, days: Sequence[Day | None], newest: Day, today: date
) -> dict[str, Any]:
    values = [None if day is None else getattr(day, field) for day in days]
    value = getattr(newest, field)
    before = next((item for item in values[:-7] if item is not None), None) if field != "refused" else None
    note = ""
    if before is not None and value is not None and value != before:
        note = f"{value - before:+d} in 30 days"
    if field == "refused" and newest.day != today:
        text = f"Refused on {newest.day.day} {newest.day:%b}"
    return {
        "name": text,
        "value": value,
        "note": note,
        "url": f"{reverse(page)}?{query}" if page else "",
        "line": line(values),
    }


def _plot(
    title: str, dates: Sequence[date], days: Sequence[Day | None], fields: Sequence[str], empty: str
) -> dict[str, Any]:
    series = [(field, [0 if day is None else getattr(day, field) for day in days]) for field in fields]
    wide, narrow = (bars(dates, series, size) for size in ("wide", "narrow"))
    totals = ", ".join(f"{sum(values)} {field}" for field, values in series)
    return {
        "title": title,
        "wide": wide,
        "both": (wide, narrow),
        "keys": fields if len(fields) > 1 else (),
        "words": f"{title} by day, over 30 days: {totals}. The table below has the numbers.",
        "empty": empty,
    }
