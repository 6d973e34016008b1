"""The start page: the first team, or what to do when there is none."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import user_of
from hopkey.server.workspaces.selectors import team_list_for


@require_safe
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    team = team_list_for(user_of(request)).first()
    if team is not None:
        return redirect("workspace", workspace_id=team.pk)
    return render(request, "web/home.html")
