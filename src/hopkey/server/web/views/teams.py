"""Teams: making one, its members, invitations."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import user_get
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.ui.access import recent_for_changes, signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.workspaces import invitations, selectors, services
from hopkey.server.workspaces.models import Kind, Role, Workspace


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def team_new(request: HttpRequest) -> HttpResponse:
    name = request.POST.get("name", "")
    error = None
    if request.method == "POST":
        try:
            team = services.team_create(name=name, owner=user_of(request), by=actor_of(request))
        except DomainError as problem:
            error = problem
        else:
            messages.success(request, f"Created {team.name}.")
            return redirect("workspace", workspace_id=team.pk)
    return render(request, "web/team_new.html", {"name": name, "error": error}, status=error.status if error else 200)


@require_safe
@signed_in
def members(request: HttpRequest, workspace_id: str) -> HttpResponse:
    team, role = selectors.workspace_get_for(user_of(request), workspace_id)
    if team.kind != Kind.TEAM:
        raise NotFound("workspace_not_found", "A personal workspace has no members.")
    return render(request, "web/members.html", _context(team, role))


@require_POST
@signed_in
@recent_for_changes
def member_role(request: HttpRequest, workspace_id: str, user_id: str) -> HttpResponse:
    team = selectors.workspace_get_to_govern(user_of(request), workspace_id)
    member = user_get(user_id)
    services.member_role_set(team=team, user=member, role=_role(request), by=actor_of(request))
    messages.success(request, f"{member.name} is {_role(request).value.lower()} now.")
    return redirect("members", workspace_id=team.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recent_for_changes
def member_remove(request: HttpRequest, workspace_id: str, user_id: str) -> HttpResponse:
    """Owners remove anybody; anybody may leave."""
    user = user_of(request)
    if user_id == user.pk:
        team, role = selectors.workspace_get_for(user, workspace_id)
    else:
        team, role = selectors.workspace_get_to_govern(user, workspace_id), Role.OWNER
    member: User = user_get(user_id)
    if request.method != "POST":
        context = _shell(team, role) | {"member": member, "leaving": member == user}
        return render(request, "web/member_remove.html", context)
    services.member_remove(team=team, user=member, by=actor_of(request))
    if member == user:
        messages.success(request, f"You left {team.name}.")
        return redirect("home")
    messages.success(request, f"Removed {member.name}. Their tokens do not reach this team any more.")
    return redirect("members", workspace_id=team.pk)


@require_POST
@signed_in
@recent_for_changes
def invite(request: HttpRequest, workspace_id: str) -> HttpResponse:
    """The link is shown once, in this answer."""
    user = user_of(request)
    team = selectors.workspace_get_to_govern(user, workspace_id)
    try:
        invited = invitations.invitation_create(
            team=team, role=_role(request), email=request.POST.get("email", ""), inviter=user, by=actor_of(request)
        )
    except DomainError as error:
        context = _context(team, Role.OWNER) | {"error": error, "email": request.POST.get("email", "")}
        return render(request, "web/members.html", context, status=error.status)
    return render(request, "web/members.html", _context(team, Role.OWNER) | {"invited": invited}, status=201)


@require_POST
@signed_in
def invitation_revoke(request: HttpRequest, workspace_id: str, invitation_id: str) -> HttpResponse:
    team = selectors.workspace_get_to_govern(user_of(request), workspace_id)
    invitations.invitation_revoke(team=team, invitation_id=invitation_id, by=actor_of(request))
    messages.success(request, "The invitation does not work any more.")
    return redirect("members", workspace_id=team.pk)


def _shell(team: Workspace, role: Role) -> dict[str, Any]:
    return {"workspace": team, "role": role, "is_team": True, "section": "members"}


def _context(team: Workspace, role: Role) -> dict[str, Any]:
    may_govern = role == Role.OWNER
    return _shell(team, role) | {
        "members": list(selectors.member_list(team)),
        "invitations": list(selectors.invitation_list(team)) if may_govern else [],
        "may_govern": may_govern,
        "roles": list(Role),
        "error": None,
        "invited": None,
        "email": "",
    }


def _role(request: HttpRequest) -> Role:
    try:
        return Role(request.POST.get("role", ""))
    except ValueError:
        raise DomainError("role_invalid", "Choose owner, editor or viewer.", field="role") from None
