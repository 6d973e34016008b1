"""Tokens of everybody: find, look at, export, delete one or many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from hopkey.server.access.selectors import teams_reached
from hopkey.server.audit.selectors import AuditFilter, audit_list
from hopkey.server.console.views.parts import address, chips, details_of, download
from hopkey.server.errors import DomainError
from hopkey.server.exports.downloads import tokens_export
from hopkey.server.exports.shapes import token_state
from hopkey.server.tokens import oversight
from hopkey.server.tokens.format import is_well_formed
from hopkey.server.tokens.oversight import Filter, Sort, State, filter_values
from hopkey.server.tokens.policy import WORDS
from hopkey.server.ui.access import administrator_only, administrator_reads
from hopkey.server.ui.actors import actor_of
from hopkey.server.workspaces.selectors import team_choices, team_find

STATES = (
    (State.ANY, "Any state"),
    (State.LIVE, "Live"),
    (State.EXPIRING, "Expires within 14 days"),
    (State.EXPIRED, "Expired"),
    (State.UNUSED, "Unused for 90 days"),
    (State.NEVER_USED, "Never used"),
    (State.NEVER_EXPIRES, "Never expires"),
    (State.OWNER_INACTIVE, "Owner deactivated"),
    (State.OVER_POLICY, "Stopped by policy"),
)
SORTS = (
    (Sort.NEWEST, "Newest first"),
    (Sort.OLDEST, "Oldest first"),
    (Sort.EXPIRES_FIRST, "Expires soonest"),
    (Sort.EXPIRES_LAST, "Expires last"),
    (Sort.IDLE_FIRST, "Longest unused"),
    (Sort.IDLE_LAST, "Used last"),
)
_HEADS = (
    ("Created", Sort.NEWEST, Sort.OLDEST),
    ("Expires", Sort.EXPIRES_FIRST, Sort.EXPIRES_LAST),
    ("Last used", Sort.IDLE_LAST, Sort.IDLE_FIRST),
)
_CHIPS = {"text": "Search", "state": "State", "owner": "Owner", "team": "Team"}
_TEAMS = 3
"""Teams of a token that a list names."""


@require_safe
@administrator_only
def token_list(request: HttpRequest) -> HttpResponse:
    error = None
    chosen, team, teams = Filter(), None, None
    page = oversight.Page([], "", {})
    now = timezone.now()
    try:
        chosen = oversight.filter_read(request.GET.dict())
        if is_well_formed(chosen.text):
            # Somebody wrote it into the address: it must not stay there.
            return _found_by_token(request, chosen.text)
        teams, team = team_choices(), None
        if chosen.team:
            team = team_find(chosen.team, among=teams)
            chosen = replace(chosen, team=team.pk)
        page = oversight.token_page(chosen, cursor=request.GET.get("after", ""), now=now, grants=False)
    except DomainError as found:
        error = found
    values = filter_values(chosen)
    rows = rows_of(page, now)
    texts = {"state": dict(STATES)[chosen.state], "team": team.name if team else chosen.team}
    context = {
        "rows": rows,
        "chosen": chosen,
        "values": values,
        "chips": chips(values, _CHIPS, texts),
        "clear": reverse("console_tokens"),
        "narrowed": any(name in _CHIPS for name in values) or "after" in request.GET,
        "states": STATES,
        "sorts": [item for item in SORTS if _possible(chosen, item[0])],
        "teams": teams,
        "heads": _heads(chosen, values),
        "order_words": dict(SORTS)[chosen.sort].lower(),
        "encoded": urlencode(values),
        "export_url": reverse("console_tokens_export"),
        "next": address(values, after=page.cursor) if page.cursor else "",
        "first": address(values) if request.GET.get("after") else "",
        "searched_to": page.searched_to,
        "oldest_first": chosen.sort is Sort.OLDEST,
        "error": error,
        "section": "tokens",
    }
    return render(request, "console/tokens.html", context, status=error.status if error else 200)


@require_POST
@administrator_reads
def search(request: HttpRequest) -> HttpResponse:
    """The search box posts, so that a pasted token stands in no address, history or log."""
    try:
        chosen = oversight.filter_read(request.POST.dict())
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("console_tokens")
    if is_well_formed(chosen.text):
        return _found_by_token(request, chosen.text)
    return redirect(reverse("console_tokens") + address(filter_values(chosen)))


@require_safe
@administrator_only
def token(request: HttpRequest, token_id: int) -> HttpResponse:
    now = timezone.now()
    page = oversight.token_get(token_id, now=now)
    (row,) = rows_of(page, now)
    public_id = page.tokens[0].public_id
    events = [(event, details_of(event)) for event in audit_list(AuditFilter(subject=public_id))[:20]]
    context = {"row": row, "events": events, "section": "tokens"}
    return render(request, "console/token.html", context)


@require_GET
@administrator_only
def export(request: HttpRequest) -> StreamingHttpResponse:
    chosen = oversight.filter_read(request.GET.dict())
    if chosen.team:
        chosen = replace(chosen, team=team_find(chosen.team).pk)
    kind = request.GET.get("format", "csv")
    return download(request, tokens_export(chosen, kind=kind, by=actor_of(request), now=timezone.now()))


def rows_of(page: oversight.Page, now: datetime) -> list[dict[str, Any]]:
    """What a list shows of each token."""
    reached = teams_reached([item.pk for item in page.tokens])
    rows, soon = [], now + timedelta(days=oversight.EXPIRING_DAYS)
    for item in page.tokens:
        over, teams = page.over.get(item.pk), [name for _, name in reached[item.pk]]
        state = token_state(item, now=now, over=over)
        row = {
            "token": item,
            "state": state,
            "why": WORDS[over] if over and state == "over_policy" else "",
            "teams": teams[:_TEAMS],
            "all_teams": teams,
            "team_count": len(teams),
            "more_teams": max(0, len(teams) - _TEAMS),
            "soon": state == "live" and item.expires_at is not None and item.expires_at <= soon,
        }
        rows.append(row)
    return rows


def _found_by_token(request: HttpRequest, text: str) -> HttpResponse:
    """By digest. What was pasted is gone after this line."""
    page = oversight.token_page(Filter(text=text), limit=1)
    if not page.tokens:
        messages.info(request, "No token of this server has that secret: it was deleted, or was never made here.")
        return redirect("console_tokens")
    return redirect("console_token", token_id=page.tokens[0].pk)


def _possible(chosen: Filter, sort: Sort) -> bool:
    """Whether this state can be listed in this order."""
    return replace(chosen, sort=sort).settled().sort is sort


def _heads(chosen: Filter, values: Mapping[str, str]) -> list[dict[str, str]]:
    """The columns a list can be ordered by: where a click leads, and how they are ordered now."""
    heads = []
    for text, first, second in _HEADS:
        here = chosen.sort in (first, second)
        other = second if chosen.sort is first else first
        url = address({**values, "sort": other.value}) if _possible(chosen, other) else ""
        aria = ("descending" if chosen.sort.value.startswith("-") else "ascending") if here else ""
        heads.append({"text": text, "url": url, "aria": aria})
    return heads
