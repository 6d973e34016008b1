"""Reading a request of any version (REST 0 to "17", GraphQL 1 to 10) into the newest shape."""

from __future__ import annotations

from typing import Any

from hopkey.formats import reading
from hopkey.formats.errors import FormatError
from hopkey.formats.model import GRAPHQL_VERSION, REQUEST_VERSION, GraphQL, Json, Request

AUTH_TYPES = frozenset(
    ["none", "inherit", "basic", "bearer", "oauth-2", "api-key", "aws-signature", "digest", "hawk", "akamai-eg", "jwt"]
)
UNTITLED = "Untitled Request"
_OLD_AUTH = {"None": "none", "Basic Auth": "basic", "Bearer Token": "bearer"}


def request_read(value: Any, place: str = "$") -> Request:
    """A request from parsed JSON. Raises `FormatError`."""
    data = reading.object_at(value, place, "a request")
    if isinstance(data.get("query"), str) and "url" in data and "endpoint" not in data:
        return _graphql_read(data, place)
    version = data.get("v")
    if version is None and ("url" in data or "path" in data):
        data = _from_version_0(data)
    elif not _known(version):
        raise FormatError(f"request version {version!r} is not known; the newest is {REQUEST_VERSION}", f"{place}.v")
    if not isinstance(data.get("endpoint"), str):
        raise FormatError("a request needs an endpoint", f"{place}.endpoint")
    return Request(
        name=reading.text(data, "name") or UNTITLED,
        method=reading.text(data, "method", "GET") or "GET",
        endpoint=data["endpoint"],
        params=reading.key_values(data, "params", place),
        headers=reading.key_values(data, "headers", place),
        auth=auth_read(data.get("auth"), f"{place}.auth"),
        body=_body(data.get("body"), f"{place}.body"),
        request_variables=reading.request_variables(data, place),
        pre_request_script=reading.text(data, "preRequestScript"),
        test_script=reading.text(data, "testScript"),
        responses=data["responses"] if isinstance(data.get("responses"), dict) else {},
        description=reading.optional_text(data, "description"),
        id=reading.optional_text(data, "id"),
        ref_id=reading.optional_text(data, "_ref_id"),
    )


def request_dump(request: Request) -> Json:
    """The request as JSON in the newest schema of its kind."""
    result: Json = {
        "name": request.name,
        "headers": [key_value_dump(item) for item in request.headers],
        "preRequestScript": request.pre_request_script,
        "testScript": request.test_script,
        "auth": request.auth,
        "responses": request.responses,
        "description": request.description,
    }
    if request.graphql is not None:
        result |= {
            "v": GRAPHQL_VERSION,
            "url": request.endpoint,
            "query": request.graphql.query,
            "variables": request.graphql.variables,
        }
    else:
        result |= {
            "v": REQUEST_VERSION,
            "method": request.method,
            "endpoint": request.endpoint,
            "params": [key_value_dump(item) for item in request.params],
            "body": request.body,
            "requestVariables": [
                {"key": item.key, "value": item.value, "active": item.active} for item in request.request_variables
            ],
        }
    if request.id is not None:
        result["id"] = request.id
    if request.ref_id is not None:
        result["_ref_id"] = request.ref_id
    return result


def key_value_dump(item: Any) -> Json:
    return {"key": item.key, "value": item.value, "active": item.active, "description": item.description}


def auth_read(value: Any, place: str, default: str = "inherit") -> Json:
    """Authorization in the newest shape; a missing one is `default`. Raises `FormatError` for an unknown kind."""
    if value is None:
        return {"authType": default, "authActive": True}
    data = reading.object_at(value, place, "auth")
    kind = data.get("authType")
    if kind is None:
        return {"authType": default, "authActive": True}
    if kind not in AUTH_TYPES:
        raise FormatError(f"authType {kind!r} is not known", f"{place}.authType")
    result = {**data, "authActive": reading.flag(data, "authActive", True)}
    if kind == "api-key":
        # Version 4 renamed the places: "Headers" and "Query params" are words of the page, not of the protocol.
        places = {"Headers": "HEADERS", "Query params": "QUERY_PARAMS"}
        add_to = reading.text(data, "addTo", "HEADERS")
        result["addTo"] = places.get(add_to, add_to)
        result["key"], result["value"] = reading.text(data, "key"), reading.text(data, "value")
    elif kind == "oauth-2":
        result = _oauth(result)
    return result


