"""Who may call the JSON API: a signed-in person, from our own pages only."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from hopkey.server.accounts.factors import factor_is_missing
from hopkey.server.accounts.models import User
from hopkey.server.accounts.sessions import is_recent
from hopkey.server.errors import DomainError, Forbidden

View = Callable[..., HttpResponse]

SECOND_FACTOR = "This server asks for a second factor: set one up at /profile/security first."
CONFIRM = "Your sign-in is too old for this: open /confirm in the browser, or sign in again."


class BadRequest(Exception):
    """A request of the wrong shape; ``body`` is the answer, as the official server gives it."""

    def __init__(self, body: dict[str, Any], status: int = 400) -> None:
        super().__init__(str(body.get("message", "")))
        self.body = body
        self.status = status


def session_api(method: str, *, recent: bool = False) -> Callable[[View], View]:
    """A view for one method, for signed-in people, refused across sites; with `recent` only after a recent sign-in.

    The protocol has no place for a CSRF token, so the browser's own word decides: ``Sec-Fetch-Site`` and ``Origin``,
    which pages of other sites cannot change, must name us where they are sent (docs/security.md).
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != method:
                return reply({"message": f"Use {method}.", "statusCode": 405}, 405)
            if not _same_origin(request):
                return reply({"message": "Cross-site requests are refused.", "statusCode": 403}, 403)
            if not isinstance(request.user, User):
                tried = settings.SESSION_COOKIE_NAME in request.COOKIES or "Authorization" in request.headers
                if tried:
                    return reply({"message": "Unauthorized", "statusCode": 401}, 401)
                return reply({"message": "auth/cookies_not_found", "statusCode": 403}, 403)
            try:
                if factor_is_missing(request.user):
                    raise Forbidden("second_factor_required", SECOND_FACTOR)
                if recent and not is_recent(request.session):
                    raise Forbidden("reauthentication_required", CONFIRM)
                return view(request, *args, **kwargs)
            except BadRequest as error:
                return reply(error.body, error.status)
            except DomainError as error:
                return reply({"message": error.code, "detail": error.message, "statusCode": error.status}, error.status)

        return csrf_exempt(wrapped)

    return decorate


def json_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request. Only ``application/json``: forms of other sites cannot send that."""
    if request.content_type != "application/json":
        raise BadRequest({"message": "Send application/json.", "statusCode": 415}, 415)
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        raise BadRequest({"message": "The body is not valid JSON.", "statusCode": 400}) from None
    if not isinstance(value, dict):
        raise BadRequest({"message": "The body must be a JSON object.", "statusCode": 400})
    return value


def reply(value: Any, status: int = 200) -> JsonResponse:
    return JsonResponse(value, status=status, safe=False, headers={"Cache-Control": "no-store"})


def _same_origin(request: HttpRequest) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        # A browser that sends neither on a write could be tricked; a client that is no browser has no session.
        return site is not None or request.method == "GET"
    parts = urlsplit(origin)
    own = {f"{request.scheme}://{request.get_host()}", *settings.CSRF_TRUSTED_ORIGINS}
    return f"{parts.scheme}://{parts.netloc}" in own
