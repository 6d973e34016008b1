"""One request to a webhook's address. Knows nothing of the database."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3

import hopkey
from hopkey.server.webhooks.addresses import refusal
from hopkey.server.webhooks.signing import signature

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
ANSWER_BYTES = 4096
ANSWER_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status``: of the answer, None without one. ``error``: why it does not count as delivered, empty if it does."""

    status: int | None
    error: str
    answer: str = ""

    @property
    def delivered(self) -> bool:
        return not self.error


def url_check(url: str) -> str:
    """The address in the form it is kept. Raises `ValueError` that says what is wrong.

    Plain http is for this machine itself only, which is judged again when it is connected to.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("this is no address") from None
    if len(url) > 2000 or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("an address has at most 2,000 characters, all of them ASCII and none of them blank")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("it begins with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds no user or password: the signature says who sent it")
    if parts.fragment:
        raise ValueError("it holds no fragment (#)")
    if parts.scheme == "http" and not _names_this_machine(parts.hostname):
        raise ValueError("it begins with https://; plain http is for this machine itself only")
    return url


def send(*, url: str, key: str, secret: str, body: bytes, private: bool) -> Outcome:
    """Post `body`, signed now. Redirects are not followed. Never raises for what the other side does."""
    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"hopkey/{hopkey.__version__}",
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret=secret, key=key, timestamp=timestamp, body=body),
    }
    try:
        parts = urlsplit(url)
        address = _resolve(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), private)
        if parts.scheme == "http" and not address.is_loopback:
            return Outcome(None, "plain http is for this machine itself only")
        return _post(url, str(address), headers, body)
    except _Refused as error:
        return Outcome(None, str(error))
    except ssl.SSLError as error:
        return Outcome(None, f"TLS did not work: {error.reason or type(error).__name__}"[:300])
    except urllib3.exceptions.HTTPError as error:
        return Outcome(None, _explained(error))
    except (OSError, ValueError) as error:
        return Outcome(None, f"it cannot be reached: {error}"[:300])


class _Refused(Exception):
    pass


def _resolve(host: str, port: int, private: bool) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The one address that will be connected to: what is judged is what is used. Raises `_Refused`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _Refused(f"{host} has no address") from None
    why = ""
    for _, _, _, _, place in found:
        text = str(place[0])
        if "%" in text:
            why = "it is a link-local address"
            continue
        address = ipaddress.ip_address(text)
        why = refusal(address, private=private)
        if not why:
            return address
    raise _Refused(f"nothing is sent to {host}: {why}")


def _post(url: str, address: str, headers: dict[str, str], body: bytes) -> Outcome:
    parts = urlsplit(url)
    host = parts.hostname or ""
    given = parts.netloc.rpartition("@")[2]
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS, total=CONNECT_SECONDS + ANSWER_SECONDS)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address,
            parts.port or 443,
            timeout=timeout,
            maxsize=1,
            ssl_context=ssl.create_default_context(),
            server_hostname=host,
            assert_hostname=host,
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, parts.port or 80, timeout=timeout, maxsize=1)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    deadline = time.monotonic() + CONNECT_SECONDS + ANSWER_SECONDS
    with pool, _cut_at(deadline, pool) as late:
        answer = pool.urlopen(
            "POST",
            path,
            body=body,
            headers={**headers, "Host": given},
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
        )
        try:
            if late.is_set():  # headers that were broken off look whole
                raise urllib3.exceptions.TimeoutError
            status, text = answer.status, _beginning(answer, deadline)
        finally:
            answer.close()
    if 200 <= status < 300:
        return Outcome(status, "", text)
    if 300 <= status < 400:
        return Outcome(status, f"it answered {status}: redirects are not followed", text)
    return Outcome(status, f"it answered {status}", text)


@contextlib.contextmanager
def _cut_at(deadline: float, pool: urllib3.HTTPConnectionPool) -> Iterator[threading.Event]:
    """Break off at `deadline` (`time.monotonic`): timeouts count from one byte to the next, and whoever answers with a
    byte now and then would hold a thread for days. Raises `urllib3.exceptions.TimeoutError` in place of what comes of
    it.
    """
    made: list[Any] = []
    late = threading.Event()
    kind = pool.ConnectionCls

    def connection(*given: Any, **named: Any) -> Any:
        made.append(kind(*given, **named))
        return made[-1]

    def cut() -> None:
        late.set()
        for one in made:
            if one.sock is not None:
                with contextlib.suppress(OSError):
                    one.sock.shutdown(socket.SHUT_RDWR)

    pool.ConnectionCls = connection  # type: ignore[assignment]
    timer = threading.Timer(max(deadline - time.monotonic(), 0), cut)
    timer.daemon = True
    timer.start()
    try:
        yield late
    except (urllib3.exceptions.HTTPError, OSError):
        if late.is_set():
            raise urllib3.exceptions.TimeoutError from None
        raise
    finally:
        timer.cancel()


def _beginning(answer: urllib3.BaseHTTPResponse, deadline: float) -> str:
    """The first bytes of an answer, as text of one line; what is late or broken is left out."""
    data = b""
    try:
        while len(data) < ANSWER_BYTES and time.monotonic() < deadline:
            piece = answer.read1(ANSWER_BYTES - len(data), decode_content=False)
            if not piece:
                break
            data += piece
    except (urllib3.exceptions.HTTPError, OSError):
        pass
    text = "".join(char if char.isprintable() else " " for char in data.decode("utf-8", "replace"))
    return " ".join(text.split())[:ANSWER_SHOWN]


def _explained(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"TLS did not work: {error}"[:300]
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "it cannot be connected to"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "it did not answer in time"
    return f"the connection broke: {type(error).__name__}"


def _names_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
