"""``/v1/infra/users``: everybody with an account."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import user_get_by_id
from hopkey.server.accounts.services import user_update
from hopkey.server.api.guard import reply
from hopkey.server.api.infra.checks import Checks, moment
from hopkey.server.api.infra.guard import Call, route
from hopkey.server.errors import NotFound
from hopkey.server.people import services
from hopkey.server.people.selectors import person_list
from hopkey.server.workspaces.counts import role_counts
from hopkey.server.workspaces.selectors import membership_list

_DONE = {"message": "true"}
"""The official server turns its ``true`` into a text."""


def list_(call: Call) -> HttpResponse:
    checks = Checks(call.query, "searchString", "skip", "take")
    text = checks.text("searchString", optional=True, least=1)
    skip, take = checks.page()
    checks.done()
    return reply([_shape(user) for user in person_list(text=text)[skip : skip + take]])


def get(call: Call, uid: str) -> HttpResponse:
    return reply(_shape(_person(uid)))


def update(call: Call, uid: str) -> HttpResponse:
    """``{displayName}`` -> the person."""
    checks = Checks(call.body(), "displayName")
    name = checks.text("displayName", optional=True, least=1)
    checks.done()
    user = user_get_by_id(uid)
    if name:
        user_update(user=user, name=name, by=call.by)
    return reply(_shape(_person(uid)))


def delete(call: Call, uid: str) -> HttpResponse:
    services.person_delete(user=user_get_by_id(uid), by=call.by)
    return reply(_DONE)


def admin_status(call: Call, uid: str) -> HttpResponse:
    """``{isAdmin}`` -> ``{message}``."""
    checks = Checks(call.body(), "isAdmin")
    administrator = checks.flag("isAdmin")
    checks.done()
    services.person_administrator_set(user=user_get_by_id(uid), administrator=administrator, by=call.by)
    return reply(_DONE)


def deactivate(call: Call, uid: str) -> HttpResponse:
    """Sessions and tokens are refused from the moment of the answer on."""
    services.person_deactivate(user=user_get_by_id(uid), by=call.by)
    return reply(_shape(_person(uid)))


def reactivate(call: Call, uid: str) -> HttpResponse:
    services.person_reactivate(user=user_get_by_id(uid), by=call.by)
    return reply(_shape(_person(uid)))


def workspaces(call: Call, uid: str) -> HttpResponse:
    memberships = list(membership_list(user_get_by_id(uid)))
    counts = role_counts([item.workspace_id for item in memberships])
    return reply(
        [
            {
                "id": item.workspace_id,
                "name": item.workspace.name,
                "role": item.role,
                "owner_count": counts[item.workspace_id].owners,
                "editor_count": counts[item.workspace_id].editors,
                "viewer_count": counts[item.workspace_id].viewers,
                "member_count": counts[item.workspace_id].members,
            }
            for item in memberships
        ]
    )


def _person(uid: str) -> User:
    user = person_list().filter(pk=uid).first()
    if user is None:
        raise NotFound("user_not_found", "There is no account with this id.")
    return user


def _shape(user: User) -> dict[str, Any]:
    """``isDeactivated`` is ours: the official community edition cannot deactivate."""
    moments = [item for item in (user.last_login, user.token_used_at) if item]  # type: ignore[attr-defined]
    return {
        "uid": user.pk,
        "displayName": user.name,
        "email": user.email,
        "photoURL": None,
        "isAdmin": user.is_administrator,
        "isDeactivated": not user.is_active,
        "lastLoggedOn": moment(user.last_login),
        "lastActiveOn": moment(max(moments, default=None)),
    }


people = route(GET=list_)
person = route(GET=get, PATCH=update, DELETE=delete)
person_admin_status = route(PATCH=admin_status)
person_deactivate = route(PATCH=deactivate, POST=deactivate)
person_reactivate = route(PATCH=reactivate, POST=reactivate)
person_workspaces = route(GET=workspaces)
