"""Notes when a session was last seen."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from hopkey.server.accounts.models import User
from hopkey.server.accounts.sessions import session_seen


class SessionSeenMiddleware:
    """After a request that somebody signed in made: most of them write nothing (`session_seen`)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        # Only where the answer needed the account anyway: static files and the like read no session.
        user = getattr(request, "_cached_user", None)
        key = request.session.session_key
        if isinstance(user, User) and key:
            session_seen(
                key=key,
                user=user,
                address=request.META.get("REMOTE_ADDR", ""),
                agent=request.META.get("HTTP_USER_AGENT", ""),
            )
        return response
