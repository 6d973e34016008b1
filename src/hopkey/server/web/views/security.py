"""Profile settings, Security: the devices one is signed in on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from hopkey.server.accounts import sessions
from hopkey.server.errors import NotFound
from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of


@require_safe
@signed_in
def security(request: HttpRequest) -> HttpResponse:
    return render(request, "web/security.html", _context(request))


@require_POST
@signed_in
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """Ending a session needs no recent sign-in: it takes access away, and must be quick."""
    try:
        sessions.session_end(user=user_of(request), session_id=session_id, by=actor_of(request))
    except NotFound as error:
        messages.info(request, error.message)
    else:
        messages.success(request, "Signed out there.")
    return redirect("security")


@require_POST
@signed_in
def sessions_end_others(request: HttpRequest) -> HttpResponse:
    key = request.session.session_key or ""
    ended = sessions.sessions_end_others(user=user_of(request), key=key, by=actor_of(request))
    messages.success(request, f"Signed out everywhere else: {ended} session{'' if ended == 1 else 's'} ended.")
    return redirect("security")


def _context(request: HttpRequest) -> dict[str, Any]:
    return {
        "devices": sessions.session_list(user=user_of(request), key=request.session.session_key or ""),
        "tab": "security",
        "error": None,
    }
