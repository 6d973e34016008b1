"""``/v1/infra/workspaces``: every team, with its members and invitations. Personal workspaces do not exist here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import user_get, user_get_by_id
from hopkey.server.api.guard import BadRequest, reply
from hopkey.server.api.infra.checks import Checks, moment
from hopkey.server.api.infra.guard import Call, route
from hopkey.server.workspaces import selectors, services
from hopkey.server.workspaces.counts import RoleCounts, role_counts
from hopkey.server.workspaces.invitations import invitation_revoke
from hopkey.server.workspaces.models import Invitation, Membership, Workspace

_DONE = {"message": "true"}


def list_(call: Call) -> HttpResponse:
    checks = Checks(call.query, "searchString", "skip", "take")
    text = checks.text("searchString", optional=True, least=1)
    skip, take = checks.page()
    checks.done()
    found = selectors.team_list()
    teams = list((found.filter(name__icontains=text) if text else found)[skip : skip + take])
    counts = role_counts([team.pk for team in teams])
    return reply([_shape(team, counts[team.pk]) for team in teams])


def create(call: Call) -> HttpResponse:
    """``{name, userUid}`` -> 201 the team; its first owner is that person, or else the creator of the token."""
    checks = Checks(call.body(), "name", "userUid")
    name, uid = checks.text("name"), checks.text("userUid", optional=True)
    checks.done()
    owner = user_get_by_id(uid) if uid else call.creator
    team = services.team_create(name=name, owner=owner, by=call.by)
    return reply(_whole(team), 201)


def get(call: Call, workspace_id: str) -> HttpResponse:
    return reply(_whole(selectors.team_get(workspace_id)))


def update(call: Call, workspace_id: str) -> HttpResponse:
    """``{name}`` -> the team."""
    checks = Checks(call.body(), "name")
    name = checks.text("name")
    checks.done()
    team = selectors.team_get(workspace_id)
    services.team_rename(team=team, name=name, by=call.by)
    return reply(_whole(team))


def delete(call: Call, workspace_id: str) -> HttpResponse:
    services.team_delete(team=selectors.team_get(workspace_id), by=call.by)
    return reply(_DONE)


def members_list(call: Call, workspace_id: str) -> HttpResponse:
    return reply([_member(item) for item in selectors.member_list(selectors.team_get(workspace_id))])


def count_of(role: Callable[[RoleCounts], int]) -> Callable[[Call, str], HttpResponse]:
    def view(call: Call, workspace_id: str) -> HttpResponse:
        team = selectors.team_get(workspace_id)
        return reply({"count": role(role_counts([team.pk])[team.pk])})

    return view


def member_add(call: Call, workspace_id: str) -> HttpResponse:
    """``{userUid | userEmail, role}`` -> 201 the member."""
    checks = Checks(call.body(), "userUid", "userEmail", "role")
    uid, email = checks.text("userUid", optional=True), checks.text("userEmail", optional=True)
    role = checks.role("role")
    checks.done()
    if bool(uid) == bool(email):
        message = ["either userUid or userEmail should not be empty"]
        raise BadRequest({"message": message, "error": "Bad Request", "statusCode": 400})
    team = selectors.team_get(workspace_id)
    user = user_get_by_id(uid) if uid else user_get(email)
    return reply(_member(services.member_add(team=team, user=user, role=role, by=call.by)), 201)


def member_role(call: Call, workspace_id: str, uid: str) -> HttpResponse:
    """``{role}`` -> the member."""
    checks = Checks(call.body(), "role")
    role = checks.role("role")
    checks.done()
    team, user = selectors.team_get(workspace_id), user_get_by_id(uid)
    services.member_role_set(team=team, user=user, role=role, by=call.by)
    return reply(_member(_membership(team, user)))


def member_remove(call: Call, workspace_id: str, uid: str) -> HttpResponse:
    """That person's tokens do not reach the team any more from the moment of the answer on."""
    services.member_remove(team=selectors.team_get(workspace_id), user=user_get_by_id(uid), by=call.by)
    return reply(_DONE)


def invitation_list(call: Call, workspace_id: str) -> HttpResponse:
    team = selectors.team_get(workspace_id)
    return reply([_invitation(item) for item in selectors.invitation_list(team)])


def invitation_delete(call: Call, workspace_id: str, invitation_id: str) -> HttpResponse:
    invitation_revoke(team=selectors.team_get(workspace_id), invitation_id=invitation_id, by=call.by)
    return reply(_DONE)


def _membership(team: Workspace, user: User) -> Membership:
    return team.memberships.select_related("user").get(user=user)


def _whole(team: Workspace) -> dict[str, Any]:
    members = list(selectors.member_list(team))
    return {
        **_shape(team, role_counts([team.pk])[team.pk]),
        "members": [_member(item) for item in members],
        "invitations": [_invitation(item) for item in selectors.invitation_list(team)],
    }


def _shape(team: Workspace, counts: RoleCounts) -> dict[str, Any]:
    return {
        "id": team.pk,
        "name": team.name,
        "createdOn": moment(team.created_at),
        "owner_count": counts.owners,
        "editor_count": counts.editors,
        "viewer_count": counts.viewers,
        "member_count": counts.members,
    }


def _member(item: Membership) -> dict[str, Any]:
    return {
        "uid": item.user_id,
        "displayName": item.user.name,
        "email": item.user.email,
        "role": item.role,
        "joinedOn": moment(item.joined_at),
    }


def _invitation(item: Invitation) -> dict[str, Any]:
    return {
        "id": item.pk,
        "inviteeEmail": item.email or None,
        "inviteeRole": item.role,
        "invitedOn": moment(item.created_at),
        "expiresOn": moment(item.expires_at),
    }


teams = route(GET=list_, POST=create)
team = route(GET=get, PATCH=update, DELETE=delete)
team_members = route(GET=members_list)
team_owners_count = route(GET=count_of(lambda counts: counts.owners))
team_editors_count = route(GET=count_of(lambda counts: counts.editors))
team_viewers_count = route(GET=count_of(lambda counts: counts.viewers))
team_user = route(POST=member_add)
team_user_one = route(DELETE=member_remove)
team_user_role = route(PATCH=member_role)
team_invitations = route(GET=invitation_list)
team_invitation = route(DELETE=invitation_delete)
