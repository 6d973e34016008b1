"""Teams and their members. The rule above all: a team keeps an owner."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef

from hopkey.server.accounts.models import User
from hopkey.server.accounts.services import name_normalise
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.changes.batch import batch
from hopkey.server.errors import Conflict, NotFound
from hopkey.server.workspaces.models import Kind, Membership, Role, Workspace


def personal_workspace_create(user: User) -> Workspace:
    """The personal workspace of a new account, in the caller's transaction."""
    return Workspace.objects.create(kind=Kind.PERSONAL, name="Personal", owner=user)


def team_create(*, name: str, owner: User, by: Actor) -> Workspace:
    """Create a team with its first owner. Raises `DomainError` (``name_invalid``)."""
    name = name_normalise(name)
    with transaction.atomic(durable=True):
        team = Workspace.objects.create(kind=Kind.TEAM, name=name)
        Membership.objects.create(workspace=team, user=owner, role=Role.OWNER)
        record(Event.TEAM_CREATED, by=by, kind="team", id=team.pk, label=name, detail={"owner": owner.email})
    return team


def team_rename(*, team: Workspace, name: str, by: Actor) -> None:
    """Raises `DomainError` (``name_invalid``)."""
    name = name_normalise(name)
    if name == team.name:
        return
    with transaction.atomic(durable=True):
        record(Event.TEAM_RENAMED, by=by, kind="team", id=team.pk, label=name, detail={"before": team.name})
        team.name = name
        team.save(update_fields=["name"])


def team_delete(*, team: Workspace, by: Actor) -> None:
    """Delete a team and all it holds. Tokens restricted to it reach nothing there any more."""
    with batch():
        team_delete_row(team=team, by=by)


def team_delete_row(*, team: Workspace, by: Actor) -> None:
    """`team_delete` in the caller's transaction."""
    record(Event.TEAM_DELETED, by=by, kind="team", id=team.pk, label=team.name)
    team.delete()


def member_add(*, team: Workspace, user: User, role: Role, by: Actor) -> Membership:
    """Raises `Conflict` (``already_member``)."""
    with transaction.atomic(durable=True):
        return member_add_row(team=team, user=user, role=role, by=by)


def member_add_row(*, team: Workspace, user: User, role: Role, by: Actor) -> Membership:
    """`member_add` in the caller's transaction."""
    _lock(team)
    if Membership.objects.filter(workspace=team, user=user).exists():
        raise Conflict("already_member", f"{user.email} is a member of this team already.")
    membership = Membership.objects.create(workspace=team, user=user, role=role)
    _record(Event.MEMBER_ADDED, team, user, role, by)
    return membership


def member_role_set(*, team: Workspace, user: User, role: Role, by: Actor) -> None:
    """Raises `NotFound` (``member_not_found``), or `Conflict` (``last_owner``)."""
    with transaction.atomic(durable=True):
        _lock(team)
        membership = _membership(team, user)
        if membership.role == role:
            return
        if membership.role == Role.OWNER:
            _other_owner_needed(team, user)
        membership.role = role
        membership.save(update_fields=["role"])
        _record(Event.MEMBER_ROLE_CHANGED, team, user, role, by)


def owner_make_row(*, team: Workspace, user: User, by: Actor) -> None:
    """Make somebody an owner of this team, a member or not, in the caller's transaction."""
    _lock(team)
    membership = Membership.objects.filter(workspace=team, user=user).first()
    if membership is None:
        member_add_row(team=team, user=user, role=Role.OWNER, by=by)
    elif membership.role != Role.OWNER:
        membership.role = Role.OWNER
        membership.save(update_fields=["role"])
        _record(Event.MEMBER_ROLE_CHANGED, team, user, Role.OWNER, by)


def member_remove(*, team: Workspace, user: User, by: Actor) -> None:
    """Remove a member, or leave. That person's tokens stop reaching this team at once.

    Raises `NotFound` (``member_not_found``), or `Conflict` (``last_owner``).
    """
    with transaction.atomic(durable=True):
        _lock(team)
        membership = _membership(team, user)
        if membership.role == Role.OWNER:
            _other_owner_needed(team, user)
        membership.delete()
        _record(Event.MEMBER_REMOVED, team, user, Role(membership.role), by)


def teams_with_sole_owner(user: User) -> list[Workspace]:
    """Teams that would be left without an owner if `user` went."""
    owned = Workspace.objects.filter(kind=Kind.TEAM, memberships__user=user, memberships__role=Role.OWNER)
    others = Membership.objects.filter(workspace=OuterRef("pk"), role=Role.OWNER).exclude(user=user)
    return list(owned.exclude(Exists(others)).order_by("name"))


def teams_owned_lock(user: User) -> None:
    """In the caller's transaction: the other owners of the teams that `user` owns cannot leave before it ends."""
    owned = Workspace.objects.filter(kind=Kind.TEAM, memberships__user=user, memberships__role=Role.OWNER)
    list(owned.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def _lock(team: Workspace) -> None:
    """Changes of one team's members happen one after another: two owners cannot remove each other at once."""
    if not Workspace.objects.select_for_update().filter(pk=team.pk, kind=Kind.TEAM).exists():
        raise NotFound("team_not_found", "There is no such team.")


def _membership(team: Workspace, user: User) -> Membership:
    membership = Membership.objects.filter(workspace=team, user=user).first()
    if membership is None:
        raise NotFound("member_not_found", f"{user.email} is not a member of this team.")
    return membership


def _other_owner_needed(team: Workspace, user: User) -> None:
    if not Membership.objects.filter(workspace=team, role=Role.OWNER).exclude(user=user).exists():
        raise Conflict("last_owner", "A team keeps an owner: make somebody else an owner first.")


def _record(event: Event, team: Workspace, user: User, role: Role, by: Actor) -> None:
    detail = {"user": user.email, "user_id": user.pk, "role": role.value}
    record(event, by=by, kind="team", id=team.pk, label=team.name, detail=detail)
