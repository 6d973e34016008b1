"""Groups of the identity provider, and the teams they lead into.

A group named ``Orders`` makes its members viewers of the team Orders; ``Orders:editor`` and ``Orders:owner`` make them
editors and owners of the same team. Whoever is in several has the highest role of them, and never a lower one than
was given by hand before. Who leaves the last group of a team has the role given by hand again, or leaves the team.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.accounts.services import name_normalise
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.provisioning.models import Group, GroupMember, Standing
from hopkey.server.workspaces.models import Kind, Membership, Role, Workspace
from hopkey.server.workspaces.standing import members_set_rows

NAME_LENGTH = 150
MEMBERS = 10_000
_ROLES = {f"{role.value.lower()}{plural}": role for role in Role for plural in ("", "s")}
_ORDER = (Role.VIEWER, Role.EDITOR, Role.OWNER)


def group_name_read(name: str) -> tuple[str, Role]:
    """The team a group's name means, and the role: ``Orders:editors`` is editors of Orders, ``Orders`` its viewers.

    Raises `DomainError` (``name_invalid``).
    """
    base, colon, word = name.rpartition(":")
    role = _ROLES.get(word.strip().lower()) if colon else None
    if len(name) > NAME_LENGTH:
        raise DomainError("name_invalid", f"A group's name has at most {NAME_LENGTH} characters.", field="displayName")
    return name_normalise(base if role else name), role or Role.VIEWER


def group_create(*, display_name: str, external_id: str, member_ids: Collection[str], owner: User, by: Actor) -> Group:
    """A group, and the team it leads into: that of another group of the same team name, or else a new one, owned by
    `owner`. A team made by hand is never taken over: an operator links it (`group_link`).

    Raises `DomainError` (``name_invalid``, ``field_invalid``), `Conflict` (``group_exists``) or `NotFound`
    (``user_not_found``).
    """
    name, role = group_name_read(display_name)
    _external_check(external_id)
    with transaction.atomic(durable=True):
        _name_free(display_name)
        team = _team_of_groups(name) or _team_create(name, owner, by)
        group = Group.objects.create(display_name=display_name, external_id=external_id, team=team, role=role)
        detail = {"team": team.pk, "role": role.value, "members": len(member_ids)}
        record(Event.GROUP_CREATED, by=by, kind="group", id=group.pk, label=display_name, detail=detail)
        _members_set(group, member_ids, by)
    return group


def group_change(*, group: Group, display_name: str, external_id: str, member_ids: Collection[str], by: Actor) -> Group:
    """Make a group what the provider wants, all or nothing.

    Raises as `group_create` does, and `Conflict` (``last_owner``).
    """
    group_name_read(display_name)
    _external_check(external_id)
    with transaction.atomic(durable=True):
        group = Group.objects.select_for_update(of=("self",)).select_related("team").get(pk=group.pk)
        before = set(group.members.values_list("user_id", flat=True))
        detail: dict[str, object] = {}
        if display_name != group.display_name:
            detail |= {"name": display_name, "before": group.display_name}
            _renamed(group, display_name, by)
        if external_id != group.external_id:
            group.external_id = external_id
            detail["externalId"] = external_id
        wanted = set(member_ids)
        if wanted != before:
            detail |= {"added": len(wanted - before), "removed": len(before - wanted)}
        if detail:
            group.changed_at = timezone.now()
            group.save()
            record(Event.GROUP_CHANGED, by=by, kind="group", id=group.pk, label=display_name, detail=detail)
        _members_set(group, wanted, by, everybody="name" in detail)
    return group


def group_members_change(*, group: Group, come: Collection[str], go: Collection[str], by: Actor) -> None:
    """Some come and some go; nobody else is looked at, however many there are. Who is in it already, or is not, is no
    error. Raises as `group_change` does.
    """
    with transaction.atomic(durable=True):
        group = Group.objects.select_for_update(of=("self",)).select_related("team").get(pk=group.pk)
        there = set(group.members.filter(user_id__in={*come, *go}).values_list("user_id", flat=True))
        new, gone = set(come) - there, set(go) & there
        if not (new or gone):
            return
        _members_change(group, new, gone, group.members.count())
        group.changed_at = timezone.now()
        group.save(update_fields=["changed_at"])
        detail = {"added": len(new), "removed": len(gone)}
        record(Event.GROUP_CHANGED, by=by, kind="group", id=group.pk, label=group.display_name, detail=detail)
        _standing_apply(group.team, new | gone, by)


def group_delete(*, group: Group, by: Actor) -> None:
    """The team stays, with all it holds; its members by this group leave it. Raises `Conflict` (``last_owner``)."""
    with transaction.atomic(durable=True):
        _group_delete(group, by)


def group_link(*, group: Group, team: Workspace, role: Role, by: Actor) -> None:
    """Lead a group into another team, with this role: for teams that were made by hand before there were groups.

    Raises `Conflict` (``last_owner``).
    """
    with transaction.atomic(durable=True):
        group = Group.objects.select_for_update(of=("self",)).select_related("team").get(pk=group.pk)
        ids = list(group.members.values_list("user_id", flat=True))
        left = group.team
        group.team, group.role, group.changed_at = team, role, timezone.now()
        group.save()
        detail = {"team": team.pk, "role": role.value}
        record(Event.GROUP_CHANGED, by=by, kind="group", id=group.pk, label=group.display_name, detail=detail)
        for one in {left.pk: left, team.pk: team}.values():
            _standing_apply(one, ids, by)


def groups_leave_rows(*, user: User, keep: Sequence[Workspace], by: Actor) -> None:
    """Take somebody out of every group, in the caller's transaction; of the teams in `keep` they stay what they are."""
    teams = list(Workspace.objects.filter(groups__members__user=user).distinct())
    GroupMember.objects.filter(user=user).delete()
    kept = {team.pk for team in keep}
    Standing.objects.filter(user=user, team__in=kept).delete()
    for team in teams:
        if team.pk not in kept:
            _standing_apply(team, [user.pk], by)


