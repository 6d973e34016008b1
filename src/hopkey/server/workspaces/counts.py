"""How many people of each role are in teams."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count

from hopkey.server.workspaces.models import Membership, Role


@dataclass(frozen=True, slots=True)
class RoleCounts:
    owners: int = 0
    editors: int = 0
    viewers: int = 0

    @property
    def members(self) -> int:
        return self.owners + self.editors + self.viewers


def role_counts(team_ids: Collection[str]) -> dict[str, RoleCounts]:
    """By team, one query; a team without members has zeros."""
    rows = Membership.objects.filter(workspace_id__in=team_ids).values_list("workspace_id", "role").order_by()
    found: dict[str, dict[str, int]] = {team_id: {} for team_id in team_ids}
    for team_id, role, count in rows.annotate(count=Count("pk")):
        found[team_id][role] = count
    return {
        team_id: RoleCounts(counts.get(Role.OWNER, 0), counts.get(Role.EDITOR, 0), counts.get(Role.VIEWER, 0))
        for team_id, counts in found.items()
    }
