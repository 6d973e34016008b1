"""The part of the OpenAPI document that describes Hoppscotch's protocol: the gate and one's own tokens.

These routes are not declared as operations: the gate has no Django, and the other three keep the official server's
words. A test asks a server for each of them.
"""

from __future__ import annotations

from typing import Any

from hopkey.server.tokens.expiry import EXPIRY_DAYS

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_MOMENT = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
_ERROR = {"$ref": "#/components/schemas/Error"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _json(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


_REASON = {
    "type": "object",
    "properties": {"reason": {"enum": ["TOKEN_INVALID", "TOKEN_EXPIRED", "INVALID_ID"]}, "message": _TEXT},
    "required": ["reason"],
}
_PLAIN = {
    "type": "object",
    "properties": {"message": _TEXT, "statusCode": {"type": "integer"}},
    "required": ["message"],
}
_REQUEST = _object(id=_TEXT, collectionID=_TEXT, teamID=_TEXT, title=_TEXT, request=_TEXT)
_COLLECTION = {
    **_object(id=_TEXT, data=_TEXT_OR_NULL, title=_TEXT, parentID=_TEXT_OR_NULL, requests=_list(_REQUEST)),
    "description": "folders has the same shape, to any depth; data and request are JSON in a text",
}
_COLLECTION["properties"] = {**_COLLECTION["properties"], "folders": _list({"type": "object"})}
_VARIABLE = _object(key=_TEXT, secret={"type": "boolean"}, initialValue=_TEXT, currentValue=_TEXT)
_ENVIRONMENT = _object(id=_TEXT, teamID=_TEXT, name=_TEXT, variables=_list(_VARIABLE))
_INFO = _object(id=_TEXT, label=_TEXT, createdOn=_MOMENT, expiresOn=_MOMENT_OR_NULL, lastUsedOn=_MOMENT_OR_NULL)
_NAMED = _object(id=_TEXT, name=_TEXT)
_REACH = _object(
    token=_object(id=_TEXT, label=_TEXT, createdOn=_MOMENT, expiresOn=_MOMENT_OR_NULL),
    owner=_object(name=_TEXT, email=_TEXT),
    workspaces=_list(_object(id=_TEXT, name=_TEXT, role=_TEXT, collections=_list(_NAMED), environments=_list(_NAMED))),
)


def _gate(name: str, summary: str, schema: dict[str, Any], *, by_id: bool) -> dict[str, Any]:
    found = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["gate"],
            "security": [{"token": []}],
            "parameters": [found] if by_id else [],
            "responses": {
                "200": _json("found", schema),
                "401": _json("no token, or one that is refused", _REASON),
                **({"404": _json("nothing with this id that this token reaches", _REASON)} if by_id else {}),
                "405": _json("another method", _PLAIN),
                "429": _json("too many unknown tokens from this address", _PLAIN),
                "503": _json("the database does not answer", _PLAIN),
            },
        }
    }


def _own(method: str, name: str, summary: str, answer: dict[str, Any], *statuses: int, **more: Any) -> dict[str, Any]:
    status = "201" if method == "post" else "200"
    return {
        method: {
            "operationId": name,
            "summary": summary,
            "tags": ["own tokens"],
            "security": [{"session": []}],
            **more,
            "responses": {
                status: _json("done", answer),
                **{str(code): _json("refused", {"type": "object"} if code == 400 else _ERROR) for code in statuses},
            },
        }
    }


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": True, "schema": schema}


_GENERATE = {
    **_object(label={"type": "string", "minLength": 3, "maxLength": 100}, expiryInDays={"enum": [*EXPIRY_DAYS, None]}),
    "additionalProperties": False,
}
_NUMBER = {"type": "integer", "minimum": 0}

PATHS: dict[str, Any] = {
    "/v1/access-tokens/collection/{id}": _gate("gate_collection", "A collection or folder", _COLLECTION, by_id=True),
    "/v1/access-tokens/environment/{id}": _gate("gate_environment", "An environment", _ENVIRONMENT, by_id=True),
    "/v1/access-tokens/reach": _gate("gate_reach", "What the token is and reaches now", _REACH, by_id=False),
    "/v1/access-tokens/create": _own(
        "post",
        "token_create",
        "Generate a token; its text is in this answer and nowhere else",
        _object(token=_TEXT, info=_INFO),
        400,
        401,
        403,
        405,
        415,
        requestBody={"required": True, "content": {"application/json": {"schema": _GENERATE}}},
    ),
    "/v1/access-tokens/list": _own(
        "get",
        "token_list",
        "One's own tokens, newest first",
        _list(_INFO),
        400,
        401,
        403,
        405,
        parameters=[_parameter("offset", _NUMBER), _parameter("limit", _NUMBER)],
    ),
    "/v1/access-tokens/revoke": _own(
        "delete",
        "token_revoke",
        "Delete one of one's own tokens",
        {"const": True},
        400,
        401,
        403,
        404,
        405,
        parameters=[_parameter("id", _TEXT)],
    ),
    "/v1/openapi.json": {
        "get": {
            "operationId": "openapi",
            "summary": "This document",
            "tags": ["about"],
            "security": [],
            "responses": {"200": _json("OpenAPI 3.1", {"type": "object"})},
        }
    },
}
