"""From the settings of a collection to an authorized request: every kind the format knows."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from hopkey.formats.model import Json
from hopkey.runner.auth import akamai, aws, hawk, jwt
from hopkey.runner.auth.draft import TOKEN, AuthError, Draft


def apply(auth: Json, draft: Draft, *, token: Callable[[Json], str]) -> None:
    """Add to `draft` what `auth` says, whose templates are filled in. Raises `AuthError`.

    What it adds stands above a header of that name in the request. `token` gives the access token for an OAuth 2 grant.
    Digest adds nothing here: it answers a challenge (`hopkey.runner.auth.digest`).
    """
    if not auth.get("authActive", True):
        return
    kind = auth.get("authType", "none")
    handler = _KINDS.get(kind)
    if handler is None:
        raise AuthError(f"authorization of the kind {kind!r} is not known")
    handler(auth, draft, token)


def _nothing(_auth: Json, _draft: Draft, _token: Callable[[Json], str]) -> None:
    pass


def _basic(auth: Json, draft: Draft, _token: Callable[[Json], str]) -> None:
    text = f"{_text(auth, 'username')}:{_text(auth, 'password')}"
    try:
        pair = text.encode("latin-1")  # as browsers do, and the official runner
    except UnicodeEncodeError:
        pair = text.encode("utf-8", "replace")
    draft.set("Authorization", "Basic " + base64.b64encode(pair).decode("ascii"))


def _bearer(auth: Json, draft: Draft, _token: Callable[[Json], str]) -> None:
    draft.set("Authorization", "Bearer " + _text(auth, "token"))


def _api_key(auth: Json, draft: Draft, _token: Callable[[Json], str]) -> None:
    key = _text(auth, "key")
    if not key:
        return
    if auth.get("addTo") == "QUERY_PARAMS":
        draft.add_query(urlencode({key: _text(auth, "value")}))
    elif not TOKEN.fullmatch(key):
        raise AuthError(f"API key: {key!r} is no name of a header")
    else:
        draft.set(key, _text(auth, "value"))


def _oauth2(auth: Json, draft: Draft, token: Callable[[Json], str]) -> None:
    value = token(auth.get("grantTypeInfo") or {})
    if auth.get("addTo") == "QUERY_PARAMS":
        draft.add_query(urlencode({"access_token": value}))
    else:
        draft.set("Authorization", "Bearer " + value)


def _aws(auth: Json, draft: Draft, _token: Callable[[Json], str]) -> None:
    address, mark, query = draft.url.partition("?")
    draft.url = address + mark + query.replace("+", "%20")  # a plus sign is no space to every service
    aws.sign(
        draft,
        access_key=_text(auth, "accessKey"),
        secret_key=_text(auth, "secretKey"),
        region=_text(auth, "region"),
        service=_text(auth, "serviceName"),
        session_token=_text(auth, "serviceToken"),
        in_query=auth.get("addTo") == "QUERY_PARAMS",
    )


def _hawk(auth: Json, draft: Draft, _token: Callable[[Json], str]) -> None:
    hawk.sign(
        draft,
        key_id=_text(auth, "authId"),
        key=_text(auth, "authKey"),
        algorithm=_text(auth, "algorithm"),
        ext=_text(auth, "ext"),
        app=_text(auth, "app"),
        dlg=_text(auth, "dlg"),
        nonce=_text(auth, "nonce"),
        timestamp=_text(auth, "timestamp"),
        with_payload=bool(auth.get("includePayloadHash")),
    )


def _akamai(auth: Json, draft: Draft, _token: Callable[[Json], str]) -> None:
    akamai.sign(
        draft,
        access_token=_text(auth, "accessToken"),
        client_token=_text(auth, "clientToken"),
        client_secret=_text(auth, "clientSecret"),
        nonce=_text(auth, "nonce"),
        timestamp=_text(auth, "timestamp"),
        headers_to_sign=_text(auth, "headersToSign"),
        max_body=_number(_text(auth, "maxBodySize"), akamai.MAX_BODY),
    )


def _jwt(auth: Json, draft: Draft, _token: Callable[[Json], str]) -> None:
    made = jwt.encode(
        algorithm=_text(auth, "algorithm") or "HS256",
        payload=_text(auth, "payload"),
        headers=_text(auth, "jwtHeaders"),
        secret=_text(auth, "secret"),
        secret_is_base64=bool(auth.get("isSecretBase64Encoded")),
        private_key=_text(auth, "privateKey"),
    )
    if auth.get("addTo") == "QUERY_PARAMS":
        draft.add_query(urlencode({_text(auth, "paramName") or "token": made}))
    else:
        # As it is written, with the space at its end or without; the official runner adds none.
        draft.set("Authorization", (_text(auth, "headerPrefix") or "Bearer ") + made)


_KINDS: dict[str, Callable[[Json, Draft, Callable[[Json], str]], None]] = {
    "none": _nothing,
    "inherit": _nothing,
    "digest": _nothing,
    "basic": _basic,
    "bearer": _bearer,
    "api-key": _api_key,
    "oauth-2": _oauth2,
    "aws-signature": _aws,
    "hawk": _hawk,
    "akamai-eg": _akamai,
    "jwt": _jwt,
}


def _text(auth: Json, key: str) -> str:
    value: Any = auth.get(key)
    return "" if value is None else str(value)


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else default
