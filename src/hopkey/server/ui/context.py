"""What the shell around every page needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hopkey.server.accounts.models import User
from hopkey.server.mail.settings import is_set_up
from hopkey.server.workspaces.models import Kind, Role, Workspace
from hopkey.server.workspaces.selectors import workspace_list_for

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "hopkey_theme"
_LAST = "workspace"


@dataclass(frozen=True, slots=True)
class Entry:
    """A workspace in the switcher, and what its reader is in it."""

    workspace: Workspace
    role: Role

    @property
    def is_team(self) -> bool:
        return self.workspace.kind == Kind.TEAM

    @property
    def is_owner(self) -> bool:
        return self.is_team and self.role == Role.OWNER


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme, whether mail is set up, and the workspaces of the switcher (one query, only where the page shows it).

    ``shell_here`` is the workspace of this page, else the one visited last, else the first team.
    """
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    entries = SimpleLazyObject(lambda: _entries(request))
    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "mail_is_set_up": is_set_up(),
        "shell_workspaces": entries,
        "shell_here": SimpleLazyObject(lambda: _here(request, entries)),
    }


def _entries(request: HttpRequest) -> list[Entry]:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return []
    return [Entry(item, role) for item, role in workspace_list_for(user)]


def _here(request: HttpRequest, entries: Iterable[Entry]) -> Entry | None:
    match = request.resolver_match
    wanted = match.kwargs.get("workspace_id") if match else None
    found = {entry.workspace.pk: entry for entry in entries}
    if wanted in found:
        if request.session.get(_LAST) != wanted:
            request.session[_LAST] = wanted
        return found[wanted]
    last = found.get(str(request.session.get(_LAST)))
    return last or next((entry for entry in entries if entry.is_team), None) or next(iter(entries), None)
