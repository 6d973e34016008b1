"""A team as a whole, for its owners: its name, and deleting it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from hopkey.server.errors import DomainError
from hopkey.server.tokens.selectors import tokens_reaching
from hopkey.server.ui.access import recent_for_changes, signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.workspaces import services
from hopkey.server.workspaces.models import Workspace
from hopkey.server.workspaces.selectors import workspace_get_to_govern

SECTION = "team-settings"


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def settings(request: HttpRequest, workspace_id: str) -> HttpResponse:
    team = workspace_get_to_govern(user_of(request), workspace_id)
    context: dict[str, Any] = {"workspace": team, "name": team.name, "section": SECTION, "error": None}
    if request.method == "POST":
        name = request.POST.get("name", "")
        try:
            services.team_rename(team=team, name=name, by=actor_of(request))
        except DomainError as error:
            context |= {"name": name, "error": error}
            return render(request, "web/team_settings.html", context, status=error.status)
        messages.success(request, "Saved.")
        return redirect("team_settings", workspace_id=team.pk)
    return render(request, "web/team_settings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recent_for_changes
def delete(request: HttpRequest, workspace_id: str) -> HttpResponse:
    """What goes with it, and deleting it once its name was typed."""
    team = workspace_get_to_govern(user_of(request), workspace_id)
    error: DomainError | None = None
    if request.method == "POST":
        if " ".join(request.POST.get("confirmation", "").split()) == team.name:
            services.team_delete(team=team, by=actor_of(request))
            messages.success(request, f"Deleted the team {team.name}.")
            return redirect("home")
        error = DomainError("confirmation_wrong", f"Type the name of the team: {team.name}", field="confirmation")
    context = {"workspace": team, "section": SECTION, "error": error, **_holds(team)}
    return render(request, "web/team_delete.html", context, status=error.status if error else 200)


def _holds(team: Workspace) -> dict[str, int]:
    return {
        "members": team.memberships.count(),
        "collections": team.collections.filter(parent=None).count(),
        "environments": team.environments.count(),
        "tokens": tokens_reaching(team.pk).count(),
    }
