"""The environments of a workspace with their variables."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.web.views.pages import download, workspace_context
from hopkey.server.workspaces import content, selectors
from hopkey.server.workspaces.models import Role

SECTION = "environments"


@require_safe
@signed_in
def environment_list(request: HttpRequest, workspace_id: str) -> HttpResponse:
    workspace, role = selectors.workspace_get_for(user_of(request), workspace_id)
    rows = [(row, json.loads(row.variables)) for row in selectors.environment_list(workspace)]
    context = workspace_context(request, workspace, role, SECTION) | {"environments": rows, "kind": "environment"}
    return render(request, "web/environments.html", context)


@require_safe
@signed_in
def environment_export(request: HttpRequest, workspace_id: str, environment_id: str) -> HttpResponse:
    workspace, _ = selectors.workspace_get_for(user_of(request), workspace_id)
    environment = selectors.environment_get(workspace, environment_id)
    return download(content.environment_export(environment), environment.name)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def environment_delete(request: HttpRequest, workspace_id: str, environment_id: str) -> HttpResponse:
    workspace = selectors.workspace_get_to_write(user_of(request), workspace_id)
    environment = selectors.environment_get(workspace, environment_id)
    if request.method != "POST":
        context = workspace_context(request, workspace, Role.EDITOR, SECTION) | {
            "what": "environment",
            "name": environment.name,
            "consequence": "Pipelines that use it by its id stop working at once.",
        }
        return render(request, "web/content_delete.html", context)
    content.environment_delete(environment=environment, by=actor_of(request))
    messages.success(request, f"Deleted “{environment.name}”.")
    return redirect("environments", workspace_id=workspace.pk)
