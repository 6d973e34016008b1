"""Sending requests: one set of connections for a run, redirects, cookies, and trying again."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import hopkey
from hopkey.runner.addresses import normal
from hopkey.runner.building import Outgoing
from hopkey.runner.cookies import CookieJar
from hopkey.runner.credentials import credential_headers
from hopkey.runner.direct import Direct
from hopkey.runner.options import Connection
from hopkey.runner.results import Answer
from hopkey.runner.transport import Fields, Received, SendError, TransportError, context_of

if TYPE_CHECKING:
    import ssl

    from hopkey.runner.http2 import Http2
    from hopkey.runner.proxied import Proxied

MAX_REDIRECTS = 20
_ACCEPT = "application/json, text/plain, */*"  # what servers see of the official runner
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_AT_HOME = ("Authorization", "Cookie", "Proxy-Authorization", "Host")
_IDEMPOTENT = frozenset(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])


class Sender:
    """Keeps connections open between requests. Safe for several threads.

    Raises `SendError` for certificates that cannot be used.
    """

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection or Connection()
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        if self._connection.ca_file or self._connection.client_cert:
            self._context()  # to learn before the run of files that cannot be used
        self._direct = Direct(self._context)
        self._http2 = _http2(self._connection) if self._connection.http2 else None
        self._proxies: dict[str, Proxied] = {}
        self._uses_proxies = self._connection.proxy is not None or any(
            name.lower().endswith("_proxy") for name in os.environ
        )

    def send(self, outgoing: Outgoing, cookies: CookieJar | None = None, seconds: float | None = None) -> Answer:
        """Send and read the whole answer, redirects followed. Raises `SendError`.

        `seconds` bounds the whole; each answer by itself is bounded by the time-out of the connection.
        """
        start = time.perf_counter()
        end = None if seconds is None else time.monotonic() + seconds
        method, url, body = outgoing.method, normal(outgoing.url), outgoing.body
        headers = Fields((name, _wire(value)) for name, value in outgoing.headers)
        headers.default("User-Agent", f"hopkey/{hopkey.__version__}")
        headers.default("Accept", _ACCEPT)
        headers.default("Accept-Encoding", "gzip, deflate")
        for _ in range(MAX_REDIRECTS + 1):
            received = self._exchange(method, url, headers, body, cookies, end)
            location = received.first("location")
            if not (self._connection.follow_redirects and outgoing.follow) or received.status not in _REDIRECTS:
                break
            if not location:
                break
            target = _redirect(url, location)
            if received.status == 303 or (received.status in (301, 302) and method == "POST"):
                method, body = ("GET" if method != "HEAD" else method), None
                for name in ("Content-Type", "Content-Length", "Content-Encoding"):
                    headers.discard(name)
            if _leaves(url, target):
                for name in (*_AT_HOME, *credential_headers(outgoing.auth)):
                    headers.discard(name)
            url = target
        else:
            raise SendError(f"more than {MAX_REDIRECTS} redirects")
        return Answer(
            status=received.status,
            reason=received.reason,
            headers=_joined(received.headers),
            body=received.body,
            duration=(time.perf_counter() - start) * 1000,
            url=url,
        )

    def stop(self) -> None:
        """Break off what is under way in other threads: the run has been interrupted."""
        self._direct.stop()

    def close(self) -> None:
        self._direct.close()
        if self._http2 is not None:
            self._http2.close()
        for proxy in self._proxies.values():
            proxy.close()

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Fields,
        body: bytes | None,
        cookies: CookieJar | None,
        end: float | None,
    ) -> Received:
        """One request and its answer, tried again where the connection failed."""
        sent = headers
        line = cookies.header(url) if cookies is not None else ""
        if line:
            sent = headers.copy()
            own = sent.get("Cookie")
            sent.set("Cookie", f"{own}; {line}" if own else line)
        if body is None and method in ("POST", "PUT", "PATCH") and "Content-Length" not in sent:
            sent = sent.copy()
            sent.set("Content-Length", "0")
        for attempt in range(self._connection.retries + 1):
            try:
                received = self._attempt(method, url, sent, body, end)
                break
            except TransportError as error:
                if attempt == self._connection.retries or not _may_retry(method, error):
                    raise
            time.sleep(min(0.2 * 2**attempt, 5.0))
        if cookies is not None:
            cookies.receive(url, received.all("set-cookie"))
        return received

    def _attempt(self, method: str, url: str, headers: Fields, body: bytes | None, end: float | None) -> Received:
        moment = time.monotonic() + self._connection.timeout
        if end is not None:
            moment = min(moment, end)
        proxy = self._proxy_for(url) if self._uses_proxies else None
        if proxy is not None:
            return self._proxied(proxy).request(method, url, headers, body, max(0.001, moment - time.monotonic()))
        if self._http2 is not None and url.startswith("https:"):
            received = self._http2.request(method, url, headers, body, moment)
            if received is not None:
                return received
        return self._direct.request(method, url, headers, body, moment)

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = context_of(self._connection)
            return self._tls

    def _proxied(self, proxy: str) -> Proxied:
        from hopkey.runner.proxied import Proxied  # few machines have a proxy

        context = self._context()
        with self._lock:
            if proxy not in self._proxies:
                self._proxies[proxy] = Proxied(proxy, context, verify=self._connection.verify)
            return self._proxies[proxy]

    def _proxy_for(self, url: str) -> str | None:
        if self._connection.proxy is not None:
            return self._connection.proxy or None
        # Imported here: it is slow to load, and few machines have a proxy.
        from urllib import request as known

        parts = urlsplit(url)
        proxies = known.getproxies_environment()
        if known.proxy_bypass_environment(parts.netloc, proxies):  # type: ignore[attr-defined]
            return None
        found = proxies.get(parts.scheme) or proxies.get("all")
        return found if found is None or "://" in found else f"http://{found}"


def _http2(connection: Connection) -> Http2:
    """With a context of its own, which offers HTTP/2. Raises `SendError` where the package is not there."""
    try:
        from hopkey.runner.http2 import Http2
    except ModuleNotFoundError:
        raise SendError("--http2 needs: pip install 'hopkey[http2]'") from None
    return Http2(context_of(connection))


def _redirect(url: str, location: str) -> str:
    """Where a redirect leads. Raises `SendError`."""
    try:
        target = urljoin(url, _text(location))
        parts = urlsplit(target)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return normal(target)
    except ValueError:
        pass
    raise SendError(f"it redirects to {location[:200]!r}, which is no address that could be asked")


def _text(location: str) -> str:
    """What a server wrote without encoding it is UTF-8 nearly always; headers are read as Latin-1."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location


def _leaves(url: str, target: str) -> bool:
    """Whether a redirect leads where secrets of the first address do not belong."""
    one, two = urlsplit(url), urlsplit(target)
    if one.scheme == "https" and two.scheme == "http":
        return True
    standard = {"http": 80, "https": 443}
    ports = [None if parts.port == standard[parts.scheme] else parts.port for parts in (one, two)]
    return one.hostname != two.hostname or ports[0] != ports[1]


def _may_retry(method: str, error: TransportError) -> bool:
    """A connection that was never made may always be tried again; one that broke only where that does no harm."""
    return error.reason == "connect" or (error.reason in ("broken", "time") and method in _IDEMPOTENT)


def _wire(value: str) -> str:
    """A header's value, of which each character is a byte (RFC 9110, 5.5): what is no Latin-1 goes as UTF-8."""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode("latin-1")
    return value


def _joined(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Each header once; repeated ones joined by ``, `` as scripts of the official runner see them."""
    found: dict[str, str] = {}
    for name, value in headers:
        key: Any = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return tuple(found.items())


__all__ = ["SendError", "Sender"]
