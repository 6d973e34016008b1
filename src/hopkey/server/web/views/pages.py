"""What several pages of a workspace need."""

from __future__ import annotations

import json
import re
from typing import Any

from django.http import HttpRequest, HttpResponse

from hopkey.server.config import current
from hopkey.server.workspaces.models import Kind, Role, Workspace
from hopkey.server.workspaces.selectors import WRITERS


def workspace_context(request: HttpRequest, workspace: Workspace, role: Role, section: str) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "role": role,
        "can_write": role in WRITERS,
        "is_team": workspace.kind == Kind.TEAM,
        "server": server_address(request),
        "section": section,
        "upload_limit_mb": current().upload_limit_mb,
    }


def server_address(request: HttpRequest) -> str:
    """Where a command finds this server."""
    return current().public_url.rstrip("/") or f"{request.scheme}://{request.get_host()}"


def download(value: dict[str, Any], name: str) -> HttpResponse:
    file = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "export"
    text = json.dumps(value, ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": f'attachment; filename="{file}.json"'}
    return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)


def count_words(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
