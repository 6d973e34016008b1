"""Who may provision: the holder of an automation token with SCIM access. Errors in the shape of RFC 7644, 3.12."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from hopkey.server.automation.entry import TooMany, door
from hopkey.server.automation.judging import Need, Refusal
from hopkey.server.automation.verify import Holder, Refused
from hopkey.server.errors import DomainError
from hopkey.server.nul import UNFIT, holds_unfit

View = Callable[..., HttpResponse]

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a request: a group of 10,000 people, with all that providers say of each."""
CONTENT_TYPE = "application/scim+json"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_CHALLENGE = 'Bearer realm="hopkey"'

SCIM_TYPES = {
    "email_taken": "uniqueness",
    "group_exists": "uniqueness",
    "email_invalid": "invalidValue",
    "name_invalid": "invalidValue",
    "field_invalid": "invalidValue",
    "too_many": "tooMany",
    "administrator_protected": "mutability",
}
"""The keywords of RFC 7644, table 9, for the codes of our services."""


class Wrong(Exception):
    """A request that SCIM refuses."""

    def __init__(self, detail: str, *, status: int = 400, scim_type: str = "", **headers: str) -> None:
        super().__init__(detail)
        self.answer = error(status, detail, scim_type)
        for name, value in headers.items():
            self.answer.headers[name.replace("_", "-")] = value


def guarded(request: HttpRequest, view: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of `view` to whoever may provision, or the refusal. The holder is at ``request.scim_holder``."""
    try:
        request.scim_holder = _enter(request)  # type: ignore[attr-defined]
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
            raise Wrong(f"A request has at most {BODY_LIMIT} bytes.", status=413)
        if "\0" in request.path or any("\0" in value for value in request.GET.values()):
            raise Wrong("Addresses carry no null characters.", scim_type="invalidValue")
        return view()
    except Wrong as wrong:
        return wrong.answer
    except DomainError as problem:
        if problem.code == "user_not_found" and request.method in ("POST", "PUT", "PATCH") and "Groups" in request.path:
            return error(400, problem.message, "invalidValue")  # a member, not the group
        return error(problem.status, problem.message, SCIM_TYPES.get(problem.code, ""))
    except IntegrityError:
        return error(409, "Somebody else has just taken this name.", "uniqueness")


def holder_of(request: HttpRequest) -> Holder:
    """The holder of the token, in views behind `guarded`."""
    holder: Holder = request.scim_holder  # type: ignore[attr-defined]
    return holder


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent. Raises `Wrong`."""
    if request.content_type not in (CONTENT_TYPE, "application/json"):
        raise Wrong(f"Send {CONTENT_TYPE}.", status=415)
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Wrong("The body is not valid JSON.", scim_type="invalidSyntax") from None
    if not isinstance(value, dict):
        raise Wrong("The body must be a JSON object.", scim_type="invalidSyntax")
    if holds_unfit(value):
        raise Wrong(UNFIT, scim_type="invalidValue")
    return value


def answer(value: Any, status: int = 200, **headers: str) -> HttpResponse:
    text = "" if status == 204 else json.dumps(value)
    made = HttpResponse(text, status=status, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
    for name, content in headers.items():
        made.headers[name] = content
    return made


def error(status: int, detail: str, scim_type: str = "") -> HttpResponse:
    value = {"schemas": [ERROR], "status": str(status), "detail": detail}
    return answer(value | ({"scimType": scim_type} if scim_type else {}), status)


def method_of(request: HttpRequest, *allowed: str) -> str:
    """The request's method, if it is allowed. Raises `Wrong` (405)."""
    method = "GET" if request.method == "HEAD" else str(request.method)
    if method not in allowed:
        raise Wrong(f"Use {', '.join(allowed)}.", status=405, Allow=", ".join(allowed))
    return method


def _enter(request: HttpRequest) -> Holder:
    address, agent = request.META.get("REMOTE_ADDR", ""), request.headers.get("User-Agent", "")
    try:
        found = door().enter(authorization=request.headers.get("Authorization", ""), address=address, agent=agent)
    except TooMany as problem:
        wait = str(int(problem.seconds + 0.999))
        raise Wrong(
            "Too many unknown tokens from this address. Try again later.", status=429, Retry_After=wait
        ) from None
    if isinstance(found, Refused):
        if found.reason is Refusal.MISSING:
            raise Wrong("An automation token is needed.", status=401, WWW_Authenticate=_CHALLENGE)
        told = "This token has expired." if found.reason is Refusal.EXPIRED else "This token is not valid."
        raise Wrong(told, status=401, WWW_Authenticate=f'{_CHALLENGE}, error="invalid_token"')
    if not found.may(Need.SCIM):
        raise Wrong(
            f"This token is for {found.token.access} access, which does not include provisioning.",
            status=403,
            WWW_Authenticate=f'{_CHALLENGE}, error="insufficient_scope"',
        )
    return found
