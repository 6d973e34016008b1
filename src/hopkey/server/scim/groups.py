"""``/scim/v2/Groups``: groups, which lead into teams."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from scim2_models import Context, Meta, PatchOp, Reference

from hopkey.server.audit.actor import Actor
from hopkey.server.provisioning.groups import group_change, group_create, group_delete, group_members_change
from hopkey.server.provisioning.models import Group as Kept
from hopkey.server.provisioning.models import GroupMember
from hopkey.server.provisioning.selectors import group_get, group_list
from hopkey.server.scim.dialects import member_changes, patch_normalise
from hopkey.server.scim.filters import GROUP
from hopkey.server.scim.guard import Wrong, answer, body_of, holder_of, method_of
from hopkey.server.scim.resources import Group, Member, User
from hopkey.server.scim.wire import (
    base_of,
    list_answer,
    members_wanted,
    parameters_of,
    resource_answer,
    resource_read,
    speaking,
)


@speaking
def collection(request: HttpRequest) -> HttpResponse:
    if method_of(request, "GET", "POST") == "GET":
        return _list(request)
    sent = resource_read(request, Group, Context.RESOURCE_CREATION_REQUEST)
    made = group_create(
        display_name=sent.display_name or "",
        external_id=sent.external_id or "",
        member_ids=_member_ids(sent),
        owner=holder_of(request).creator,
        by=_actor(request),
    )
    return resource_answer(request, _get(request, made.pk), Context.RESOURCE_CREATION_RESPONSE, 201)


@speaking
def search(request: HttpRequest) -> HttpResponse:
    method_of(request, "POST")
    return _list(request)


@speaking
def one(request: HttpRequest, group_id: str) -> HttpResponse:
    method = method_of(request, "GET", "PUT", "PATCH", "DELETE")
    kept = group_get(group_id)
    if method == "GET":
        return resource_answer(request, _get(request, group_id), Context.RESOURCE_QUERY_RESPONSE)
    if method == "DELETE":
        group_delete(group=kept, by=_actor(request))
        return answer(None, 204)
    if method == "PUT":
        wanted = resource_read(request, Group, Context.RESOURCE_REPLACEMENT_REQUEST)
        if "members" not in wanted.model_fields_set:  # left out is not emptied
            wanted.members = _resource(kept, _members([kept.pk]), "").members
    else:
        body = patch_normalise(body_of(request))
        changes = member_changes(body)
        if changes is not None:  # what providers send most: a group of thousands is neither read nor sent back
            group_members_change(group=kept, come=changes[0], go=changes[1], by=_actor(request))
            return answer(None, 204)
        operations = PatchOp[Group].model_validate(body, scim_ctx=Context.RESOURCE_PATCH_REQUEST)
        wanted = _resource(kept, _members([kept.pk]), base_of(request))
        operations.patch(wanted)
    group_change(
        group=kept,
        display_name=wanted.display_name or "",
        external_id=wanted.external_id or "",
        member_ids=_member_ids(wanted),
        by=_actor(request),
    )
    context = Context.RESOURCE_REPLACEMENT_RESPONSE if method == "PUT" else Context.RESOURCE_PATCH_RESPONSE
    return resource_answer(request, _get(request, group_id), context)


def _list(request: HttpRequest) -> HttpResponse:
    return list_answer(
        request, Group, group_list(), GROUP, lambda page, asked: _resources(request, page, members_wanted(asked))
    )


def _member_ids(sent: Group) -> list[str]:
    """Raises `Wrong` for groups in groups: a team has people."""
    members = sent.members or []
    if any((item.type or "").lower() == "group" for item in members):
        raise Wrong("Groups in groups are not supported.", scim_type="invalidValue")
    if any(not item.value for item in members):
        raise Wrong("A member needs a value: the id of a user.", scim_type="invalidValue")
    return [item.value for item in members if item.value]


def _get(request: HttpRequest, group_id: str) -> Group:
    wanted = members_wanted(parameters_of(request, Group))
    return _resources(request, [group_get(group_id)], wanted)[0]


def _resources(request: HttpRequest, page: Sequence[Kept], with_members: bool) -> list[Group]:
    by_group: dict[str, list[GroupMember]] = {}
    if with_members:
        for item in _members([group.pk for group in page]):
            by_group.setdefault(item.group_id, []).append(item)
    base = base_of(request)
    return [_resource(group, by_group.get(group.pk, []), base) for group in page]


def _members(group_ids: Sequence[str]) -> Sequence[GroupMember]:
    return list(GroupMember.objects.filter(group_id__in=group_ids).order_by("pk"))


def _resource(kept: Kept, members: Sequence[GroupMember], base: str) -> Group:
    return Group(
        id=kept.pk,
        external_id=kept.external_id or None,
        display_name=kept.display_name,
        members=[
            Member(
                value=item.user_id,
                ref=Reference[User](f"{base}/Users/{item.user_id}"),
                type="User",
            )
            for item in members
        ]
        or None,
        meta=Meta(
            resource_type="Group",
            created=kept.created_at,
            last_modified=kept.changed_at,
            location=f"{base}/Groups/{kept.pk}",
        ),
    )


def _actor(request: HttpRequest) -> Actor:
    return holder_of(request).actor(
        address=request.META.get("REMOTE_ADDR", ""), agent=request.headers.get("User-Agent", "")
    )
