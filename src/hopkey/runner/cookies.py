"""Cookies of a run: what servers set is sent back to them (RFC 6265), and scripts may look and change.

The rules (domains, paths, expiry, secure) are those of the standard library's `http.cookiejar`, which is imported when
the first cookie appears.
"""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import urlsplit

MAX_COOKIES = 3000


class _Request:
    """The part of `urllib.request.Request` that `http.cookiejar` asks for."""

    unverifiable = False

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        self.type = parts.scheme
        self.host = parts.netloc.rpartition("@")[2]
        self.origin_req_host = parts.hostname or ""
        self.cookie = ""

    def get_full_url(self) -> str:
        return self._url

    def has_header(self, _name: str) -> bool:
        return False

    def get_header(self, _name: str, default: str = "") -> str:
        return default

    def add_unredirected_header(self, name: str, value: str) -> None:
        if name == "Cookie":
            self.cookie = value


class _Answer:
    """The part of a response that `http.cookiejar` asks for."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def info(self) -> _Answer:
        return self

    def get_all(self, name: str, default: list[str] | None = None) -> list[str]:
        return self._lines if name.lower() == "set-cookie" else (default or [])


class CookieJar:
    """Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jar: Any = None
        self._received: list[tuple[str, list[str]]] = []

    def header(self, url: str) -> str:
        """The value of ``Cookie`` for a request to `url`; empty where no cookie goes there."""
        with self._lock:
            if not self._ready():
                return ""
            request = _Request(url)
            self._jar.add_cookie_header(request)
            return request.cookie

    def receive(self, url: str, lines: list[str]) -> None:
        """Take the ``Set-Cookie`` lines of an answer from `url`."""
        if not lines:
            return
        with self._lock:
            self._received.append((url, lines))

    def all(self, place: str) -> list[dict[str, Any]]:
        """The cookies that go to an address or a host name, as scripts see them."""
        url = _url(place)
        with self._lock:
            if not self._ready():
                return []
            found = self._jar._cookies_for_request(_Request(url))
        return [
            {
                "name": cookie.name,
                "value": cookie.value or "",
                "domain": cookie.domain.removesuffix(".local") if cookie.domain == "localhost.local" else cookie.domain,
                "path": cookie.path,
                "expires": cookie.expires,
                "secure": cookie.secure,
                "httpOnly": cookie.has_nonstandard_attr("HttpOnly") or cookie.has_nonstandard_attr("httponly"),
                "sameSite": cookie.get_nonstandard_attr("SameSite"),
            }
            for cookie in found
        ]

    def set(self, place: str, cookie: dict[str, Any]) -> None:
        """Put in a cookie of a script: name, value and the attributes of ``Set-Cookie``. Raises `ValueError`."""
        name, value = str(cookie.get("name") or ""), str(cookie.get("value") or "")
        if not name or any(character in name + value for character in ";\r\n"):
            raise ValueError("a cookie needs a name, and neither name nor value may hold a semicolon or a line break")
        line = f"{name}={value}; Path={cookie.get('path') or '/'}"
        if cookie.get("domain"):
            line += f"; Domain={cookie['domain']}"
        seconds = cookie.get("maxAge")
        if isinstance(seconds, int | float):
            line += f"; Max-Age={int(seconds)}"
        elif cookie.get("expires"):
            line += f"; Expires={_expires(cookie['expires'])}"
        for key, text in (("secure", "; Secure"), ("httpOnly", "; HttpOnly")):
            line += text if cookie.get(key) else ""
        self.receive(_url(place, secure=bool(cookie.get("secure"))), [line])

    def delete(self, place: str, name: str) -> None:
        """Forget the cookie of this name that goes to `place`."""
        for cookie in self._going_to(place):
            if cookie.name == name:
                self._jar.clear(cookie.domain, cookie.path, cookie.name)

    def clear(self, place: str) -> None:
        """Forget every cookie that goes to `place`."""
        for cookie in self._going_to(place):
            self._jar.clear(cookie.domain, cookie.path, cookie.name)

    def _going_to(self, place: str) -> list[Any]:
        with self._lock:
            if not self._ready():
                return []
            return list(self._jar._cookies_for_request(_Request(_url(place, secure=True))))

    def _ready(self) -> bool:
        """Take in what was received; False where there has never been a cookie."""
        if self._jar is None and not self._received:
            return False
        if self._jar is None:
            from http.cookiejar import CookieJar as Jar
            from http.cookiejar import DefaultCookiePolicy

            self._jar = Jar(DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainLiberal))
        for url, lines in self._received:
            if len(self._jar) < MAX_COOKIES:
                self._jar.extract_cookies(_Answer(lines), _Request(url))
        self._received.clear()
        return True


def _url(place: str, *, secure: bool = False) -> str:
    return place if "://" in place else f"{'https' if secure else 'http'}://{place}/"


def _expires(value: Any) -> str:
    """A moment (seconds since the epoch, or text) as cookies write it."""
    if isinstance(value, int | float):
        return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(min(max(value, 0), 253402300799)))
    return str(value)
