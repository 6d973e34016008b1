"""Automation tokens: list, generate, delete. People only: no token makes or unmakes another one."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from hopkey.server.api import types
from hopkey.server.api.guard import refusal
from hopkey.server.api.operations import Call, Operation, Route
from hopkey.server.automation.selectors import automation_token_list
from hopkey.server.automation.services import automation_token_delete, automation_token_generate
from hopkey.server.errors import NotFound
from hopkey.server.exports.shapes import automation_shape


def _list(call: Call) -> dict[str, Any]:
    now = timezone.now()
    return {"items": [automation_shape(token, now=now) for token in automation_token_list()]}


def _generate(call: Call) -> dict[str, Any]:
    _person(call)
    made = automation_token_generate(
        creator=call.caller.user,
        label=call.body.label,
        days=call.body.expiry_in_days,
        access=call.body.access,
        networks=call.body.networks,
        by=call.caller.by,
    )
    return {"token": made.text, "info": automation_shape(made.token, now=timezone.now())}


def _delete(call: Call, token_id: str) -> dict[str, Any]:
    _person(call)
    if not token_id.isascii() or not token_id.isdigit() or len(token_id) > 18:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    automation_token_delete(token_id=int(token_id), by=call.caller.by, reason="deleted over the API")
    return {"id": token_id, "deleted": True}


def _person(call: Call) -> None:
    """A token that leaked must not outlive itself in another one, nor silence those that would tell."""
    if not call.caller.by_session:
        raise refusal("session_needed", "Sign in for this: automation tokens govern no automation tokens.", 403)


_CODES = ("label_too_short", "label_too_long", "expiry_invalid", "access_invalid", "network_invalid", "too_many_tokens")
ROUTES = (
    Route(
        "console/automation-tokens",
        "api_console_automation",
        [
            Operation("GET", _list, "Every automation token, newest first, and what stops it", types.AutomationList),
            Operation(
                "POST",
                _generate,
                "Generate one that acts in the name of the caller; it is in this answer only",
                types.AutomationMade,
                body=types.AutomationInput,
                status=201,
                sensitive=True,
                codes=(*_CODES, "session_needed"),
            ),
        ],
    ),
    Route(
        "console/automation-tokens/<str:token_id>",
        "api_console_automation_one",
        [
            Operation(
                "DELETE",
                _delete,
                "Delete one for ever",
                types.Deleted,
                sensitive=True,
                codes=("token_not_found", "session_needed"),
            )
        ],
    ),
)
