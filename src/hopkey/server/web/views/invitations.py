"""Accepting an invitation into a team, with an account or by making one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.accounts.models import User
from hopkey.server.errors import DomainError
from hopkey.server.people.services import person_create_invited
from hopkey.server.ui.actors import actor_of
from hopkey.server.web.views.links import BACKEND
from hopkey.server.workspaces.invitations import invitation_accept, invitation_get
from hopkey.server.workspaces.models import Workspace

_KEY = "invitation"


@require_safe
def take(request: HttpRequest, secret: str) -> HttpResponse:
    """Move the secret from the address into the session."""
    try:
        invitation_get(secret)
    except DomainError as error:  # no session for whoever tries addresses
        return render(request, "web/link_invalid.html", {"message": error.message}, status=404)
    request.session[_KEY] = secret
    return redirect("join")


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    secret = request.session.get(_KEY, "")
    try:
        invitation = invitation_get(secret)
    except DomainError as error:
        return render(request, "web/link_invalid.html", {"message": error.message}, status=404)
    context = {"invitation": invitation, "values": request.POST, "error": None}
    if request.method != "POST":
        return render(request, "web/join.html", context)
    try:
        team = _join(request, secret)
    except DomainError as error:
        return render(request, "web/join.html", {**context, "error": error}, status=error.status)
    request.session.pop(_KEY, None)
    messages.success(request, f"You are now in {team.name}.")
    return redirect("workspace", workspace_id=team.pk)


def _join(request: HttpRequest, secret: str) -> Workspace:
    if isinstance(request.user, User):
        return invitation_accept(secret=secret, user=request.user, by=actor_of(request))
    user, team = person_create_invited(
        secret=secret,
        email=request.POST.get("email", ""),
        name=request.POST.get("name", ""),
        password=request.POST.get("password", ""),
        by=actor_of(request),
    )
    kept = request.session.get(_KEY)
    login(request, user, backend=BACKEND)
    request.session[_KEY] = kept
    return team
