"""OAuth 2.0 tokens fetched at run time: client credentials and password grants, refreshed (RFC 6749, 4.3, 4.4, 6)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hopkey.runner.auth.draft import AuthError, Draft

FETCHED_GRANTS = frozenset(["CLIENT_CREDENTIALS", "PASSWORD"])
_MARGIN_SECONDS = 10.0

Send = Callable[[Draft], tuple[int, bytes]]
"""Sends a request for a token; status and body of the answer. Raises `OSError`."""


@dataclass(slots=True)
class _Held:
    token: str = field(repr=False)
    expires: float
    refresh: str = field(repr=False, default="")


class TokenStore:
    """Tokens of one run, by the settings they were fetched with. Not for several threads."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: dict[str, _Held] = {}

    def token(self, grant: dict[str, Any], *, fresh: bool = False) -> str:
        """The access token for a grant whose templates are filled in: the stored one, else one fetched.

        With `fresh`, what is held is not good enough: the server has refused it. Raises `AuthError`.
        """
        stored = str(grant.get("token") or "")
        if not can_fetch(grant):
            return stored
        if stored and not fresh:
            return stored
        key = json.dumps(grant, sort_keys=True, default=str)
        held = self._held.get(key)
        if held is not None and not fresh and time.monotonic() < held.expires:
            return held.token
        held = self._refreshed(grant, held) or self._fetch(grant, _grant_fields(grant), "tokenRequestParams")
        self._held[key] = held
        return held.token

    def _refreshed(self, grant: dict[str, Any], held: _Held | None) -> _Held | None:
        if held is None or not held.refresh:
            return None
        fields = {"grant_type": "refresh_token", "refresh_token": held.refresh}
        try:
            made = self._fetch(grant, fields, "refreshRequestParams")
        except AuthError:  # a refresh token may have ended too: then the grant itself is used again
            return None
        return _Held(made.token, made.expires, made.refresh or held.refresh)

    def _fetch(self, grant: dict[str, Any], fields: dict[str, str], extra: str) -> _Held:
        draft = _request(grant, fields, extra)
        try:
            status, body = self._send(draft)
        except OSError as error:
            raise AuthError(f"OAuth 2: no token from {draft.url}: {error}") from None
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if status >= 400 or not isinstance(token, str):
            reason = answer.get("error_description") or answer.get("error") if isinstance(answer, dict) else None
            raise AuthError(
                f"OAuth 2: no token from {draft.url}: it answered {status}{f', {reason}' if reason else ''}"
            )
        try:
            lifetime = float(answer.get("expires_in", 3600))
        except (TypeError, ValueError):
            lifetime = 3600.0
        expires = time.monotonic() + max(0.0, lifetime - _MARGIN_SECONDS)
        return _Held(token, expires, str(answer.get("refresh_token") or ""))


def can_fetch(grant: dict[str, Any]) -> bool:
    """Whether a token for this grant can be had without a person."""
    return grant.get("grantType") in FETCHED_GRANTS and bool(_endpoint(grant))


def _endpoint(grant: dict[str, Any]) -> str:
    return str(grant.get("tokenEndpoint") or grant.get("authEndpoint") or "")


def _grant_fields(grant: dict[str, Any]) -> dict[str, str]:
    fields = {"grant_type": "client_credentials"}
    if grant["grantType"] == "PASSWORD":
        fields = {
            "grant_type": "password",
            "username": str(grant.get("username") or ""),
            "password": str(grant.get("password") or ""),
        }
    if grant.get("scopes"):
        fields["scope"] = str(grant["scopes"])
    return fields


def _request(grant: dict[str, Any], fields: dict[str, str], extra: str) -> Draft:
    fields = dict(fields)
    draft = Draft("POST", _endpoint(grant))
    client, secret = str(grant.get("clientID") or ""), str(grant.get("clientSecret") or "")
    if grant.get("clientAuthentication") == "AS_BASIC_AUTH_HEADERS":
        pair = f"{quote(client, safe='')}:{quote(secret, safe='')}".encode()
        draft.set("Authorization", "Basic " + base64.b64encode(pair).decode("ascii"))
    else:
        fields["client_id"] = client
        if secret:
            fields["client_secret"] = secret
    for item in grant.get(extra) or []:
        if not isinstance(item, dict) or not item.get("active", True) or not item.get("key"):
            continue
        key, value = str(item["key"]), str(item.get("value") or "")
        where = item.get("sendIn", "body")
        if where == "headers":
            draft.headers[key.lower()] = (key, value)
        elif where == "url":
            draft.add_query(urlencode({key: value}))
        else:
            fields[key] = value
    draft.set("Content-Type", "application/x-www-form-urlencoded")
    draft.set("Accept", "application/json")
    draft.body = urlencode(fields).encode("ascii")
    return draft
