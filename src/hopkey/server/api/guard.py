"""Who calls the JSON API, by which way of authentication, and what everybody else is told.

Every way in is in `WAYS`, every further condition in `CONDITIONS`: a new one is added there and nowhere else.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from hopkey.server.accounts.factors import factor_is_missing
from hopkey.server.accounts.models import User
from hopkey.server.accounts.sessions import is_recent
from hopkey.server.audit.actor import Actor
from hopkey.server.automation.entry import TooMany, door
from hopkey.server.automation.judging import Need, Refusal
from hopkey.server.automation.verify import Refused
from hopkey.server.errors import DomainError
from hopkey.server.nul import UNFIT, holds_unfit
from hopkey.server.tokens.format import AUTOMATION_PREFIX, bearer_token
from hopkey.server.ui.actors import actor_of

View = Callable[..., HttpResponse]

SECOND_FACTOR = "This server asks for a second factor: set one up at /profile/security first."
CONFIRM = "Your sign-in is too old for this: open /confirm in the browser, or sign in again."


class BadRequest(Exception):
    """A request that is refused before anything is done; ``body`` is the whole answer."""

    def __init__(self, body: dict[str, Any], status: int = 400) -> None:
        super().__init__(str(body.get("message", "")))
        self.body = body
        self.status = status


def refusal(code: str, detail: str, status: int, *, field: str | None = None) -> BadRequest:
    """In the one shape of errors: ``{message: code, detail, statusCode}``, with ``field`` where one is at fault."""
    return BadRequest(error_body(code, detail, status, field=field), status)


def error_body(code: str, detail: str, status: int, *, field: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"message": code, "detail": detail, "statusCode": status}
    return body if field is None else {**body, "field": _camel(field)}


class Who(StrEnum):
    """Whom an operation is for. Whoever it is not for is told that there is nothing here."""

    ADMINISTRATOR = "administrators"
    SIGNED_IN = "people who are signed in"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and as whom that is recorded. ``by_session``: from a browser in which this person signed in."""

    user: User
    by: Actor
    by_session: bool


def by_session(request: HttpRequest) -> Caller | None:
    """The person whose session the cookie names, from our own pages only.

    The protocol has no place for a CSRF token, so the browser's own word decides: ``Sec-Fetch-Site`` and ``Origin``,
    which pages of other sites cannot change, must name us where they are sent (docs/security.md).
    """
    if not _same_origin(request):
        raise refusal("cross_site", "Cross-site requests are refused.", 403)
    if not isinstance(request.user, User):
        return None
    if factor_is_missing(request.user):
        raise refusal("second_factor_required", SECOND_FACTOR, 403)
    return Caller(request.user, actor_of(request), True)


def by_automation_token(request: HttpRequest) -> Caller | None:
    """The administrator in whose name a program acts: reading needs a token that reads, the rest a full one."""
    authorization = request.headers.get("Authorization", "")
    if not (bearer_token(authorization) or "").startswith(AUTOMATION_PREFIX):
        return None
    address, agent = request.META.get("REMOTE_ADDR", ""), request.headers.get("User-Agent", "")
    try:
        found = door().enter(authorization=authorization, address=address, agent=agent)
    except TooMany as error:
        raise refusal("too_many_attempts", f"Try again in {error.seconds:.0f} s.", 429) from None
    if isinstance(found, Refused):
        expired = found.reason is Refusal.EXPIRED
        code = "infra_token/expired" if expired else "infra_token/invalid_token"
        raise refusal(code, "This automation token is not, or no longer, good.", 401)
    if not found.may(Need.READ if request.method in ("GET", "HEAD") else Need.WRITE):
        raise refusal(
            "infra_token/insufficient_access", "The access of this automation token does not include it.", 403
        )
    return Caller(found.creator, found.actor(address=address, agent=agent), False)


Way = Callable[[HttpRequest], Caller | None]
"""A way of authentication: who calls; None if the request does not come that way; `BadRequest` if it may not."""

WAYS: tuple[Way, ...] = (by_automation_token, by_session)

Condition = Callable[[HttpRequest, Caller], None]
"""What must be true of a caller before an operation that changes or hands out much; raises `BadRequest` if not."""


def recently(request: HttpRequest, caller: Caller) -> None:
    """People confirm a sign-in that is some time ago; programs have nothing to confirm it with."""
    if caller.by_session and not is_recent(request.session):
        raise refusal("reauthentication_required", CONFIRM, 403)


CONDITIONS: tuple[Condition, ...] = (recently,)


def caller_of(request: HttpRequest) -> Caller:
    """Who calls. Raises `BadRequest`: 401 for what did not authenticate anybody, 403 where nothing was sent."""
    for way in WAYS:
        caller = way(request)
        if caller is not None:
            return caller
    raise nobody(request)


def nobody(request: HttpRequest) -> BadRequest:
    """The answer to somebody who is not known."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES or "Authorization" in request.headers:
        return refusal("Unauthorized", "The session has ended, or this is not the place for this token: sign in.", 401)
    return refusal("auth/cookies_not_found", "Sign in first.", 403)


def caller_admit(request: HttpRequest, who: Who, *, sensitive: bool) -> Caller:
    """The caller of an operation for `who`. Raises `BadRequest`; for others an operation looks as if it were not."""
    caller = caller_of(request)
    if who is Who.ADMINISTRATOR and not caller.user.is_administrator:
        raise not_found()
    if sensitive:
        for condition in CONDITIONS:
            condition(request, caller)
    return caller


def not_found() -> BadRequest:
    return refusal("not_found", "There is nothing at this address.", 404)


def session_api(method: str, *, recent: bool = False) -> Callable[[View], View]:
    """A view for one method, for people who are signed in: the official protocol's own routes. With `recent` only after
    a recent sign-in.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                if request.method != method:
                    raise refusal("method_not_allowed", f"Use {method}.", 405)
                caller = by_session(request)
                if caller is None:
                    raise nobody(request)
                if recent:
                    recently(request, caller)
                return view(request, *args, **kwargs)
            except BadRequest as error:
                return reply(error.body, error.status, {"Allow": method} if error.status == 405 else None)
            except DomainError as error:
                return reply(error_body(error.code, error.message, error.status, field=error.field), error.status)

        return csrf_exempt(wrapped)

    return decorate


def json_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request. Only ``application/json``: forms of other sites cannot send that."""
    if request.content_type != "application/json":
        raise refusal("json_only", "Send application/json.", 415)
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        raise refusal("json_invalid", "The body is not valid JSON.", 400) from None
    if not isinstance(value, dict):
        raise refusal("json_invalid", "The body must be a JSON object.", 400)
    if holds_unfit(value):
        raise refusal("json_invalid", UNFIT, 400)
    return value


def reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    given = {"Cache-Control": "no-store", **(headers or {})}
    return HttpResponse(msgspec.json.encode(value), status=status, content_type="application/json", headers=given)


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


def _camel(name: str) -> str:
    """As the JSON names it: ``max_days`` -> ``maxDays``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
