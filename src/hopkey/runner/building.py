"""From a request in a collection to what goes over the wire."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import msgspec

from hopkey.formats.model import Json, Request
from hopkey.formats.templates import TemplateLoop, UnknownVariable
from hopkey.runner import bodies
from hopkey.runner.addresses import ascii_host, path_of, query_of
from hopkey.runner.auth.draft import TOKEN, AuthError, Draft
from hopkey.runner.variables import Scope


class BuildError(Exception):
    """A request that cannot be sent as it stands. The message says what to change.

    ``code`` is the official error code. ``ends``: nor do its tests run. ``outgoing``: it could be sent all the same,
    and is, for tests that look at what the server makes of it.
    """

    def __init__(
        self, message: str, code: str = "REQUEST_ERROR", *, ends: bool = False, outgoing: Outgoing | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.ends = ends
        self.outgoing = outgoing


class Outgoing(msgspec.Struct, frozen=True):
    """A request ready to send. ``headers`` in order; names keep the case they were written in.

    ``auth`` is the authorization with its templates filled in, for kinds that answer a challenge.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    auth: Json = msgspec.field(default_factory=dict)
    follow: bool = True


def build(
    request: Request,
    *,
    scope: Scope,
    files: Path | None = None,
    token: Callable[[Json], str] = lambda grant: str(grant.get("token") or ""),
) -> Outgoing:
    """Fill in the templates of `request`, which carries what it inherits. `token` gives OAuth 2 access tokens.

    Raises `BuildError`.
    """
    try:
        return _build(request, scope, files, token)
    except TemplateLoop as error:
        raise BuildError(str(error), "PARSING_ERROR") from None
    except UnknownVariable as error:
        raise BuildError(f"the body names a variable that is not there: <<{error}>>", "PARSING_ERROR") from None
    except (bodies.BodyError, AuthError) as error:
        raise BuildError(str(error)) from None


def address(request: Request, scope: Scope) -> str:
    """Where `request` goes, for scripts that run before it; what cannot be filled in stays as it is written."""
    try:
        return _address(scope.render(request.endpoint), [])
    except (TemplateLoop, BuildError):
        return request.endpoint


def _build(request: Request, scope: Scope, files: Path | None, token: Callable[[Json], str]) -> Outgoing:
    query = [(scope.render(item.key), scope.render(item.value)) for item in request.params if item.active and item.key]
    method = scope.render(request.method).strip().upper() or "GET"
    if not method.isascii() or not method.replace("-", "").isalnum():
        raise BuildError(f"{method!r} is no HTTP method")
    draft = Draft(method, _address(scope.render(request.endpoint), query))
    for item in request.headers:
        name = scope.render(item.key).strip()
        if item.active and name:
            draft.headers[name.lower()] = (_name(name), _clean(scope.render(item.value)))
    fault: bodies.NotJsonError | None = None
    kind: str | None
    if request.graphql is not None:
        draft.body, kind = _graphql(request, scope), "application/json"
    else:
        try:
            draft.body, kind = bodies.encode(request.body, scope.render, files)
        except bodies.NotJsonError as error:
            fault, draft.body, kind = error, error.body, error.kind
    if draft.body is not None and kind:
        _content_type(draft, kind)
    auth = _rendered(request.auth, scope)
    login = _login(draft)
    if auth.get("authType", "none") not in ("none", "inherit"):
        # Imported here: the kinds of authorization bring their libraries.
        from hopkey.runner.auth.apply import apply

        apply(auth, draft, token=token)
    if login:
        draft.set("Authorization", login)
    outgoing = Outgoing(method, draft.url, tuple(draft.headers.values()), draft.body, auth)
    if fault is not None:
        raise BuildError(str(fault), "PARSING_ERROR", outgoing=outgoing)
    return outgoing


def _graphql(request: Request, scope: Scope) -> bytes:
    from hopkey.runner.graphql import GraphQLError, payload  # few collections hold such requests

    assert request.graphql is not None
    try:
        return payload(request.graphql, scope, request.name)
    except GraphQLError as error:
        raise BuildError(str(error), ends=True) from None


def _login(draft: Draft) -> str:
    """The basic authorization for name and password in the address, which lose their place there; empty for none."""
    parts = urlsplit(draft.url)
    if "@" not in parts.netloc:
        return ""
    login, _, place = parts.netloc.rpartition("@")
    draft.url = urlunsplit((parts.scheme, place, parts.path, parts.query, ""))
    name, _, password = login.partition(":")
    pair = f"{unquote(name)}:{unquote(password)}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def _content_type(draft: Draft, kind: str) -> None:
    """The header of the request stands above the kind of its body; a multipart one still needs its boundary."""
    own = draft.header("content-type")
    if not own:
        draft.headers["content-type"] = ("Content-Type", kind)
    elif kind.startswith("multipart/") and own.lower().startswith("multipart/") and "boundary=" not in own.lower():
        boundary = kind.partition("boundary=")[2]
        draft.headers["content-type"] = (draft.headers["content-type"][0], f"{own}; boundary={boundary}")


def _rendered(value: Any, scope: Scope) -> Any:
    """Settings of an authorization with every template in them filled in."""
    if isinstance(value, str):
        return scope.render(value)
    if isinstance(value, dict):
        return {key: _rendered(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item, scope) for item in value]
    return value


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
        raise BuildError(
            f"the address {endpoint!r} is not valid: it needs http:// or https:// and a host; "
            "a <<variable>> without a value leaves a gap"
        )
    try:
        place = parts.netloc if parts.netloc.isascii() else ascii_host(parts.netloc)
    except UnicodeError:
        raise BuildError(f"the address {endpoint!r} is not valid: {parts.hostname!r} is no name of a host") from None
    # What may stand there (RFC 3986) stays as it is written: signatures cover the address as it is sent.
    pairs = "&".join(f"{_parameter(key)}={_parameter(value)}" for key, value in query if key)
    text = "&".join(part for part in (query_of(parts.query), pairs) if part)
    return urlunsplit((parts.scheme, place, path_of(parts.path), text, ""))


def _parameter(text: str) -> str:
    """A parameter as the official runner writes it: spaces as plus signs, some marks as they are."""
    return quote(text, safe="-_.!~*'():$,").replace("%20", "+")


def _name(name: str) -> str:
    """The name of a header. Raises `BuildError` for what can be none."""
    if not TOKEN.fullmatch(name):
        raise BuildError(f"{name!r} is no name of a header")
    return name


def _clean(value: str) -> str:
    """A header value: line breaks would let it end the header and begin another."""
    return value.replace("\r", " ").replace("\n", " ").strip()
