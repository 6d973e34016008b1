"""Requests through an HTTP proxy: urllib3 knows how, and is loaded where there is one."""

from __future__ import annotations

import base64
import time
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import urllib3

from hopkey.runner.connecting import LATE, broken
from hopkey.runner.transport import CHUNK, Body, Fields, Received, TransportError

if TYPE_CHECKING:
    import ssl


class Proxied:
    """Keeps connections open between requests. Safe for several threads. Raises `TransportError` for other proxies."""

    def __init__(self, proxy: str, context: ssl.SSLContext, *, verify: bool) -> None:
        parts = urlsplit(proxy)
        login = None
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            login = {"proxy-authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
        tls: dict[str, Any] = {"ssl_context": context}
        if not verify:
            tls["assert_hostname"] = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        try:
            self._pool = urllib3.ProxyManager(proxy, proxy_headers=login, num_pools=50, maxsize=8, **tls)
        except (urllib3.exceptions.HTTPError, ValueError):
            # Its address may hold a password: only what comes before it is said.
            scheme = proxy.partition("://")[0]
            raise TransportError(f"the proxy cannot be used: {scheme}:// is not http:// or https://") from None

    def close(self) -> None:
        self._pool.clear()

    def request(self, method: str, url: str, headers: Fields, body: bytes | None, seconds: float) -> Received:
        """`seconds` bounds connecting, each read of headers, and the whole body. Raises `TransportError`."""
        end = time.monotonic() + seconds
        try:
            response = self._pool.request(
                method,
                url,
                headers=urllib3.HTTPHeaderDict(iter(headers)),
                body=body,
                timeout=seconds,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                content = Body(response.headers.get("Content-Encoding", ""))
                while piece := response.read1(CHUNK, decode_content=False):
                    if time.monotonic() > end:  # a byte now and then would hold a run for ever
                        raise TransportError(LATE, "time")
                    content.add(piece)
            except BaseException:
                response.close()  # what is left of this answer must not become the next one
                raise
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise failure(error) from None
        except (UnicodeError, ValueError) as error:
            raise TransportError(str(error) or type(error).__name__) from None
        return Received(response.status, response.reason or "", list(response.headers.items()), content.whole())


def failure(error: Exception) -> TransportError:
    """Why there was no answer, for a person: name resolution, refused, timed out, TLS."""
    reason: Any = getattr(error, "reason", None) or error
    host = getattr(getattr(reason, "conn", None), "host", "")
    where = f" {host}" if host else ""
    text = str(reason)
    if isinstance(reason, urllib3.exceptions.ProxyError):
        return TransportError(f"the proxy gave no connection: {reason.args[-1] if reason.args else reason}", "connect")
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return TransportError(f"the host name{where} could not be resolved", "connect")
    if isinstance(reason, urllib3.exceptions.SSLError):
        cause = reason.args[0] if reason.args else reason
        return TransportError(f"the TLS connection failed: {getattr(cause, 'verify_message', None) or cause}", "tls")
    if "refused" in text:  # before time-outs: to urllib3 a refused connection is one of these
        return TransportError(f"connection refused by{where or ' the host'}", "connect")
    if isinstance(reason, urllib3.exceptions.TimeoutError) and "timed out" in text:
        late = isinstance(reason, urllib3.exceptions.ConnectTimeoutError)
        return TransportError(LATE, "connect" if late else "time")
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return TransportError(text.rsplit(": ", 1)[-1], "connect")
    if isinstance(reason, urllib3.exceptions.DecodeError):
        return TransportError("the answer is not compressed as its Content-Encoding says", "broken")
    if any(isinstance(item, IncompleteRead) for item in (reason, *reason.args)):
        return TransportError("the answer broke off before its end", "broken")
    if isinstance(reason, urllib3.exceptions.ProtocolError):
        return broken(reason.args[-1]) if isinstance(reason.args[-1], Exception) else TransportError(text, "broken")
    return TransportError(text)
