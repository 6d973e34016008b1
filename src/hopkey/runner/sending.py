"""Sending requests: one connection pool for a run."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import urllib3

import hopkey
from hopkey.runner.building import Outgoing
from hopkey.runner.cookies import CookieJar
from hopkey.runner.options import Connection
from hopkey.runner.results import Answer

if TYPE_CHECKING:
    from hopkey.runner.http2 import Http2

MAX_BODY = 100 * 1024 * 1024
MAX_REDIRECTS = 20
_ACCEPT = "application/json, text/plain, */*"  # what servers see of the official runner
_REDIRECTS = frozenset([301, 302, 303, 307, 308])
_IDEMPOTENT = frozenset(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
_CHUNK = 64 * 1024
_BUFFER = 16 * 1024
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class SendError(OSError):
    """No answer came. The message says why in plain words."""


_DEADLINE = threading.local()
"""``moment``: when the answer that this thread waits for must be whole, on the clock of `time.monotonic`."""


class _Timed(io.RawIOBase):
    """What arrives on a socket until the deadline: a byte now and then would hold a run for ever."""

    def __init__(self, sock: Any, moment: float) -> None:
        self._sock = sock
        self._moment = moment
        self._inner = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._moment - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        read: int | None = self._inner.readinto(buffer)
        return read

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Watched:
    """The part of a socket that an answer is read from."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> Any:
        moment = getattr(_DEADLINE, "moment", None)
        return self._sock.makefile("rb") if moment is None else io.BufferedReader(_Timed(self._sock, moment), _BUFFER)


def _answer_of(sock: Any, *arguments: Any, **named: Any) -> http.client.HTTPResponse:
    return http.client.HTTPResponse(_Watched(sock), *arguments, **named)  # type: ignore[arg-type]


class _Prompt:
    """Acknowledges what arrives at once, and reads it until the deadline.

    A server that writes head and body apart, and waits for the first to be acknowledged before it sends the second
    (Nagle's algorithm), would otherwise make every answer 40 ms late.
    """

    sock: Any

    def getresponse(self) -> Any:
        if _QUICKACK is not None and isinstance(self.sock, socket.socket):
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        return super().getresponse()  # type: ignore[misc]


class _PlainConnection(_Prompt, urllib3.connection.HTTPConnection):
    response_class = staticmethod(_answer_of)  # type: ignore[assignment]


class _TlsConnection(_Prompt, urllib3.connection.HTTPSConnection):
    response_class = staticmethod(_answer_of)  # type: ignore[assignment]


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _PlainPool, "https": _TlsPool}


