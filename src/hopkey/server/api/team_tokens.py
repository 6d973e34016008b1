"""The tokens that reach a team, for its owners: look, and cut off."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from hopkey.server.api import types
from hopkey.server.api.console.tokens import id_read
from hopkey.server.api.guard import Who
from hopkey.server.api.operations import Call, Operation, Route
from hopkey.server.exports.shapes import team_token_shape
from hopkey.server.tokens.oversight import Filter, token_page
from hopkey.server.tokens.services import token_cut_off
from hopkey.server.workspaces.selectors import workspace_get_to_govern


def _list(call: Call, workspace_id: str) -> dict[str, Any]:
    team = workspace_get_to_govern(call.caller.user, workspace_id)
    now = timezone.now()
    page = token_page(Filter(team=team.pk), cursor=call.query.cursor, limit=call.query.limit, now=now)
    items = [team_token_shape(token, now=now, over=page.over.get(token.pk)) for token in page.tokens]
    return {"items": items, "cursor": page.cursor}


def _cut_off(call: Call, workspace_id: str, token_id: str) -> dict[str, Any]:
    team = workspace_get_to_govern(call.caller.user, workspace_id)
    token_cut_off(token_id=id_read(token_id), team_id=team.pk, by=call.caller.by)
    return {"id": token_id, "cutOff": True}


_CODES = ("workspace_not_found", "role_too_low")
ROUTES = (
    Route(
        "workspaces/<str:workspace_id>/tokens",
        "api_team_tokens",
        [
            Operation(
                "GET",
                _list,
                "The tokens that reach a team, newest first; for its owners",
                types.TeamTokenList,
                types.PageQuery,
                who=Who.SIGNED_IN,
                codes=(*_CODES, "cursor_invalid"),
            )
        ],
    ),
    Route(
        "workspaces/<str:workspace_id>/tokens/<str:token_id>/cut-off",
        "api_team_token_cut_off",
        [
            Operation(
                "POST",
                _cut_off,
                "Keep a token from a team, for ever; for owners of the team",
                types.CutOff,
                who=Who.SIGNED_IN,
                sensitive=True,
                codes=(*_CODES, "token_not_found"),
            )
        ],
    ),
)
