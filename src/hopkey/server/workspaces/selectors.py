"""Reading workspaces: what a person may see, asked once here for every plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value

from hopkey.server.accounts.models import User
from hopkey.server.errors import Forbidden, NotFound
from hopkey.server.workspaces.models import (
    Collection,
    Environment,
    Invitation,
    Kind,
    Membership,
    Request,
    Role,
    Workspace,
)

WRITERS = (Role.OWNER, Role.EDITOR)


def team_list_for(user: User) -> QuerySet[Workspace]:
    """The teams `user` is in, by name."""
    return Workspace.objects.filter(kind=Kind.TEAM, memberships__user=user).order_by("name", "id")


def workspace_list_for(user: User) -> list[tuple[Workspace, Role]]:
    """What `user` sees and as what: the personal workspace, then the teams by name. One query."""
    personal = Workspace.objects.filter(owner=user).annotate(role=Value(Role.OWNER.value))
    teams = Workspace.objects.filter(kind=Kind.TEAM, memberships__user=user).annotate(role=F("memberships__role"))
    found = sorted(personal.union(teams), key=lambda item: (item.kind, item.name, item.pk))
    return [(item, Role(item.role)) for item in found]


def team_list() -> QuerySet[Workspace]:
    """Every team with the number of its members (``member_count``), for operators."""
    return (
        Workspace.objects.filter(kind=Kind.TEAM)
        .annotate(
            member_count=Count("memberships"),
            owner_count=Count("memberships", filter=Q(memberships__role=Role.OWNER)),
        )
        .order_by("name", "id")
    )


def team_get(team_id: str) -> Workspace:
    """A team by id, for operators. Raises `NotFound` (``team_not_found``)."""
    team = Workspace.objects.filter(pk=team_id, kind=Kind.TEAM).first()
    if team is None:
        raise NotFound("team_not_found", f"There is no team {team_id!r}.")
    return team


def team_choices(limit: int = 200) -> list[Workspace] | None:
    """Every team by name, to choose one from; None where there are more than `limit`."""
    teams = list(Workspace.objects.filter(kind=Kind.TEAM).order_by("name", "id")[: limit + 1])
    return teams if len(teams) <= limit else None


def team_find(id_or_name: str, *, among: Sequence[Workspace] | None = None) -> Workspace:
    """A team by its id or its whole name, whatever its case; of several with that name the oldest. `among`: all teams
    there are, where they were read already. Raises `NotFound` (``team_not_found``).
    """
    if among is None:
        matching = Q(pk=id_or_name) | Q(name__iexact=id_or_name)
        among = list(Workspace.objects.filter(matching, kind=Kind.TEAM).order_by("created_at")[:50])
    same = [team for team in among if team.name.casefold() == id_or_name.casefold()]
    found = [team for team in among if team.pk == id_or_name] or sorted(same, key=lambda team: team.created_at)
    if not found:
        raise NotFound("team_not_found", f"There is no team {id_or_name[:100]!r}.")
    return found[0]


def workspace_get_for(user: User, workspace_id: str) -> tuple[Workspace, Role]:
    """A workspace that `user` may see, and as what. A personal one is its owner's.

    Raises `NotFound` (``workspace_not_found``) alike for one that does not exist and one that is not theirs.
    """
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace is not None and workspace.kind == Kind.PERSONAL and workspace.owner_id == user.pk:
        return workspace, Role.OWNER
    membership = Membership.objects.select_related("workspace").filter(workspace_id=workspace_id, user=user).first()
    if membership is None:
        raise NotFound("workspace_not_found", "There is no such workspace, or you are not a member of it.")
    return membership.workspace, Role(membership.role)


def workspace_get_to_write(user: User, workspace_id: str) -> Workspace:
    """A workspace in which `user` may change content. Raises `NotFound`, or `Forbidden` (``role_too_low``)."""
    workspace, role = workspace_get_for(user, workspace_id)
    if role not in WRITERS:
        raise Forbidden("role_too_low", "Viewers cannot change anything here: ask an owner to make you an editor.")
    return workspace


def workspace_get_to_govern(user: User, workspace_id: str) -> Workspace:
    """A team whose members `user` may govern. Raises `NotFound`, or `Forbidden` (``role_too_low``)."""
    workspace, role = workspace_get_for(user, workspace_id)
    if role != Role.OWNER or workspace.kind != Kind.TEAM:
        raise Forbidden("role_too_low", "Only owners of the team can do this.")
    return workspace


def member_list(workspace: Workspace) -> QuerySet[Membership]:
    return workspace.memberships.select_related("user").order_by("user__name", "user__email")


def membership_list(user: User) -> QuerySet[Membership]:
    """The teams `user` is in, with the role in each, and whether somebody else owns it (``owned_by_others``)."""
    others = Membership.objects.filter(workspace=OuterRef("workspace"), role=Role.OWNER).exclude(user=user)
    memberships = user.memberships.select_related("workspace").annotate(owned_by_others=Exists(others))
    return memberships.order_by("workspace__name", "workspace_id")


def invitations_that_hold() -> QuerySet[Invitation]:
    """Invitations of operators, and of those who own the team still and are active: a leaver keeps no link as a way
    back.
    """
    owners = Membership.objects.filter(
        workspace=OuterRef("workspace"), user=OuterRef("inviter"), role=Role.OWNER, user__is_active=True
    )
    return Invitation.objects.filter(Q(inviter=None) | Exists(owners))


def invitation_list(workspace: Workspace) -> QuerySet[Invitation]:
    return invitations_that_hold().filter(workspace=workspace).select_related("inviter").order_by("-created_at")


def collection_list(workspace: Workspace) -> QuerySet[Collection]:
    """The collections (not folders) of a workspace, in order."""
    return workspace.collections.filter(parent=None).order_by("position", "id")


def environment_list(workspace: Workspace) -> QuerySet[Environment]:
    return workspace.environments.order_by("name", "id")


@dataclass(frozen=True, slots=True)
class Node:
    """A collection or folder with what lies in it, in order."""

    collection: Collection
    folders: tuple[Node, ...]
    requests: tuple[Request, ...]

    @property
    def request_count(self) -> int:
        return len(self.requests) + sum(folder.request_count for folder in self.folders)


@dataclass(frozen=True, slots=True)
class Summary:
    """A collection in a list: what it holds, counted."""

    id: str
    title: str
    folder_count: int
    request_count: int


def collection_summaries(workspace: Workspace) -> list[Summary]:
    """The collections of a workspace in order, with how much each holds: three queries."""
    folders = workspace.collections.exclude(parent=None).order_by().values("root_id").annotate(count=Count("pk"))
    requests = (
        Request.objects.filter(collection__workspace=workspace).order_by().values("root_id").annotate(count=Count("pk"))
    )
    folder_counts, request_counts = (dict(rows.values_list("root_id", "count")) for rows in (folders, requests))
    return [
        Summary(pk, title, folder_counts.get(pk, 0), request_counts.get(pk, 0))
        for pk, title in collection_list(workspace).values_list("pk", "title")
    ]


def tree_get(collection: Collection) -> Node:
    """One collection (or folder) as a tree: two queries."""
    rows = Collection.objects.filter(root_id=collection.root_id).order_by("position", "id")
    requests = Request.objects.filter(root_id=collection.root_id).order_by("position", "id")
    by_id = {node.collection.pk: node for node in _nodes(rows, requests)}
    return by_id[collection.pk]


def _nodes(rows: QuerySet[Collection], requests: QuerySet[Request]) -> Sequence[Node]:
    children: dict[str | None, list[Collection]] = {}
    for row in rows:
        children.setdefault(row.parent_id, []).append(row)
    requests_of: dict[str, list[Request]] = {}
    for request in requests:
        requests_of.setdefault(request.collection_id, []).append(request)
    # Parents before children, then built from the leaves up: no recursion, so no depth is too deep.
    order = list(children.get(None, ()))
    for row in order:
        order.extend(children.get(row.pk, ()))
    built: dict[str, Node] = {}
    for row in reversed(order):
        built[row.pk] = Node(
            collection=row,
            folders=tuple(built[child.pk] for child in children.get(row.pk, ())),
            requests=tuple(requests_of.get(row.pk, ())),
        )
    return [built[row.pk] for row in order]


def collection_get(workspace: Workspace, collection_id: str) -> Collection:
    """Raises `NotFound` (``collection_not_found``)."""
    collection = workspace.collections.filter(pk=collection_id).first()
    if collection is None:
        raise NotFound("collection_not_found", "There is no such collection in this workspace.")
    return collection


def environment_get(workspace: Workspace, environment_id: str) -> Environment:
    """Raises `NotFound` (``environment_not_found``)."""
    environment = workspace.environments.filter(pk=environment_id).first()
    if environment is None:
        raise NotFound("environment_not_found", "There is no such environment in this workspace.")
    return environment
