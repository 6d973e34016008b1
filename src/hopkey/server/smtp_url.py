"""Where mail is handed over, read from one address: ``smtp://user:password@host:587?tls=starttls``. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Tls = Literal["starttls", "direct", "none"]
_PORTS: dict[Tls, int] = {"starttls": 587, "direct": 465, "none": 25}
_FORM = "smtp://user:password@host:587?tls=starttls, or smtps://user:password@host"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """``tls``: ``starttls`` (required, not merely tried), ``direct`` (from the first byte) or ``none``. ``ca``: a file
    of certificates that are trusted instead of the system's.
    """

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""

    @property
    def shown(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"


def smtp_url_read(text: str) -> SmtpServer:
    """Raises `ValueError`, whose message never repeats the address: a password may stand in it."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise ValueError(f"must be of the form {_FORM}") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise ValueError(
            f"must be of the form {_FORM}; special characters in a password are written as %40 (@), %2F (/) and so on"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - {"tls", "ca"})
    if unknown:
        raise ValueError(f"has no option {unknown[0][:30]!r}; it has tls and ca")
    tls = _tls(parts.scheme, options.get("tls"))
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if password and tls == "none" and not _is_here(parts.hostname):
        raise ValueError("would send the password unprotected: use tls=starttls or smtps://")
    return SmtpServer(parts.hostname, port or _PORTS[tls], tls, user, password, options.get("ca", ""))


def _tls(scheme: str, asked: str | None) -> Tls:
    if scheme == "smtps":
        if asked not in (None, "direct"):
            raise ValueError("has tls= with smtps://, which is protected from the first byte: leave it out")
        return "direct"
    if asked in (None, "starttls"):
        return "starttls"
    if asked == "none":
        return "none"
    raise ValueError("has an unknown tls=: use starttls or none, or smtps:// for TLS from the first byte")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
