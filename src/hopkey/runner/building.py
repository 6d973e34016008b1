"""From a request in a collection to what goes over the wire. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from hopkey.formats.jsonc import strip_comments
from hopkey.formats.model import Json, KeyValue, Request
from hopkey.formats.templates import TemplateLoop
from hopkey.runner.variables import Scope


class BuildError(Exception):
    """A request that cannot be sent as it stands. The message says what to change."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request ready to send. ``headers`` in order; names keep the case they were written in."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes | None = field(repr=False)


def build(request: Request, *, auth: Json, inherited_headers: Sequence[KeyValue], scope: Scope) -> Outgoing:
    """Fill in the templates of `request`, with what it inherits. Raises `BuildError`."""
    try:
        return _build(request, auth, inherited_headers, scope)
    except TemplateLoop as error:
        raise BuildError(str(error)) from None


def _build(request: Request, auth: Json, inherited: Sequence[KeyValue], scope: Scope) -> Outgoing:
    query = [(scope.render(item.key), scope.render(item.value)) for item in request.params if item.active and item.key]
    headers: dict[str, tuple[str, str]] = {}
    own = {scope.render(item.key).lower() for item in request.headers if item.active}
    for item in (*inherited, *request.headers):
        name = scope.render(item.key).strip()
        if not item.active or not name or (item in inherited and name.lower() in own and item not in request.headers):
            continue
        headers[name.lower()] = (name, _clean(scope.render(item.value)))
    _authorize(auth, scope, headers, query)
    content, content_type = _body(request.body, scope)
    if content is not None and content_type and "content-type" not in headers:
        headers["content-type"] = ("Content-Type", content_type)
    method = scope.render(request.method).strip().upper() or "GET"
    if not method.isascii() or not method.replace("-", "").isalnum():
        raise BuildError(f"{method!r} is no HTTP method")
    return Outgoing(method, _address(scope.render(request.endpoint), query), tuple(headers.values()), content)


def _address(endpoint: str, query: list[tuple[str, str]]) -> str:
    endpoint = endpoint.strip()
    if endpoint and "://" not in endpoint:
        endpoint = "http://" + endpoint
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise BuildError(f"the address {endpoint!r} is not valid: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BuildError(f"the address {endpoint!r} is not valid: it needs http:// or https:// and a host")
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *query] if query else None
    text = urlencode(pairs, quote_via=quote) if pairs is not None else quote(parts.query, safe="=&%?/:@!$'()*+,;~")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return urlunsplit((parts.scheme, parts.netloc, path, text, ""))


def _authorize(auth: Json, scope: Scope, headers: dict[str, tuple[str, str]], query: list[tuple[str, str]]) -> None:
    """Add what the authorization says; a header the request names itself stays as it is."""
    kind = auth.get("authType", "none")
    if kind in ("none", "inherit") or not auth.get("authActive", True):
        return

    def value(key: str) -> str:
        return scope.render(str(auth.get(key) or ""))

    authorization = None
    if kind == "basic":
        pair = f"{value('username')}:{value('password')}".encode()
        authorization = "Basic " + base64.b64encode(pair).decode("ascii")
    elif kind == "bearer":
        authorization = "Bearer " + value("token")
    elif kind == "api-key":
        if auth.get("addTo") == "QUERY_PARAMS":
            query.append((value("key"), value("value")))
        elif value("key"):
            headers.setdefault(value("key").lower(), (value("key"), _clean(value("value"))))
    elif kind == "oauth-2":
        token = scope.render(str(auth.get("grantTypeInfo", {}).get("token") or ""))
        if auth.get("addTo") == "QUERY_PARAMS":
            query.append(("access_token", token))
        else:
            authorization = "Bearer " + token
    else:
        raise BuildError(f"authorization of the kind {kind!r} cannot be sent yet")
    if authorization is not None:
        headers.setdefault("authorization", ("Authorization", _clean(authorization)))


def _body(body: Json, scope: Scope) -> tuple[bytes | None, str | None]:
    kind = body.get("contentType")
    content: Any = body.get("body")
    if kind is None or content is None:
        return None, None
    if kind in ("multipart/form-data", "application/octet-stream"):
        raise BuildError(f"a body of the kind {kind} cannot be sent yet")
    text = scope.render(str(content))
    if kind == "application/x-www-form-urlencoded":
        return urlencode(_form_pairs(text)).encode("ascii"), kind
    if "json" in kind:
        text = strip_comments(text)
    return text.encode(), kind


def _form_pairs(text: str) -> list[tuple[str, str]]:
    """The rows of a form: ``key: value`` lines (a leading ``#`` switches a row off), or a ready query."""
    pairs = []
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and ":" not in lines[0] and "=" in lines[0]:
        return parse_qsl(lines[0], keep_blank_values=True)
    for line in lines:
        if line.lstrip().startswith("#"):
            continue
        key, _, value = line.partition(":")
        pairs.append((key.strip(), value.strip()))
    return pairs


def _clean(value: str) -> str:
    """A header value: line breaks would let it end the header and begin another."""
    return value.replace("\r", " ").replace("\n", " ").strip()