def _oauth(auth: Json) -> Json:
    grant = auth.get("grantTypeInfo")
    if not isinstance(grant, dict):
        # Before version 3 the token stood beside the end points.
        grant = {
            "grantType": "AUTHORIZATION_CODE",
            "authEndpoint": reading.text(auth, "authURL"),
            "tokenEndpoint": reading.text(auth, "accessTokenURL"),
            "clientID": reading.text(auth, "clientID"),
            "clientSecret": "",
            "scopes": reading.text(auth, "scope"),
            "isPKCE": False,
            "token": reading.text(auth, "token"),
        }
        for old in ("authURL", "accessTokenURL", "clientID", "scope", "token", "oidcDiscoveryURL"):
            auth.pop(old, None)
    grant = dict(grant)
    grant.setdefault("token", "")
    if grant.get("grantType") == "CLIENT_CREDENTIALS":
        grant.setdefault("clientAuthentication", "IN_BODY")
    for name in ("authRequestParams", "tokenRequestParams", "refreshRequestParams"):
        if not isinstance(grant.get(name), list):
            grant[name] = []
    return {**auth, "grantTypeInfo": grant, "addTo": auth.get("addTo") or "HEADERS"}


def _body(value: Any, place: str) -> Json:
    if value is None:
        return {"contentType": None, "body": None}
    data = reading.object_at(value, place, "body")
    kind = data.get("contentType")
    if kind is None:
        return {"contentType": None, "body": None}
    if not isinstance(kind, str):
        raise FormatError("contentType must be a text or null", f"{place}.contentType")
    content = data.get("body")
    if kind == "multipart/form-data":
        rows = content if isinstance(content, list) else []
        content = [row for row in rows if isinstance(row, dict) and isinstance(row.get("key"), str)]
    elif kind != "application/octet-stream" and not isinstance(content, str):
        content = ""
    return {**data, "contentType": kind, "body": content}


def _graphql_read(data: Json, place: str) -> Request:
    version = data.get("v", GRAPHQL_VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= GRAPHQL_VERSION:
        raise FormatError(
            f"GraphQL request version {version!r} is not known; the newest is {GRAPHQL_VERSION}", f"{place}.v"
        )
    return Request(
        name=reading.text(data, "name") or UNTITLED,
        method="POST",
        endpoint=reading.text(data, "url"),
        headers=reading.key_values(data, "headers", place),
        auth=auth_read(data.get("auth"), f"{place}.auth", default="none"),
        body={"contentType": "application/json", "body": ""},
        pre_request_script=reading.text(data, "preRequestScript"),
        test_script=reading.text(data, "testScript"),
        responses=data["responses"] if isinstance(data.get("responses"), dict) else {},
        description=reading.optional_text(data, "description"),
        id=reading.optional_text(data, "id"),
        ref_id=reading.optional_text(data, "_ref_id"),
        graphql=GraphQL(query=data["query"], variables=reading.text(data, "variables")),
    )


def _known(version: Any) -> bool:
    if version is None:
        return True
    try:
        return not isinstance(version, bool) and 0 <= int(version) <= int(REQUEST_VERSION)
    except (TypeError, ValueError):
        return False


def _from_version_0(data: Json) -> Json:
    """The oldest requests kept address, body and authorization apart."""
    kind = _OLD_AUTH.get(reading.text(data, "auth"), "none")
    auth: Json = {"authType": kind, "authActive": True}
    if kind == "basic":
        auth |= {"username": reading.text(data, "httpUser"), "password": reading.text(data, "httpPassword")}
    elif kind == "bearer":
        auth |= {"token": reading.text(data, "bearerToken")}
    is_json = data.get("contentType") == "application/json"
    return {
        **{key: data[key] for key in ("id", "name", "method", "headers", "params") if key in data},
        "endpoint": reading.text(data, "url") + reading.text(data, "path"),
        "preRequestScript": reading.text(data, "preRequestScript"),
        "testScript": reading.text(data, "testScript"),
        "body": {"contentType": "application/json", "body": reading.text(data, "rawParams") if is_json else ""},
        "auth": auth,
    }
