"""What no report shows: values of secret variables, and the headers that carry credentials."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from hopkey.runner.results import Sent

HIDDEN = "***"
CREDENTIALS = frozenset(
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "x-amz-security-token", "x-api-key"]
)

_AUTHORIZATIONS = frozenset(["authorization", "proxy-authorization"])
_SHORTEST = 6


class Redactor:
    """Hides `secrets` wherever they stand in a text, the longest first."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)

    def knowing(self, sent: Sent | None) -> Redactor:
        """The same, that also hides the credentials a request carried: its answer may repeat them."""
        values = [value for name, value in (sent.headers if sent else ()) if name.lower() in _AUTHORIZATIONS]
        found = {value.partition(" ")[2] or value for value in values}
        for value in sent.credentials if sent else ():
            found |= {value, quote(value, safe=""), quote_plus(value)}
        extra = {value for value in found if len(value) >= _SHORTEST} - set(self._secrets)
        return Redactor([*self._secrets, *extra]) if extra else self

    def text(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return text

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Headers with what they keep secret hidden; the scheme of an authorization stays to be seen."""
        return [(name, self._value(name, value)) for name, value in headers]

    def body(self, body: bytes | None, limit: int) -> str:
        """The first `limit` bytes as text."""
        if not body:
            return ""
        text = self.text(body[:limit].decode("utf-8", "replace"))
        return f"{text}\n... {len(body) - limit} more bytes" if len(body) > limit else text

    def _value(self, name: str, value: str) -> str:
        key = name.lower()
        if key in _AUTHORIZATIONS:
            scheme, space, _ = value.partition(" ")
            return f"{scheme} {HIDDEN}" if space else HIDDEN
        return HIDDEN if key in CREDENTIALS else self.text(value)
