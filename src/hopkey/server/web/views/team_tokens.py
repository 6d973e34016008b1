"""The tokens that reach a team: for its owners, who may cut one off."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.errors import NotFound
from hopkey.server.exports.shapes import token_state
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import WORDS
from hopkey.server.tokens.selectors import tokens_cut_off, tokens_reaching
from hopkey.server.tokens.services import token_cut_off
from hopkey.server.tokens.standing import tokens_over
from hopkey.server.ui.access import recent_for_changes, signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.workspaces.models import Kind, Workspace
from hopkey.server.workspaces.selectors import workspace_get_to_govern

PAGE_SIZE = 25


@require_safe
@signed_in
def token_list(request: HttpRequest, workspace_id: str) -> HttpResponse:
    """Those that reach the team now, or with ``?show=cut-off`` those that were cut off."""
    team = _team(request, workspace_id)
    cut = request.GET.get("show") == "cut-off"
    pages: Paginator[Any] = Paginator(tokens_cut_off(team.pk) if cut else _reaching(team), PAGE_SIZE)
    page = pages.get_page(request.GET.get("page"))
    rows = list(page.object_list) if cut else _rows(list(page.object_list))
    context = {"workspace": team, "section": "team-tokens", "page": page, "rows": rows, "cut": cut}
    return render(request, "web/team_tokens.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recent_for_changes
def cut_off(request: HttpRequest, workspace_id: str, token_id: int) -> HttpResponse:
    """What it means, and doing it."""
    team = _team(request, workspace_id)
    if request.method == "POST":
        token = token_cut_off(token_id=token_id, team_id=team.pk, by=actor_of(request))
        messages.success(
            request, f"Cut off “{token.label}” of {token.owner.name}. It does not reach {team.name} any more."
        )
        return redirect("team_tokens", workspace_id=team.pk)
    found = _reaching(team).filter(pk=token_id).first()
    if found is None:
        raise NotFound("token_not_found", "There is no such token that reaches this team.")
    context = {"workspace": team, "section": "team-tokens", "token": found, "own": found.owner == request.user}
    return render(request, "web/team_token_cut_off.html", context)


def _reaching(team: Workspace) -> QuerySet[Token]:
    """Which other teams a token reaches is no business of this team's owners: not even read."""
    return tokens_reaching(team.pk).prefetch_related(None)


def _rows(tokens: list[Token]) -> list[dict[str, Any]]:
    now = timezone.now()
    over = tokens_over(tokens, policy=policy_get(), now=now)
    return [
        {
            "token": token,
            "state": token_state(token, now=now, over=over.get(token.pk)),
            "reason": WORDS[over[token.pk]] if token.pk in over else "",
        }
        for token in tokens
    ]


def _team(request: HttpRequest, workspace_id: str) -> Workspace:
    team = workspace_get_to_govern(user_of(request), workspace_id)
    if team.kind != Kind.TEAM:
        raise NotFound("workspace_not_found", "There is no such team.")
    return team
