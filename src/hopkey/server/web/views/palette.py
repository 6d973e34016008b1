"""Where the command palette can lead: one small answer, as the reader may see it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from hopkey.server.errors import NotFound
from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import user_of
from hopkey.server.ui.places import places_for
from hopkey.server.workspaces.models import Kind, Role, Workspace
from hopkey.server.workspaces.selectors import (
    collection_list,
    environment_list,
    membership_list,
    workspace_get_for,
)

MOST = 500
"""Collections, and environments, of the workspace at hand."""


@require_safe
@signed_in
def palette(request: HttpRequest) -> JsonResponse:
    user = user_of(request)
    items: list[dict[str, str]] = []
    try:
        here, role = workspace_get_for(user, request.GET.get("workspace", ""))
    except NotFound:
        pass
    else:
        items += _pages(here, role)
        items += _content(here)
    personal = Workspace.objects.filter(owner=user).first()
    if personal is not None:
        items.append(_item("Workspaces", personal.name, reverse("workspace", args=[personal.pk]), detail="only you"))
    items += [
        _item("Workspaces", row.workspace.name, reverse("workspace", args=[row.workspace_id]), detail=row.role.lower())
        for row in membership_list(user)
    ]
    items += [
        _item(place.group, place.text, reverse(place.address), words=place.words)
        for place in places_for(administrator=user.is_administrator)
    ]
    return JsonResponse({"items": items})


def _pages(here: Workspace, role: Role) -> list[dict[str, str]]:
    pages = [("Collections", "workspace"), ("Environments", "environments")]
    if here.kind == Kind.TEAM:
        pages.append(("Members", "members"))
    if here.kind == Kind.TEAM and role == Role.OWNER:
        pages += [("Tokens that reach this team", "team_tokens"), ("Team settings", "team_settings")]
    return [_item(here.name, text, reverse(address, args=[here.pk])) for text, address in pages]


def _content(here: Workspace) -> list[dict[str, str]]:
    collections = collection_list(here).values_list("pk", "title")[:MOST]
    environments = environment_list(here).values_list("pk", "name")[:MOST]
    place = reverse("environments", args=[here.pk])
    return [
        *(
            _item("Collections", title, reverse("collection", args=[here.pk, pk]), words=pk)
            for pk, title in collections
        ),
        *(_item("Environments", name, f"{place}#{pk}", words=pk) for pk, name in environments),
    ]


def _item(group: str, text: str, url: str, *, detail: str = "", words: str = "") -> dict[str, Any]:
    return {"group": group, "text": text, "url": url, "detail": detail, "words": words}
