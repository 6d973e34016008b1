"""What the shell around every page needs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hopkey.server.accounts.models import User
from hopkey.server.mail.settings import is_set_up
from hopkey.server.workspaces.models import Workspace
from hopkey.server.workspaces.selectors import team_list_for

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "hopkey_theme"


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme, whether mail is set up, and the workspaces of the switcher (one query, only where the page shows it)."""
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    user = getattr(request, "user", None)

    def workspaces() -> list[Workspace]:
        if not isinstance(user, User):
            return []
        personal = Workspace.objects.filter(owner=user)
        return [*personal, *team_list_for(user)]

    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "mail_is_set_up": is_set_up(),
        "shell_workspaces": SimpleLazyObject(workspaces),
    }