class Sender:
    """Keeps connections open between requests. Safe for several threads.

    Raises `SendError` for certificates that cannot be used.
    """

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection or Connection()
        self._timeout = self._connection.timeout
        self._tls: dict[str, Any] = {}
        if self._connection != Connection(timeout=self._timeout, retries=self._connection.retries):
            self._tls = _tls(self._connection)
        self._direct = urllib3.PoolManager(num_pools=50, maxsize=8, **self._tls)
        self._direct.pool_classes_by_scheme = _POOLS
        self._http2 = _http2(self._connection) if self._connection.http2 else None
        self._proxies: dict[str, urllib3.ProxyManager] = {}
        self._uses_proxies = self._connection.proxy is not None or any(
            name.lower().endswith("_proxy") for name in os.environ
        )

    def send(self, outgoing: Outgoing, cookies: CookieJar | None = None, seconds: float | None = None) -> Answer:
        """Send and read the whole answer, redirects followed. Raises `SendError`.

        `seconds` bounds the whole; each answer by itself is bounded by the time-out of the connection.
        """
        start = time.perf_counter()
        deadline = None if seconds is None else start + seconds
        method, url, body = outgoing.method, outgoing.url, outgoing.body
        headers = urllib3.HTTPHeaderDict((name, _wire(value)) for name, value in outgoing.headers)
        headers.setdefault("User-Agent", f"hopkey/{hopkey.__version__}")
        headers.setdefault("Accept", _ACCEPT)
        headers.setdefault("Accept-Encoding", "gzip, deflate")
        for _ in range(MAX_REDIRECTS + 1):
            response, content = self._exchange(method, url, headers, body, cookies, deadline)
            location = response.headers.get("Location")
            if not (self._connection.follow_redirects and outgoing.follow) or response.status not in _REDIRECTS:
                break
            if not location:
                break
            target = _redirect(url, location)
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                method, body = ("GET" if method != "HEAD" else method), None
                for name in ("Content-Type", "Content-Length", "Content-Encoding"):
                    headers.discard(name)
            if _leaves(url, target):
                for name in ("Authorization", "Cookie", "Proxy-Authorization"):
                    headers.discard(name)
            url = target
        else:
            raise SendError(f"more than {MAX_REDIRECTS} redirects")
        return Answer(
            status=response.status,
            reason=response.reason or "",
            headers=tuple((key.lower(), value) for key, value in _joined(response.headers)),
            body=content,
            duration=(time.perf_counter() - start) * 1000,
            url=url,
        )

    def close(self) -> None:
        self._direct.clear()
        if self._http2 is not None:
            self._http2.close()
        for proxy in self._proxies.values():
            proxy.clear()

    def _exchange(
        self,
        method: str,
        url: str,
        headers: urllib3.HTTPHeaderDict,
        body: bytes | None,
        cookies: CookieJar | None,
        deadline: float | None,
    ) -> tuple[Any, bytes]:
        """One request and its answer, tried again where the connection failed."""
        sent = headers
        line = cookies.header(url) if cookies is not None else ""
        if line:
            sent = headers.copy()
            own = sent.get("Cookie")
            sent["Cookie"] = f"{own}; {line}" if own else line
        if body is None and method in ("POST", "PUT", "PATCH") and "Content-Length" not in sent:
            sent = sent.copy()
            sent["Content-Length"] = "0"
        for attempt in range(self._connection.retries + 1):
            try:
                response, content = self._attempt(method, url, sent, body, deadline)
                break
            except urllib3.exceptions.HTTPError as error:
                if attempt == self._connection.retries or not _may_retry(method, error):
                    raise SendError(explain(error)) from None
            except (OSError, UnicodeError, ValueError) as error:
                raise SendError(str(error) or type(error).__name__) from None
            time.sleep(min(0.2 * 2**attempt, 5.0))
        if cookies is not None:
            cookies.receive(url, response.headers.getlist("Set-Cookie"))
        return response, content

    def _attempt(
        self, method: str, url: str, headers: urllib3.HTTPHeaderDict, body: bytes | None, deadline: float | None
    ) -> tuple[Any, bytes]:
        timeout = self._timeout
        if deadline is not None:
            timeout = min(timeout, deadline - time.perf_counter())
            if timeout <= 0:
                raise SendError("the server did not answer in time")
        _DEADLINE.moment = time.monotonic() + timeout
        pool = self._pool(url)
        if self._http2 is not None and pool is self._direct and url.startswith("https:"):
            answer = self._http2.request(method, url, headers, body, _DEADLINE.moment, MAX_BODY)
            if answer is not None:
                return answer, _read(answer, deadline)
        response = pool.request(
            method,
            url,
            headers=headers,
            body=body,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            return response, _read(response, deadline)
        finally:
            response.release_conn()

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = self._proxy_for(url) if self._uses_proxies else None
        if proxy is None:
            return self._direct
        if proxy not in self._proxies:
            self._proxies[proxy] = _proxy(proxy, self._tls)
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


def explain(error: Exception) -> str:
    """Why there was no answer, for a person: name resolution, refused, timed out, TLS."""
    reason: Any = getattr(error, "reason", None) or error
    host = getattr(getattr(reason, "conn", None), "host", "")
    where = f" {host}" if host else ""
    text = str(reason)
    if isinstance(reason, urllib3.exceptions.ProxyError):
        return f"the proxy gave no connection: {reason.args[-1] if reason.args else reason}"
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return f"the host name{where} could not be resolved"
    if isinstance(reason, urllib3.exceptions.SSLError):
        cause = reason.args[0] if reason.args else reason
        return f"the TLS connection failed: {getattr(cause, 'verify_message', None) or cause}"
    if "refused" in text:  # before time-outs: to urllib3 a refused connection is one of these
        return f"connection refused by{where or ' the host'}"
    if isinstance(reason, urllib3.exceptions.TimeoutError) and "timed out" in text:
        return "the server did not answer in time"
    if isinstance(reason, urllib3.exceptions.DecodeError):
        return "the answer is not compressed as its Content-Encoding says"
    if isinstance(reason, urllib3.exceptions.ProtocolError):
        return _broken(reason.args[-1] if reason.args else reason)
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return text.rsplit(": ", 1)[-1]
    return text


def _broken(cause: object) -> str:
    """What was wrong with an answer that is no HTTP, or not whole."""
    if isinstance(cause, http.client.RemoteDisconnected):
        return "the server closed the connection without an answer"
    if isinstance(cause, ConnectionError | ssl.SSLError):
        return "the server broke off the connection"
    if isinstance(cause, http.client.IncompleteRead | urllib3.exceptions.IncompleteRead):
        return "the answer broke off before its end"
    if isinstance(cause, http.client.BadStatusLine | http.client.UnknownProtocol):
        return "what came back is no HTTP answer"
    if isinstance(cause, http.client.HTTPException):
        return f"the answer cannot be read: {cause}"
    return str(cause)


def _read(response: Any, deadline: float | None) -> bytes:
    """The whole body, decompressed. Raises `SendError` where it is too large or too slow."""
    parts = []
    size = 0
    for chunk in response.stream(_CHUNK, decode_content=True):
        size += len(chunk)
        if size > MAX_BODY:
            raise SendError(f"the answer is larger than {MAX_BODY // (1024 * 1024)} MB")
        if deadline is not None and time.perf_counter() > deadline:
            raise SendError("the server did not answer in time")
        parts.append(chunk)
    return b"".join(parts)


def _tls(connection: Connection) -> dict[str, Any]:
    """Arguments of a pool for these certificates. Raises `SendError` for files that cannot be used."""
    context = ssl.create_default_context()
    try:
        if connection.ca_file is not None:
            context.load_verify_locations(connection.ca_file)
        if connection.client_cert is not None:
            context.load_cert_chain(connection.client_cert, connection.client_key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (connection.ca_file, connection.client_cert) if file)
        raise SendError(f"the certificates cannot be used ({files}): {error}") from None
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    arguments: dict[str, Any] = {"ssl_context": context}
    if not connection.verify:
        arguments["assert_hostname"] = False
    return arguments


def _http2(connection: Connection) -> Http2:
    """With a context of its own, which offers HTTP/2. Raises `SendError` where the package is not there."""
    try:
        from hopkey.runner.http2 import Http2
    except ModuleNotFoundError:
        raise SendError("--http2 needs: pip install 'hopkey[http2]'") from None
    return Http2(_tls(connection)["ssl_context"])


def _proxy(url: str, tls: dict[str, Any]) -> urllib3.ProxyManager:
    parts = urlsplit(url)
    headers = None
    if parts.username:
        headers = urllib3.make_headers(proxy_basic_auth=f"{parts.username}:{parts.password or ''}")
    return urllib3.ProxyManager(url, proxy_headers=headers, num_pools=50, maxsize=8, **tls)


def _redirect(url: str, location: str) -> str:
    """Where a redirect leads. Raises `SendError`."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return target
    except ValueError:
        pass
    raise SendError(f"it redirects to {location[:200]!r}, which is no address that could be asked")


def _leaves(url: str, target: str) -> bool:
    """Whether a redirect leads where secrets of the first address do not belong."""
    one, two = urlsplit(url), urlsplit(target)
    return one.hostname != two.hostname or one.port != two.port or (one.scheme == "https" and two.scheme == "http")


def _may_retry(method: str, error: Exception) -> bool:
    """A connection that was never made may always be tried again; one that broke only where that does no harm."""
    reason: Any = getattr(error, "reason", None) or error
    if isinstance(reason, urllib3.exceptions.SSLError):
        return False
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return True
    return method in _IDEMPOTENT and isinstance(
        reason, urllib3.exceptions.ProtocolError | urllib3.exceptions.ReadTimeoutError
    )


def _wire(value: str) -> str:
    """A header's value, of which each character is a byte (RFC 9110, 5.5): what is no Latin-1 goes as UTF-8."""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode("latin-1")
    return value


def _joined(headers: Any) -> list[tuple[str, str]]:
    """Each header once; repeated ones joined by ``, `` as scripts of the official runner see them."""
    return [(name, ", ".join(headers.getlist(name))) for name in dict.fromkeys(key.lower() for key in headers)]
