"""Profile settings, Personal Access Tokens."""

from __future__ import annotations

import re
import secrets
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.errors import DomainError
from hopkey.server.exports.shapes import token_state
from hopkey.server.tokens import selectors, services
from hopkey.server.tokens.expiry import EXPIRY_DAYS, NEVER, expiry_moment
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import WORDS, Policy
from hopkey.server.tokens.standing import offer_for, tokens_over
from hopkey.server.ui.access import recent_for_changes, signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.ui.once import form_is_new
from hopkey.server.web.views.pages import server_address
from hopkey.server.workspaces.models import Workspace
from hopkey.server.workspaces.selectors import team_list_for

PAGE_SIZE = 12
DATE = "date"
"""The choice of a day of one's own."""


@require_safe
@signed_in
def token_list(request: HttpRequest) -> HttpResponse:
    form = _form_context(request)
    return render(request, "web/tokens.html", form | _list_context(request, form["teams"], form["offer"].policy))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recent_for_changes
def token_new(request: HttpRequest) -> HttpResponse:
    """The form as a page of its own, and generation: the token is shown in the answer to the POST, and never again."""
    if request.method != "POST":
        return render(request, "web/token_new.html", _form_context(request))
    user = user_of(request)
    restricted = request.POST.get("reach") == "some"
    try:
        days, until = _expiry(request)
        if not form_is_new("token", user.pk, request.POST.get("once", "")):
            messages.info(request, "That token was generated already; it is shown only once.")
            return redirect("tokens")
        made = services.token_generate_for(
            owner=user,
            label=request.POST.get("label", ""),
            days=days,
            until=until,
            team_ids=request.POST.getlist("teams") if restricted else None,
            networks=[part for part in re.split(r"[\s,;]+", request.POST.get("networks", "")) if part],
            by=actor_of(request),
        )
    except DomainError as error:
        return render(request, "web/token_new.html", _form_context(request) | {"error": error}, status=error.status)
    server = server_address(request)
    context = {
        "token": made.token,
        "text": made.text,
        "command": f"hopkey test COLLECTION_ID --server {server} --token {made.text}",
        "tab": "tokens",
    }
    return render(request, "web/token_shown.html", context, status=201)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recent_for_changes
def token_delete(request: HttpRequest, token_id: int) -> HttpResponse:
    user = user_of(request)
    token = selectors.token_get(token_id=token_id, owner=user)
    if request.method != "POST":
        return render(request, "web/token_delete.html", {"token": token, "tab": "tokens"})
    services.token_delete(token_id=token.pk, owner=user, by=actor_of(request), reason="deleted by its owner")
    messages.success(request, f"Deleted “{token.label}”. It is refused from now on.")
    return redirect("tokens")


def _list_context(request: HttpRequest, mine: list[Workspace], policy: Policy) -> dict[str, Any]:
    user, now = user_of(request), timezone.now()
    page = Paginator(selectors.token_list_own(user), PAGE_SIZE).get_page(request.GET.get("page"))
    tokens = list(page.object_list)
    over = tokens_over(tokens, policy=policy, now=now)
    teams = {team.pk for team in mine}
    rows = [
        {
            "token": token,
            "state": token_state(token, now=now, over=over.get(token.pk)),
            "reason": WORDS[over[token.pk]] if token.pk in over else "",
            **_reach(token, teams),
        }
        for token in tokens
    ]
    return {"page": page, "rows": rows, "tab": "tokens"}


def _reach(token: Token, teams: set[str]) -> dict[str, Any]:
    """The teams a restricted token reaches, those it names but its owner has left, and those it was cut off from."""
    cut = {item.workspace_id: item for item in token.cutoffs.all() if item.workspace_id in teams}
    granted = [grant.workspace for grant in token.grants.all()]
    return {
        "reached": [team for team in granted if team.pk in teams and team.pk not in cut],
        "left": [team for team in granted if team.pk not in teams],
        "cut": [
            item
            for item in cut.values()
            if not token.restricted or any(team.pk == item.workspace_id for team in granted)
        ],
        "nothing": not token.restricted and teams <= cut.keys(),
    }


def _form_context(request: HttpRequest) -> dict[str, Any]:
    user, now = user_of(request), timezone.now()
    offer = offer_for(user, policy=policy_get(), now=now)
    choices = [(str(days), f"{days} days", expiry_moment(days, now)) for days in offer.days]
    default = str(offer.default) if offer.default else DATE
    return {
        "offer": offer,
        "choices": choices,
        "never": NEVER,
        "chosen": request.POST.get("expiry", default),
        "day": request.POST.get("day", ""),
        "label": request.POST.get("label", ""),
        "networks": request.POST.get("networks", ""),
        "address": request.META.get("REMOTE_ADDR", ""),
        "teams": list(team_list_for(user)),
        "chosen_teams": request.POST.getlist("teams"),
        "reach": request.POST.get("reach", "all"),
        "once": secrets.token_urlsafe(16),
        "error": None,
        "tab": "tokens",
    }


def _expiry(request: HttpRequest) -> tuple[int | None, date | None]:
    """The lifetime in days (None: never), or the chosen day. Raises `DomainError` (``expiry_invalid``)."""
    chosen = request.POST.get("expiry", "")
    if chosen == DATE:
        try:
            return None, date.fromisoformat(request.POST.get("day", ""))
        except ValueError:
            raise DomainError("expiry_invalid", "Choose the last day on which it works.", field="expiry") from None
    if chosen != NEVER and chosen not in {str(item) for item in EXPIRY_DAYS}:
        raise DomainError("expiry_invalid", "Choose when the token expires.", field="expiry")
    return (None if chosen == NEVER else int(chosen)), None
