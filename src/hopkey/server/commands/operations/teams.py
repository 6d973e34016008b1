"""`hopkey admin team ...`, `collection ...` and `environment ...`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from hopkey.server.accounts.selectors import user_get
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.commands.operations.report import Report
from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.workspaces import content, selectors, services
from hopkey.server.workspaces.models import Collection, Environment, Role


def create(arguments: argparse.Namespace) -> Report:
    owner = user_get(arguments.owner)
    team = services.team_create(name=arguments.name, owner=owner, by=OPERATOR)
    data = {"id": team.pk, "name": team.name, "owner": owner.email}
    return Report(data, f"Created the team {team.name} ({team.pk}), owned by {owner.email}.")


def list_(_: argparse.Namespace) -> Report:
    rows = [
        {"id": team.pk, "name": team.name, "members": team.member_count, "owners": team.owner_count}  # type: ignore[attr-defined]
        for team in selectors.team_list()
    ]
    return Report.table(rows, ("id", "name", "members", "owners"))


def add_member(arguments: argparse.Namespace) -> Report:
    team = selectors.team_get(arguments.team)
    user = user_get(arguments.email)
    role = Role(arguments.role.upper())
    services.member_add(team=team, user=user, role=role, by=OPERATOR)
    data = {"id": team.pk, "team": team.pk, "user": user.pk, "email": user.email, "role": role.value}
    return Report(data, f"{user.email} is {role.value.lower()} of {team.name}.")


def remove_member(arguments: argparse.Namespace) -> Report:
    team = selectors.team_get(arguments.team)
    user = user_get(arguments.email)
    services.member_remove(team=team, user=user, by=OPERATOR)
    data = {"id": team.pk, "team": team.pk, "user": user.pk, "email": user.email, "removed": True}
    return Report(data, f"{user.email} is no longer in {team.name}; their tokens do not reach it any more.")


def collection_import(arguments: argparse.Namespace) -> Report:
    team = selectors.team_get(arguments.team)
    rows = content.collection_import(workspace=team, data=_read(arguments.file), by=OPERATOR)
    items = [_collection(row) for row in rows]
    text = "\n".join(f"Imported {item['title']} ({item['id']})." for item in items)
    # One collection answers as an object, so that scripts read its id at once; a workspace export as an array.
    return Report(items[0] if len(items) == 1 else items, text)


def collection_list(arguments: argparse.Namespace) -> Report:
    team = selectors.team_get(arguments.team)
    return Report.table([_collection(row) for row in selectors.collection_list(team)], ("id", "title"))


def environment_import(arguments: argparse.Namespace) -> Report:
    team = selectors.team_get(arguments.team)
    row = content.environment_import(workspace=team, data=_read(arguments.file), by=OPERATOR)
    return Report(_environment(row), f"Imported {row.name} ({row.pk}).")


def environment_list(arguments: argparse.Namespace) -> Report:
    team = selectors.team_get(arguments.team)
    return Report.table([_environment(row) for row in selectors.environment_list(team)], ("id", "name"))


def _collection(row: Collection) -> dict[str, Any]:
    return {"id": row.pk, "title": row.title, "team": row.workspace_id}


def _environment(row: Environment) -> dict[str, Any]:
    return {"id": row.pk, "name": row.name, "team": row.workspace_id}


def _read(name: str) -> bytes:
    limit = current().upload_limit_mb * 1024 * 1024
    try:
        with Path(name).open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise DomainError("file_unreadable", f"{name} cannot be read: {error.strerror}.") from None
    if len(data) > limit:
        raise DomainError("file_too_large", f"{name} is larger than {limit >> 20} MB (HOPKEY_UPLOAD_LIMIT_MB).")
    return data
