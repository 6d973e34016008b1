"""Importing a file: collections or an environment."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from hopkey.server.audit.actor import Actor
from hopkey.server.errors import DomainError
from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.web.views.pages import workspace_context
from hopkey.server.workspaces import content, selectors
from hopkey.server.workspaces.models import Role, Workspace

KINDS = {"collection": "workspace", "environment": "environments"}
"""What is imported, and the page that then shows it."""
_NAMED = 5


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def import_file(request: HttpRequest, workspace_id: str) -> HttpResponse:
    """The form as a page of its own, where a file with a fault leads back to; and the import."""
    workspace = selectors.workspace_get_to_write(user_of(request), workspace_id)
    given = request.POST if request.method == "POST" else request.GET
    kind = given.get("kind", "collection")
    kind = kind if kind in KINDS else "collection"
    section = "environments" if kind == "environment" else "collections"
    context = workspace_context(request, workspace, Role.EDITOR, section) | {"kind": kind, "error": None}
    if request.method != "POST":
        return render(request, "web/import.html", context)
    try:
        names = _import(request, workspace, kind, actor_of(request))
    except DomainError as error:
        upload = request.FILES.get("file")
        context |= {"error": error, "file_name": getattr(upload, "name", "") or ""}
        return render(request, "web/import.html", context, status=error.status)
    messages.success(request, f"Imported {', '.join(names[:_NAMED])}{' and more' if len(names) > _NAMED else ''}.")
    return redirect(KINDS[kind], workspace_id=workspace.pk)


def _import(request: HttpRequest, workspace: Workspace, kind: str, by: Actor) -> list[str]:
    upload = request.FILES.get("file")
    if upload is None or not hasattr(upload, "read"):
        raise DomainError("file_missing", "Choose a file to import.", field="file")
    data = upload.read()
    if kind == "environment":
        return [content.environment_import(workspace=workspace, data=data, by=by).name]
    return [row.title for row in content.collection_import(workspace=workspace, data=data, by=by)]
