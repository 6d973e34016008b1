"""Which values of a request are its credentials: nothing that shows it shows them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hopkey.formats.model import Json
from hopkey.runner.building import Outgoing

_SECRET = frozenset(
    [
        "accessToken",
        "authKey",
        "clientSecret",
        "clientToken",
        "password",
        "privateKey",
        "secret",
        "secretKey",
        "serviceToken",
        "token",
    ]
)
_ALONG = frozenset(["x-amz-security-token"])


def credentials_of(outgoing: Outgoing) -> frozenset[str]:
    """The values in settings and address that authorize `outgoing`, whatever the kind of its authorization."""
    auth = outgoing.auth
    kind = auth.get("authType")
    if kind in (None, "none", "inherit") or not auth.get("authActive", True):
        return frozenset()
    found = set(_values(auth))
    if kind == "api-key":
        found.add(str(auth.get("value") or ""))
    if auth.get("addTo") == "QUERY_PARAMS":
        name = {"oauth-2": "access_token", "jwt": str(auth.get("paramName") or "token")}.get(str(kind), "")
        query = parse_qsl(urlsplit(outgoing.url).query)
        found |= {value for key, value in query if key in (name, "X-Amz-Signature", "X-Amz-Security-Token")}
    return frozenset(value for value in found if value)


def credential_headers(auth: Json) -> frozenset[str]:
    """Lower-case names of headers, besides those that everybody knows, that must not go to another host."""
    if auth.get("authType") == "api-key" and auth.get("addTo") != "QUERY_PARAMS":
        return _ALONG | {str(auth.get("key") or "").lower()}
    return _ALONG


def _values(auth: Json) -> list[str]:
    values: list[str] = []
    for key, value in auth.items():
        if isinstance(value, dict):
            values += _values(value)
        elif key in _SECRET and isinstance(value, str):
            values.append(value)
    return values
