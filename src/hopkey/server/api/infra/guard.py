"""Who may call ``/v1/infra/*``: the holder of an automation token, and nobody else. Cookies are not looked at, so
another site has nothing to abuse.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from hopkey.server.accounts.models import User
from hopkey.server.api.guard import BadRequest, reply
from hopkey.server.audit.actor import Actor
from hopkey.server.automation.entry import TooMany, door
from hopkey.server.automation.judging import Need, Refusal
from hopkey.server.automation.verify import Refused
from hopkey.server.errors import DomainError

BODY_LIMIT = 64 * 1024
"""Bytes of a request: names, addresses and roles."""

_REFUSED = {
    Refusal.MISSING: "infra_token/authorization_token_missing",
    Refusal.EXPIRED: "infra_token/expired",
}
_INVALID = "infra_token/invalid_token"
_CHALLENGE = 'Bearer realm="hopkey"'

OFFICIAL = {
    "user_not_found": (404, "user/not_found"),
    "team_not_found": (404, "team/invalid_id"),
    "member_not_found": (404, "team/member_not_found"),
    "invitation_not_found": (404, "team_invite/no_invite_found"),
    "email_invalid": (400, "invalid/email"),
    "already_member": (400, "team_invite/already_member"),
    "last_owner": (400, "team/only_one_owner"),
    "last_administrator": (400, "admin/only_one_admin_account_found"),
}
"""Status and message of the official server for our codes, where it has them."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may enter: who acts, in whose name, and what was sent."""

    request: HttpRequest
    by: Actor
    creator: User

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.GET

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises `BadRequest`."""
        if self.request.content_type != "application/json":
            raise BadRequest({"message": "Send application/json.", "statusCode": 415}, 415)
        try:
            value = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise BadRequest({"message": "The body is not valid JSON.", "statusCode": 400}) from None
        if not isinstance(value, dict):
            raise BadRequest({"message": "The body must be a JSON object.", "statusCode": 400})
        return value


View = Callable[..., HttpResponse]


def route(**views: View) -> View:
    """One address: a view for each method, called with a `Call` and what the address says.

    Reading needs a token that reads, everything else one that writes.
    """

    def wrapped(request: HttpRequest, **names: str) -> HttpResponse:
        try:
            method = "GET" if request.method == "HEAD" else str(request.method)
            call = _enter(request, Need.READ if method == "GET" else Need.WRITE)
            view = views.get(method)
            if view is None:
                allowed = ", ".join(sorted(views))
                answer = reply({"message": f"Use {allowed}.", "statusCode": 405}, 405)
                answer.headers["Allow"] = allowed
                return answer
            if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
                raise BadRequest({"message": f"A request has at most {BODY_LIMIT} bytes.", "statusCode": 413}, 413)
            if any("\0" in value for value in (*names.values(), *request.GET.values())):
                raise BadRequest({"message": "Addresses carry no null characters.", "statusCode": 400})
            return view(call, **names)
        except BadRequest as error:
            return reply(error.body, error.status)
        except DomainError as error:
            status, message = OFFICIAL.get(error.code, (error.status, error.code))
            return reply({"message": message, "detail": error.message, "statusCode": status}, status)
        except _Shut as shut:
            return shut.answer

    return csrf_exempt(functools.wraps(next(iter(views.values())))(wrapped))


class _Shut(Exception):
    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(str(answer.status_code))
        self.answer = answer


def _enter(request: HttpRequest, need: Need) -> Call:
    address, agent = request.META.get("REMOTE_ADDR", ""), request.headers.get("User-Agent", "")
    try:
        found = door().enter(authorization=request.headers.get("Authorization", ""), address=address, agent=agent)
    except TooMany as error:
        answer = reply(
            {"message": "Too many unknown tokens from this address. Try again later.", "statusCode": 429}, 429
        )
        answer.headers["Retry-After"] = str(int(error.seconds + 0.999))
        raise _Shut(answer) from None
    if isinstance(found, Refused):
        message = _REFUSED.get(found.reason, _INVALID)
        answer = reply({"message": message, "error": "Unauthorized", "statusCode": 401}, 401)
        challenge = _CHALLENGE if found.reason is Refusal.MISSING else f'{_CHALLENGE}, error="invalid_token"'
        answer.headers["WWW-Authenticate"] = challenge
        raise _Shut(answer)
    if not found.may(need):
        detail = f"This token is for {found.token.access} access, which does not include {need}."
        body = {"message": "infra_token/insufficient_access", "detail": detail, "statusCode": 403}
        answer = reply(body, 403)
        answer.headers["WWW-Authenticate"] = f'{_CHALLENGE}, error="insufficient_scope"'
        raise _Shut(answer)
    return Call(request, found.actor(address=address, agent=agent), found.creator)
