"""Operations of the JSON API, declared once: the view, the checks and the OpenAPI document all come from here.

Types are msgspec's: it reads and checks input, writes answers, and describes both as JSON Schema 2020-12, which is
what OpenAPI 3.1 speaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from hopkey.server.api.guard import (
    BadRequest,
    Caller,
    Who,
    caller_admit,
    error_body,
    not_found,
    refusal,
    reply,
)
from hopkey.server.errors import DomainError
from hopkey.server.long_work import streamed
from hopkey.server.nul import holds_unfit

BODY_LIMIT = 1024 * 1024
"""Bytes of a JSON body: ten thousand ids need a quarter of it."""
NOTHING = msgspec.defstruct("Nothing", [], forbid_unknown_fields=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: ``query`` and ``body`` are of the operation's types."""

    request: HttpRequest
    caller: Caller
    query: Any
    body: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one address does.

    ``run`` gets a `Call` and the ids in the address, and gives something of the type ``answer``, or a response of its
    own. ``sensitive``: it changes or hands out much (`hopkey.server.api.guard.CONDITIONS`). ``codes``: errors worth
    naming in the document.
    """

    method: str
    run: Callable[..., Any]
    summary: str
    answer: Any = None
    query: Any = NOTHING
    body: Any = None
    who: Who = Who.ADMINISTRATOR
    status: int = 200
    sensitive: bool = False
    media: Sequence[str] = ("application/json",)
    codes: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Route:
    """An address in Django's notation, and its operations."""

    address: str
    name: str
    operations: Sequence[Operation]

    @property
    def who(self) -> Who:
        return self.operations[0].who

    def url(self) -> URLPattern:
        return path(self.address, _view(self), name=self.name)


def later(call: Call, make: Callable[[], Any]) -> StreamingHttpResponse:
    """An answer that takes seconds to make: outside of the threads of the pages."""

    def pieces() -> Iterator[str]:
        yield msgspec.json.encode(make()).decode()

    headers = {"Cache-Control": "no-store"}
    return streamed(call.request, pieces(), content_type="application/json", headers=headers)


def _view(route: Route) -> Callable[..., HttpResponseBase]:
    by_method = {operation.method: operation for operation in route.operations}

    def view(request: HttpRequest, **ids: Any) -> HttpResponseBase:
        operation = by_method.get(request.method or "")
        try:
            # First who calls: to others it makes no difference which methods there are.
            caller = caller_admit(request, route.who, sensitive=operation is not None and operation.sensitive)
            if operation is None:
                raise refusal("method_not_allowed", f"Use {' or '.join(by_method)}.", 405)
            if "\0" in request.path:
                raise not_found()
            call = Call(request, caller, _query(request, operation.query), _body(request, operation.body))
            answer = operation.run(call, **ids)
        except BadRequest as error:
            return reply(error.body, error.status, {"Allow": ", ".join(by_method)} if error.status == 405 else None)
        except DomainError as error:
            return reply(error_body(error.code, error.message, error.status, field=error.field), error.status)
        return answer if isinstance(answer, HttpResponseBase) else reply(answer, operation.status)

    return csrf_exempt(view)


def _query(request: HttpRequest, type_: Any) -> Any:
    if any("\0" in value for value in request.GET.values()):
        raise refusal("input_invalid", "No parameter may hold the character NUL.", 400)
    try:
        return msgspec.convert(request.GET.dict(), type_, strict=False)
    except msgspec.ValidationError as error:
        raise _input_invalid(str(error), type_) from None


def _body(request: HttpRequest, type_: Any) -> Any:
    if type_ is None:
        return None
    if request.content_type != "application/json":
        raise refusal("json_only", "Send application/json.", 415)
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
        raise refusal("body_too_large", f"A body has at most {BODY_LIMIT} bytes.", 413)
    try:
        if _NUL in request.body and holds_unfit(msgspec.json.decode(request.body)):
            raise refusal("json_invalid", "No text may hold the character NUL.", 400)
        return msgspec.json.decode(request.body, type=type_)
    except msgspec.ValidationError as error:
        raise _input_invalid(str(error), type_) from None
    except (ValueError, RecursionError):
        raise refusal("json_invalid", "The body is not valid JSON.", 400) from None


_NUL = b"\\u0000"
_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


def _input_invalid(said: str, type_: Any) -> BadRequest:
    """msgspec's words with the field first. What was sent is never repeated: it may be a token."""
    at = _AT.search(said)
    text = _AT.sub("", said).replace("`", "")
    where = at.group(1) if at else ""
    names = [item.encode_name for item in msgspec.structs.fields(type_)] if hasattr(type_, "__struct_fields__") else []
    if text.startswith("Object contains unknown field "):
        name = text.removeprefix("Object contains unknown field ")
        known = ", ".join(names) or "none"
        shown = name if _NAME.fullmatch(name) else "of this name"
        inside = f" in {where}" if where else f"; there are: {known}"
        return refusal("input_invalid", f"There is no field {shown}{inside}.", 400, field=where or None)
    if text.startswith("Object missing required field "):
        name = text.removeprefix("Object missing required field ")
        return refusal("input_invalid", f"{name} is missing.", 400, field=name)
    return refusal("input_invalid", f"{where or 'The body'}: {text[:1].lower()}{text[1:]}.", 400, field=where or None)
