"""What an administrator looks at first: how many, and how it went in the last 30 days."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from hopkey.server.console.plots import bars, line
from hopkey.server.figures.services import figures_days, figures_take
from hopkey.server.ui.access import administrator_only

TILES = (
    ("live", "Live tokens", "tokens", "state=live"),
    ("never_expires", "Never expire", "tokens", "state=never_expires"),
    ("expiring", "Expire within 14 days", "tokens", "state=expiring"),
    ("unused", "Unused for 90 days", "tokens", "state=unused"),
    ("refused", "Refused attempts today", "audit", "event=token.refused"),
    ("users", "Users", "users", "state=active"),
    ("teams", "Teams", "", ""),
)


@require_safe
@administrator_only
def overview(request: HttpRequest) -> HttpResponse:
    days = figures_days(now=timezone.now())
    today = days[-1]
    tiles = [
        {
            "name": text,
            "value": getattr(today, field),
            "url": f"{reverse('console_' + page)}?{query}" if page else "",
            "line": line([getattr(day, field) for day in days]),
        }
        for field, text, page, query in TILES
    ]
    dates = [day.day for day in days]
    made = bars(dates, [("generated", [day.generated for day in days]), ("deleted", [day.deleted for day in days])])
    context = {
        "tiles": tiles,
        "made": made,
        "refused": bars(dates, [("refused", [day.refused for day in days])]),
        "days": days,
        "at": today.at,
        "section": "overview",
    }
    return render(request, "console/overview.html", context)


@require_POST
@administrator_only
def refresh(request: HttpRequest) -> HttpResponse:
    figures_take(now=timezone.now())
    messages.success(request, "Counted anew.")
    return redirect("console")
