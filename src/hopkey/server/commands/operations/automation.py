"""`hopkey admin automation-token ...`."""

from __future__ import annotations

import argparse
from typing import Any

from django.utils import timezone

from hopkey.server.accounts.selectors import user_get
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.automation import services
from hopkey.server.automation.models import AutomationToken
from hopkey.server.automation.selectors import automation_token_list, stopped_by
from hopkey.server.commands.operations.report import Report
from hopkey.server.errors import NotFound
from hopkey.server.tokens.expiry import NEVER


def issue(arguments: argparse.Namespace) -> Report:
    made = services.automation_token_generate(
        creator=user_get(arguments.administrator),
        label=arguments.label,
        days=None if arguments.expires == NEVER else int(arguments.expires),
        access=arguments.access,
        networks=arguments.network or (),
        by=OPERATOR,
    )
    data = {"token": made.text, **token_data(made.token)}
    return Report(data, f"{made.text}\nThis is the only time the token is shown (id {made.token.pk}).")


def list_(_: argparse.Namespace) -> Report:
    rows = [token_data(token) for token in automation_token_list()]
    columns = ("id", "publicId", "label", "access", "creator", "expiresOn", "lastUsedOn", "stoppedBy")
    return Report.table(rows, columns)


def delete(arguments: argparse.Namespace) -> Report:
    if not arguments.id.isascii() or not arguments.id.isdigit() or len(arguments.id) > 18:
        raise NotFound("token_not_found", f"There is no automation token {arguments.id!r}.")
    services.automation_token_delete(token_id=int(arguments.id), by=OPERATOR, reason="deleted by an operator")
    return Report({"id": arguments.id, "deleted": True}, "Deleted. It is refused from now on.")


def token_data(token: AutomationToken) -> dict[str, Any]:
    use = getattr(token, "use", None)
    return {
        "id": str(token.pk),
        "publicId": token.public_id,
        "label": token.label,
        "access": token.access,
        "creator": token.creator.email,
        "networks": token.networks,
        "createdOn": token.created_at.isoformat(),
        "expiresOn": token.expires_at.isoformat() if token.expires_at else None,
        "lastUsedOn": use.used_at.isoformat() if use else None,
        "stoppedBy": stopped_by(token, timezone.now()) or None,
    }
