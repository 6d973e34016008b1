"""`hopkey admin group ...`."""

from __future__ import annotations

import argparse
from typing import Any

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.commands.operations.report import Report
from hopkey.server.provisioning.groups import group_link
from hopkey.server.provisioning.models import Group
from hopkey.server.provisioning.selectors import group_get, group_list
from hopkey.server.workspaces.models import Role
from hopkey.server.workspaces.selectors import team_get


def list_(_: argparse.Namespace) -> Report:
    return Report.table([group_data(group) for group in group_list()], ("id", "name", "team", "teamName", "role"))


def link(arguments: argparse.Namespace) -> Report:
    team, role = team_get(arguments.team), Role(arguments.role.upper())
    group = group_get(arguments.id)
    group_link(group=group, team=team, role=role, by=OPERATOR)
    data = group_data(group_get(arguments.id))
    return Report(data, f"Members of {group.display_name} are {role.value.lower()}s of {team.name} now.")


def group_data(group: Group) -> dict[str, Any]:
    return {
        "id": group.pk,
        "name": group.display_name,
        "externalId": group.external_id or None,
        "team": group.team_id,
        "teamName": group.team.name,
        "role": group.role,
    }
