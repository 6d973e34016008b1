"""The collections of a workspace, and one of them as a tree."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.web.views.pages import count_words, download, workspace_context
from hopkey.server.workspaces import content, selectors
from hopkey.server.workspaces.models import Role
from hopkey.server.workspaces.outline import outline_get

SECTION = "collections"


@require_safe
@signed_in
def collection_list(request: HttpRequest, workspace_id: str) -> HttpResponse:
    workspace, role = selectors.workspace_get_for(user_of(request), workspace_id)
    context = workspace_context(request, workspace, role, SECTION)
    context |= {"collections": selectors.collection_summaries(workspace), "kind": "collection"}
    return render(request, "web/collections.html", context)


@require_safe
@signed_in
def collection(request: HttpRequest, workspace_id: str, collection_id: str) -> HttpResponse:
    """The tree of a collection, or of a folder."""
    workspace, role = selectors.workspace_get_for(user_of(request), workspace_id)
    found = selectors.collection_get(workspace, collection_id)
    context = workspace_context(request, workspace, role, SECTION)
    context |= {"collection": found, "outline": outline_get(found)}
    return render(request, "web/collection.html", context)


@require_safe
@signed_in
def collection_export(request: HttpRequest, workspace_id: str, collection_id: str) -> HttpResponse:
    workspace, _ = selectors.workspace_get_for(user_of(request), workspace_id)
    found = selectors.collection_get(workspace, collection_id)
    return download(content.collection_export(found), found.title)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def collection_delete(request: HttpRequest, workspace_id: str, collection_id: str) -> HttpResponse:
    workspace = selectors.workspace_get_to_write(user_of(request), workspace_id)
    found = selectors.collection_get(workspace, collection_id)
    if request.method != "POST":
        holds = outline_get(found)
        context = workspace_context(request, workspace, Role.EDITOR, SECTION) | {
            "what": "collection" if found.parent_id is None else "folder",
            "name": found.title,
            "consequence": f"It holds {count_words(holds.request_count, 'request')}. "
            "Pipelines that run it by its id stop working at once.",
        }
        return render(request, "web/content_delete.html", context)
    content.collection_delete(collection=found, by=actor_of(request))
    messages.success(request, f"Deleted “{found.title}”.")
    return redirect("workspace", workspace_id=workspace.pk)
