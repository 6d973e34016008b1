"""`hopkey admin token ...`."""

from __future__ import annotations

import argparse
from typing import Any

from hopkey.server.accounts.selectors import user_get
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.commands.operations.report import Report
from hopkey.server.errors import NotFound
from hopkey.server.tokens import services
from hopkey.server.tokens.expiry import NEVER
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.selectors import token_list


def issue(arguments: argparse.Namespace) -> Report:
    days = None if arguments.expires == NEVER else int(arguments.expires)
    owner = user_get(arguments.user)
    made = services.token_generate_for(
        owner=owner, label=arguments.label, days=days, team_ids=arguments.team, by=OPERATOR
    )
    token = made.token
    data = {"token": made.text, "id": str(token.pk), "label": token.label, "expiresOn": _moment(token.expires_at)}
    return Report(data, f"{made.text}\nThis is the only time the token is shown (id {token.pk}).")


def list_(arguments: argparse.Namespace) -> Report:
    owner = user_get(arguments.user) if arguments.user else None
    rows = [token_data(token) for token in token_list(owner=owner)]
    return Report.table(rows, ("id", "publicId", "label", "owner", "expiresOn", "lastUsedOn"))


def delete(arguments: argparse.Namespace) -> Report:
    if not arguments.id.isascii() or not arguments.id.isdigit() or len(arguments.id) > 18:
        raise NotFound("token_not_found", f"There is no token {arguments.id!r}.")
    services.token_delete(token_id=int(arguments.id), by=OPERATOR, reason="deleted by an operator")
    return Report({"id": arguments.id, "deleted": True}, "Deleted. It is refused from now on.")


def token_data(token: Token) -> dict[str, Any]:
    use = getattr(token, "use", None)
    return {
        "id": str(token.pk),
        "publicId": token.public_id,
        "label": token.label,
        "owner": token.owner.email,
        "createdOn": _moment(token.created_at),
        "expiresOn": _moment(token.expires_at),
        "lastUsedOn": _moment(use.used_at) if use else None,
        "teams": [grant.workspace_id for grant in token.grants.all()] if token.restricted else None,
    }


def _moment(value: Any) -> str | None:
    return value.isoformat() if value else None
