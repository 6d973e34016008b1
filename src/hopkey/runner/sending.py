"""Sending requests: one connection pool for a run."""

from __future__ import annotations

import ssl
import time
from typing import Any

import urllib3

import hopkey
from hopkey.runner.building import Outgoing
from hopkey.runner.results import Answer

MAX_BODY = 100 * 1024 * 1024
MAX_REDIRECTS = 10


class SendError(Exception):
    """No answer came. The message says why in plain words."""


class Sender:
    """Keeps connections open between requests. ``timeout`` in seconds, for connecting and for each read."""

    def __init__(self, *, timeout: float = 60.0, verify: bool = True) -> None:
        options: dict[str, Any] = {} if verify else {"cert_reqs": ssl.CERT_NONE, "assert_hostname": False}
        self._pool = urllib3.PoolManager(num_pools=50, maxsize=4, timeout=timeout, **options)
        self._retries = urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=MAX_REDIRECTS)

    def send(self, outgoing: Outgoing) -> Answer:
        """Send and read the whole answer, redirects followed. Raises `SendError`."""
        headers = urllib3.HTTPHeaderDict(outgoing.headers)
        headers.setdefault("User-Agent", f"hopkey/{hopkey.__version__}")
        headers.setdefault("Accept", "*/*")
        headers.setdefault("Accept-Encoding", "gzip, deflate")
        if outgoing.body is None and outgoing.method in ("POST", "PUT", "PATCH"):
            headers.setdefault("Content-Length", "0")
        start = time.perf_counter()
        try:
            response = self._pool.request(
                outgoing.method,
                outgoing.url,
                headers=headers,
                body=outgoing.body,
                retries=self._retries,
                preload_content=False,
            )
            try:
                body = response.read(MAX_BODY + 1, decode_content=True)
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise SendError(explain(error)) from None
        except (OSError, UnicodeError, ValueError) as error:
            raise SendError(str(error) or type(error).__name__) from None
        if len(body) > MAX_BODY:
            raise SendError(f"the answer is larger than {MAX_BODY // (1024 * 1024)} MB")
        return Answer(
            status=response.status,
            reason=response.reason or "",
            headers=tuple((key.lower(), value) for key, value in _joined(response.headers)),
            body=body,
            duration=(time.perf_counter() - start) * 1000,
            url=response.geturl() or outgoing.url,
        )

    def close(self) -> None:
        self._pool.clear()


def explain(error: Exception) -> str:
    """Why there was no answer, for a person: name resolution, refused, timed out, TLS."""
    reason: Any = getattr(error, "reason", None) or error
    host = getattr(getattr(reason, "conn", None), "host", "")
    where = f" {host}" if host else ""
    text = str(reason)
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return f"the host name{where} could not be resolved"
    if isinstance(reason, urllib3.exceptions.SSLError):
        cause = reason.args[0] if reason.args else reason
        return f"the TLS connection failed: {getattr(cause, 'verify_message', None) or cause}"
    if "refused" in text:  # before time-outs: to urllib3 a refused connection is one of these
        return f"connection refused by{where or ' the host'}"
    if isinstance(reason, urllib3.exceptions.TimeoutError) and "timed out" in text:
        return "the server did not answer in time"
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return text.rsplit(": ", 1)[-1]
    if isinstance(error, urllib3.exceptions.MaxRetryError) and "redirect" in text:
        return f"more than {MAX_REDIRECTS} redirects"
    return text


def _joined(headers: Any) -> list[tuple[str, str]]:
    """Each header once; repeated ones joined by ``, `` as scripts of the official runner see them."""
    return [(name, ", ".join(headers.getlist(name))) for name in dict.fromkeys(key.lower() for key in headers)]
