"""Users and invitations: find, invite, make administrator, deactivate, sign out, delete."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from hopkey.server.accounts import links
from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import user_get, user_page_after
from hopkey.server.api import types
from hopkey.server.api.operations import Call, Operation, Route
from hopkey.server.audit.selectors import AuditFilter, audit_list
from hopkey.server.exports.shapes import event_shape, invite_shape, token_shape, user_shape
from hopkey.server.people import services
from hopkey.server.tokens.oversight import Filter, token_page
from hopkey.server.workspaces.models import Role
from hopkey.server.workspaces.selectors import membership_list

_TOKENS = 10
_EVENTS = 10
_INVITES = 1000


def _list(call: Call) -> dict[str, Any]:
    asked = call.query
    page = user_page_after(text=asked.text, state=asked.state, cursor=asked.cursor, limit=asked.limit)
    return {"items": [user_shape(user) for user in page.users], "cursor": page.cursor}


def _get(call: Call, user_id: str) -> dict[str, Any]:
    user, now = user_get(user_id), timezone.now()
    page = token_page(Filter(owner=user.pk), limit=_TOKENS, now=now)
    return {
        "user": user_shape(user),
        "teams": [
            {
                "id": item.workspace_id,
                "name": item.workspace.name,
                "role": item.role,
                "onlyOwner": item.role == Role.OWNER and not item.owned_by_others,  # type: ignore[attr-defined]
            }
            for item in membership_list(user)
        ],
        "tokens": [token_shape(token, now=now, over=page.over.get(token.pk)) for token in page.tokens],
        "events": [event_shape(event) for event in audit_list(AuditFilter(actor=user.pk))[:_EVENTS]],
    }


def _delete(call: Call, user_id: str) -> dict[str, Any]:
    user = user_get(user_id)
    id_ = user.pk
    return {"id": id_, "deleted": True, "tokens": services.person_delete(user=user, by=call.caller.by)}


def _deactivate(call: Call, user_id: str) -> dict[str, Any]:
    user = user_get(user_id)
    services.person_deactivate(user=user, by=call.caller.by)
    return _now(user)


def _reactivate(call: Call, user_id: str) -> dict[str, Any]:
    user = user_get(user_id)
    services.person_reactivate(user=user, by=call.caller.by)
    return _now(user)


def _administrator(call: Call, user_id: str) -> dict[str, Any]:
    user = user_get(user_id)
    services.person_administrator_set(user=user, administrator=call.body.administrator, by=call.caller.by)
    return _now(user)


def _sign_out(call: Call, user_id: str) -> dict[str, Any]:
    user = user_get(user_id)
    return {"id": user.pk, "sessions": services.person_sign_out(user=user, by=call.caller.by)}


def _second_factors_remove(call: Call, user_id: str) -> dict[str, Any]:
    user = user_get(user_id)
    return {"id": user.pk, "removed": services.person_factors_remove(user=user, by=call.caller.by)}


def _now(user: User) -> dict[str, Any]:
    user.refresh_from_db()
    return user_shape(user)


def _invites(call: Call) -> dict[str, Any]:
    return {"items": [invite_shape(link) for link in links.invite_list()[:_INVITES]]}


def _invite(call: Call) -> dict[str, Any]:
    link = links.invite_issue(
        email=call.body.email, administrator=call.body.administrator, inviter=call.caller.user, by=call.caller.by
    )
    email = call.body.email.strip().lower()
    return {"email": email, "administrator": call.body.administrator, "link": link, "days": links.LINK_DAYS}


def _invites_revoke(call: Call) -> dict[str, Any]:
    return {"revoked": links.invite_revoke(emails=call.body.emails, by=call.caller.by)}


_MISSING = ("user_not_found",)
ROUTES = (
    Route(
        "console/users",
        "api_console_users",
        [
            Operation(
                "GET",
                _list,
                "Users by e-mail address, page by page",
                types.UserList,
                types.UserQuery,
                codes=("filter_invalid",),
            )
        ],
    ),
    Route(
        "console/users/<str:user_id>",
        "api_console_user",
        [
            Operation(
                "GET", _get, "One user, with teams, newest tokens and last events", types.UserDetail, codes=_MISSING
            ),
            Operation(
                "DELETE",
                _delete,
                "Delete an account with its tokens and its personal workspace",
                types.UserDeleted,
                sensitive=True,
                codes=(*_MISSING, "last_administrator", "last_owner"),
            ),
        ],
    ),
    Route(
        "console/users/<str:user_id>/deactivate",
        "api_console_user_deactivate",
        [
            Operation(
                "POST",
                _deactivate,
                "End all sessions and refuse all tokens of a user at once",
                types.UserInfo,
                sensitive=True,
                codes=(*_MISSING, "last_administrator"),
            )
        ],
    ),
    Route(
        "console/users/<str:user_id>/reactivate",
        "api_console_user_reactivate",
        [Operation("POST", _reactivate, "Let a user in again", types.UserInfo, sensitive=True, codes=_MISSING)],
    ),
    Route(
        "console/users/<str:user_id>/administrator",
        "api_console_user_administrator",
        [
            Operation(
                "PUT",
                _administrator,
                "Make somebody an administrator, or no longer",
                types.UserInfo,
                body=types.Administrator,
                sensitive=True,
                codes=(*_MISSING, "last_administrator"),
            )
        ],
    ),
    Route(
        "console/users/<str:user_id>/sign-out",
        "api_console_user_sign_out",
        [
            Operation(
                "POST",
                _sign_out,
                "End every session of a user; tokens go on working",
                types.SignedOut,
                sensitive=True,
                codes=_MISSING,
            )
        ],
    ),
    Route(
        "console/users/<str:user_id>/remove-second-factors",
        "api_console_user_remove_second_factors",
        [
            Operation(
                "POST",
                _second_factors_remove,
                "Take the second factors from somebody who lost them, and end every session",
                types.FactorsRemoved,
                sensitive=True,
                codes=_MISSING,
            )
        ],
    ),
    Route(
        "console/invites",
        "api_console_invites",
        [
            Operation("GET", _invites, "Open invitations to have an account, newest first", types.InviteList),
            Operation(
                "POST",
                _invite,
                "Invite somebody; an earlier invitation of this address ends",
                types.InviteMade,
                body=types.Invite,
                status=201,
                sensitive=True,
                codes=("email_invalid", "email_taken"),
            ),
        ],
    ),
    Route(
        "console/invites/revoke",
        "api_console_invites_revoke",
        [
            Operation(
                "POST",
                _invites_revoke,
                "End the invitations of these addresses",
                types.InvitesRevoked,
                body=types.InvitesRevocation,
                sensitive=True,
            )
        ],
    ),
)
