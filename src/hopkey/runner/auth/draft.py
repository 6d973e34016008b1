"""A request while it is being authorized: what signatures cover is all there, and can still be added to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""What the name of a header is made of (RFC 9110, 5.6.2)."""


class AuthError(Exception):
    """Settings that cannot authorize anything. The message says what to change."""


class Draft:
    """Method, address with its query, headers by lower-case name, and the body as it will be sent."""

    def __init__(
        self, method: str, url: str, headers: dict[str, tuple[str, str]] | None = None, body: bytes | None = None
    ) -> None:
        self.method = method
        self.url = url
        self.headers = {} if headers is None else headers
        self.body = body

    @property
    def host(self) -> str:
        """Host and port as the ``Host`` header carries them: the port only where it is not the scheme's own."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def target(self) -> str:
        """Path and query: what stands in the request line."""
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), ("", ""))[1]

    def set(self, name: str, value: str) -> None:
        """Put a header; as in the official runner it stands above one that the request names itself."""
        self.headers[name.lower()] = (name, value.replace("\r", " ").replace("\n", " ").strip())

    def add_query(self, pairs: str) -> None:
        """Append ready-encoded ``key=value`` pairs to the query."""
        address, hash_, fragment = self.url.partition("#")
        self.url = address + ("&" if "?" in address else "?") + pairs + hash_ + fragment
