"""The OpenAPI 3.1 document of ``/v1``: made from the operations, and from a description of the official protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from hopkey import __version__
from hopkey.server.api import protocol, types
from hopkey.server.api.guard import Who, error_body, reply
from hopkey.server.api.operations import NOTHING, Operation, Route

_REF = "#/components/schemas/{name}"
_SESSION: list[dict[str, list[str]]] = [{"session": []}]


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document. Every schema it names is in it."""
    wanted = [types.Error]
    for route in routes:
        for operation in route.operations:
            wanted += [type_ for type_ in (operation.answer, operation.body) if type_ is not None]
            wanted += [] if operation.query is NOTHING else [operation.query]
    schemas, components = msgspec.json.schema_components(wanted, ref_template=_REF)
    by_type = {id(type_): schema for type_, schema in zip(wanted, schemas, strict=True)}
    paths: dict[str, Any] = {}
    for route in routes:
        address, ids = _address(route.address)
        paths[address] = {
            operation.method.lower(): _operation(route, operation, ids, by_type, components)
            for operation in route.operations
        }
    used = _named_in(paths, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hopkey",
            "version": __version__,
            "summary": "Personal access tokens: the gate, one's own tokens, and oversight of everybody's.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths | protocol.PATHS,
        "components": {
            "schemas": dict(sorted(used.items())),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "hopkey_session"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _named_in(paths: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """The schemas that the paths name, and those that these name: queries are written out as parameters."""
    used: dict[str, Any] = {}
    todo: list[Any] = [paths]
    while todo:
        for name in re.findall(rb"#/components/schemas/(\w+)", msgspec.json.encode(todo.pop())):
            if name.decode() not in used:
                used[name.decode()] = components[name.decode()]
                todo.append(used[name.decode()])
    return used


_REFUSALS = {
    400: "the request is refused; `field` names what is at fault",
    401: "the session has ended, or a token was sent that does not belong here",
    403: "nobody is signed in, the request comes from another site, or a role is too low",
    404: "there is nothing, or not for this caller",
    405: "another method",
    409: "the state of things does not allow it",
    413: "a body of more than 1 MB",
    415: "a body that is not JSON",
}


def _operation(
    route: Route, operation: Operation, ids: Iterable[str], by_type: dict[int, Any], components: dict[str, Any]
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": f"{route.name.removeprefix('api_')}_{operation.method.lower()}",
        "summary": operation.summary,
        "description": f"For {operation.who.value}."
        + (f" Errors: {', '.join(operation.codes)}." if operation.codes else ""),
        "tags": ["console" if operation.who is Who.ADMINISTRATOR else "teams"],
        "security": _SESSION,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ids),
            *_parameters(operation, by_type, components),
        ],
        "responses": {
            str(operation.status): {
                "description": "done",
                "content": {
                    media: {"schema": by_type[id(operation.answer)] if "json" in media else {"type": "string"}}
                    for media in operation.media
                },
            },
            **{str(status): _refusal(status) for status in _statuses(operation)},
        },
    }
    if operation.body is not None:
        said["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_type[id(operation.body)]}},
        }
    return said


def _parameters(operation: Operation, by_type: dict[int, Any], components: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if operation.query is NOTHING:
        return
    name = by_type[id(operation.query)]["$ref"].rpartition("/")[2]
    for parameter, schema in components[name]["properties"].items():
        yield {"name": parameter, "in": "query", "required": False, "schema": schema}


def _statuses(operation: Operation) -> list[int]:
    statuses = [400, 401, 403, 404, 405]
    if {"last_administrator", "last_owner", "email_taken"} & set(operation.codes):
        statuses.append(409)
    return [*statuses, 413, 415] if operation.body is not None else statuses


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": _REFUSALS[status],
        "content": {"application/json": {"schema": {"$ref": _REF.format(name="Error")}}},
    }


def _address(address: str) -> tuple[str, list[str]]:
    """Django's ``<str:user_id>`` as ``{userId}``, with the names."""
    ids: list[str] = []

    def named(found: re.Match[str]) -> str:
        first, *rest = found.group(1).split("_")
        ids.append(first + "".join(part.capitalize() for part in rest))
        return f"{{{ids[-1]}}}"

    return "/v1/" + re.sub(r"<\w+:(\w+)>", named, address), ids


def openapi_view(routes: Sequence[Route]) -> Callable[[HttpRequest], HttpResponse]:
    """For anybody: the document says what every installation can do, and nothing of this one."""

    @cache
    def data() -> bytes:
        return msgspec.json.format(msgspec.json.encode(document(routes)), indent=2)

    def openapi(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return reply(error_body("method_not_allowed", "Use GET.", 405), 405, {"Allow": "GET, HEAD"})
        return HttpResponse(data(), content_type="application/json", headers={"Cache-Control": "max-age=300"})

    return csrf_exempt(openapi)
