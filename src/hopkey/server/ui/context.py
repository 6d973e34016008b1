"""What the shell around every page needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hopkey.server.accounts.models import User
from hopkey.server.workspaces.models import Workspace
from hopkey.server.workspaces.selectors import team_list_for

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "hopkey_theme"


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme, and the workspaces of the switcher (one query, and only where the page shows it)."""
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    user = getattr(request, "user", None)

    def workspaces() -> list[Workspace]:
        if not isinstance(user, User):
            return []
        mine = Workspace.objects.filter(owner=user).union(team_list_for(user).order_by())
        return sorted(mine, key=lambda item: (item.kind, item.name, item.pk))

    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "shell_workspaces": SimpleLazyObject(workspaces),
    }
