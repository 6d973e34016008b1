"""What a workspace holds: collections as a tree, environments; import and export."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.workspaces import content, selectors
from hopkey.server.workspaces.models import Kind, Role, Workspace
from hopkey.server.workspaces.selectors import WRITERS, Node


@require_safe
@signed_in
def collections(request: HttpRequest, workspace_id: str) -> HttpResponse:
    workspace, role = selectors.workspace_get_for(user_of(request), workspace_id)
    trees = selectors.tree_list(workspace)
    context = _context(request, workspace, role) | {"section": "collections", "trees": [_lines(tree) for tree in trees]}
    return render(request, "web/collections.html", context)


@require_safe
@signed_in
def environments(request: HttpRequest, workspace_id: str) -> HttpResponse:
    workspace, role = selectors.workspace_get_for(user_of(request), workspace_id)
    rows = [(row, json.loads(row.variables)) for row in selectors.environment_list(workspace)]
    context = _context(request, workspace, role) | {"section": "environments", "environments": rows}
    return render(request, "web/environments.html", context)


@require_POST
@signed_in
def import_file(request: HttpRequest, workspace_id: str) -> HttpResponse:
    workspace = selectors.workspace_get_to_write(user_of(request), workspace_id)
    is_environment = request.POST.get("kind") == "environment"
    target = "environments" if is_environment else "workspace"
    upload = request.FILES.get("file")
    try:
        if upload is None or not hasattr(upload, "read"):
            raise DomainError("file_missing", "Choose a file to import.")
        data = upload.read()
        if is_environment:
            names = [content.environment_import(workspace=workspace, data=data, by=actor_of(request)).name]
        else:
            rows = content.collection_import(workspace=workspace, data=data, by=actor_of(request))
            names = [row.title for row in rows]
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"Imported {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}.")
    return redirect(target, workspace_id=workspace.pk)


@require_safe
@signed_in
def collection_export(request: HttpRequest, workspace_id: str, collection_id: str) -> HttpResponse:
    workspace, _ = selectors.workspace_get_for(user_of(request), workspace_id)
    collection = selectors.collection_get(workspace, collection_id)
    return _download(content.collection_export(collection), collection.title)


@require_safe
@signed_in
def environment_export(request: HttpRequest, workspace_id: str, environment_id: str) -> HttpResponse:
    workspace, _ = selectors.workspace_get_for(user_of(request), workspace_id)
    environment = selectors.environment_get(workspace, environment_id)
    return _download(content.environment_export(environment), environment.name)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def collection_delete(request: HttpRequest, workspace_id: str, collection_id: str) -> HttpResponse:
    workspace = selectors.workspace_get_to_write(user_of(request), workspace_id)
    collection = selectors.collection_get(workspace, collection_id)
    if request.method != "POST":
        node = selectors.tree_get(collection)
        text = (
            f"It holds {_count(node.request_count, 'request')}. Pipelines that run it by its id stop working at once."
        )
        context = _context(request, workspace, Role.EDITOR) | {"what": "collection", "name": collection.title}
        return render(request, "web/content_delete.html", context | {"consequence": text})
    content.collection_delete(collection=collection, by=actor_of(request))
    messages.success(request, f"Deleted “{collection.title}”.")
    return redirect("workspace", workspace_id=workspace.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def environment_delete(request: HttpRequest, workspace_id: str, environment_id: str) -> HttpResponse:
    workspace = selectors.workspace_get_to_write(user_of(request), workspace_id)
    environment = selectors.environment_get(workspace, environment_id)
    if request.method != "POST":
        text = "Pipelines that use it by its id stop working at once."
        context = _context(request, workspace, Role.EDITOR) | {"what": "environment", "name": environment.name}
        return render(request, "web/content_delete.html", context | {"consequence": text})
    content.environment_delete(environment=environment, by=actor_of(request))
    messages.success(request, f"Deleted “{environment.name}”.")
    return redirect("environments", workspace_id=workspace.pk)


def _context(request: HttpRequest, workspace: Workspace, role: Role) -> dict[str, Any]:
    server = current().public_url.rstrip("/") or f"{request.scheme}://{request.get_host()}"
    return {
        "workspace": workspace,
        "role": role,
        "can_write": role in WRITERS,
        "is_team": workspace.kind == Kind.TEAM,
        "server": server,
    }


def _lines(tree: Node) -> dict[str, Any]:
    """A tree as steps that open and close, so that the template needs no recursion."""
    return {"collection": tree.collection, "count": tree.request_count, "steps": list(_steps(tree))}


def _steps(node: Node) -> Iterator[tuple[str, Any, str]]:
    for folder in node.folders:
        yield "open", folder.collection, str(folder.request_count)
        yield from _steps(folder)
        yield "close", None, ""
    for request in node.requests:
        yield "request", request, str(json.loads(request.body).get("method", "GET"))[:10]


def _download(value: dict[str, Any], name: str) -> HttpResponse:
    file = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "export"
    text = json.dumps(value, ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": f'attachment; filename="{file}.json"'}
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