def _group_delete(group: Group, by: Actor) -> None:
    group = Group.objects.select_for_update(of=("self",)).select_related("team").get(pk=group.pk)
    ids = list(group.members.values_list("user_id", flat=True))
    record(
        Event.GROUP_DELETED, by=by, kind="group", id=group.pk, label=group.display_name, detail={"team": group.team_id}
    )
    team = group.team
    group.delete()
    _standing_apply(team, ids, by)


def _renamed(group: Group, display_name: str, by: Actor) -> None:
    """Another role word is another role; another team name renames the team, if it still has the name of the group."""
    _name_free(display_name, but=group)
    (name, role), (old_name, old_role) = group_name_read(display_name), group_name_read(group.display_name)
    group.display_name = display_name
    if role != old_role:
        group.role = role
    if name != group.team.name and group.team.name.lower() == old_name.lower():
        group.team.name = name
        group.team.save(update_fields=["name"])
        record(Event.TEAM_RENAMED, by=by, kind="team", id=group.team_id, label=name)


def _members_set(group: Group, member_ids: Collection[str], by: Actor, *, everybody: bool = True) -> None:
    wanted = set(member_ids)
    before = set(group.members.values_list("user_id", flat=True))
    _members_change(group, wanted - before, before - wanted, len(before))
    _standing_apply(group.team, (before | wanted) if everybody else (before ^ wanted), by)


def _members_change(group: Group, come: set[str], go: set[str], before: int) -> None:
    if before + len(come) - len(go) > MEMBERS:
        raise DomainError("too_many", f"A group has at most {MEMBERS} members.", field="members")
    unknown = come - set(User.objects.filter(pk__in=come).values_list("pk", flat=True))
    if unknown:
        named = ", ".join(sorted(unknown)[:3])[:200]
        raise NotFound("user_not_found", f"There is no account with the id {named}.")
    GroupMember.objects.bulk_create([GroupMember(group=group, user_id=item) for item in sorted(come)], batch_size=200)
    group.members.filter(user_id__in=go).delete()


def _standing_apply(team: Workspace, user_ids: Collection[str], by: Actor) -> None:
    """Give these people the role that the groups of the team, and what was given by hand, come to now."""
    ids = sorted(set(user_ids))
    if not ids:
        return
    by_groups: dict[str, list[Role]] = {}
    rows = GroupMember.objects.filter(group__team=team, user_id__in=ids).values_list("user_id", "group__role")
    for user_id, role in rows:
        by_groups.setdefault(user_id, []).append(Role(role))
    own = dict(Standing.objects.filter(team=team, user_id__in=ids).values_list("user_id", "own_role"))
    come = [user_id for user_id in ids if user_id in by_groups and user_id not in own]
    had = dict(Membership.objects.filter(workspace=team, user_id__in=come).values_list("user_id", "role"))
    own |= {user_id: had.get(user_id, "") for user_id in come}
    Standing.objects.bulk_create(
        [Standing(team=team, user_id=user_id, own_role=own[user_id]) for user_id in come], batch_size=200
    )
    roles: dict[str, Role | None] = {}
    for user_id in ids:
        given = [Role(own[user_id])] if own.get(user_id) else []
        if user_id in by_groups:
            roles[user_id] = max([*given, *by_groups[user_id]], key=_ORDER.index)
        elif user_id in own:
            roles[user_id] = given[0] if given else None
    Standing.objects.filter(team=team, user_id__in=[item for item in ids if item not in by_groups]).delete()
    members_set_rows(team=team, roles=roles, by=by)


def _team_of_groups(name: str) -> Workspace | None:
    """The team that another group of this team name leads into: by the groups' names, which only the provider gives."""
    alike = Group.objects.select_related("team").filter(
        Q(display_name__iexact=name) | Q(display_name__istartswith=f"{name}:")
    )
    for group in alike.order_by("created_at"):
        if group_name_read(group.display_name)[0].lower() == name.lower():
            return group.team
    return None


def _team_create(name: str, owner: User, by: Actor) -> Workspace:
    team = Workspace.objects.create(kind=Kind.TEAM, name=name)
    Membership.objects.create(workspace=team, user=owner, role=Role.OWNER)
    record(Event.TEAM_CREATED, by=by, kind="team", id=team.pk, label=name, detail={"owner": owner.email})
    return team


def _name_free(display_name: str, but: Group | None = None) -> None:
    taken = Group.objects.filter(display_name__iexact=display_name)
    if (taken.exclude(pk=but.pk) if but else taken).exists():
        raise Conflict("group_exists", "There is already a group with this name.", field="displayName")


def _external_check(external_id: str) -> None:
    if len(external_id) > 200 or "\0" in external_id:
        raise DomainError("field_invalid", "externalId has at most 200 characters.", field="externalId")
