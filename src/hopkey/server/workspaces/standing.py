"""Giving many people their role in a team at once, as a directory says."""

from __future__ import annotations

from collections.abc import Mapping

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import records
from hopkey.server.errors import Conflict, NotFound
from hopkey.server.workspaces.models import Kind, Membership, Role, Workspace


def members_set_rows(*, team: Workspace, roles: Mapping[str, Role | None], by: Actor) -> None:
    """Give each of these people (by id) this role in the team, or none, in the caller's transaction.

    All or nothing, and judged at the end: owners may take turns. Raises `Conflict` (``last_owner``) if nobody would
    own the team any more.
    """
    if not Workspace.objects.select_for_update().filter(pk=team.pk, kind=Kind.TEAM).exists():
        raise NotFound("team_not_found", "There is no such team.")
    standing = {item.user_id: item for item in Membership.objects.filter(workspace=team, user_id__in=list(roles))}
    before = {user_id: Role(item.role) for user_id, item in standing.items()}
    added = {user_id: role for user_id, role in roles.items() if role is not None and user_id not in before}
    removed = [user_id for user_id, role in roles.items() if role is None and user_id in before]
    changed = [user_id for user_id, role in roles.items() if role and user_id in before and before[user_id] != role]
    if not (added or removed or changed):
        return
    Membership.objects.bulk_create(
        [Membership(workspace=team, user_id=user_id, role=role) for user_id, role in added.items()], batch_size=200
    )
    for user_id in changed:
        standing[user_id].role = str(roles[user_id])
    Membership.objects.bulk_update([standing[user_id] for user_id in changed], ["role"], batch_size=200)
    Membership.objects.filter(pk__in=[standing[user_id].pk for user_id in removed]).delete()
    if (removed or changed) and not Membership.objects.filter(workspace=team, role=Role.OWNER).exists():
        raise Conflict("last_owner", f"The team {team.name} keeps an owner: make somebody else an owner first.")
    emails = dict(User.objects.filter(pk__in=[*added, *removed, *changed]).values_list("pk", "email"))
    for event, ids, named in (
        (Event.MEMBER_ADDED, added, roles),
        (Event.MEMBER_ROLE_CHANGED, changed, roles),
        (Event.MEMBER_REMOVED, removed, before),
    ):
        subjects = [
            (team.pk, team.name, {"user": emails[user_id], "user_id": user_id, "role": str(named[user_id])})
            for user_id in ids
        ]
        records(event, by=by, kind="team", subjects=subjects)
