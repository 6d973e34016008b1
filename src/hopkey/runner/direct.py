"""HTTP/1.1 on connections that are kept, each answer within a deadline.

Of our own: most of a short run is loading, and every library takes longer to load than the whole rest (bench/cli).
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from hopkey.runner import answers
from hopkey.runner.connecting import broken, connected
from hopkey.runner.transport import TOKEN, Fields, Received, TransportError

if TYPE_CHECKING:
    import ssl

MAX_IDLE = 16
_BUFFER = 16 * 1024
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_AGAIN = frozenset(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
_DROPPED = frozenset(["transfer-encoding", "connection"])

Place = tuple[str, str, int]


class Direct:
    """Keeps connections open between requests. Safe for several threads. `context` is asked for when TLS is needed."""

    def __init__(self, context: Callable[[], ssl.SSLContext]) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._idle: dict[Place, list[_Line]] = {}
        self._busy: set[_Line] = set()
        self._stopped = False

    def close(self) -> None:
        with self._lock:
            for lines in self._idle.values():
                for line in lines:
                    line.close()
            self._idle.clear()

    def stop(self) -> None:
        """Break off what is under way in other threads, which would otherwise be waited for until its deadline."""
        with self._lock:
            self._stopped = True
            for line in self._busy:
                line.break_off()

    def request(self, method: str, url: str, headers: Fields, body: bytes | None, moment: float) -> Received:
        """The answer, which must be whole at `moment` on the clock of `time.monotonic`. Raises `TransportError`."""
        parts = urlsplit(url)
        place = (parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        line = self._taken(place)
        if line is not None:
            try:
                return self._exchange(place, line, method, target, parts.netloc, headers, body, moment)
            except TransportError as error:
                # A server may close a connection just when it is used again: that is no failure of the request.
                if error.reason != "broken" or line.heard or method not in _AGAIN:
                    raise
        line = _Line(connected(place[1], place[2], moment, self._context if place[0] == "https" else None))
        return self._exchange(place, line, method, target, parts.netloc, headers, body, moment)

    def _exchange(
        self,
        place: Place,
        line: _Line,
        method: str,
        target: str,
        netloc: str,
        headers: Fields,
        body: bytes | None,
        moment: float,
    ) -> Received:
        with self._lock:
            self._busy.add(line)
            if self._stopped:
                line.break_off()
        try:
            received = line.exchange(method, target, netloc.rpartition("@")[2], headers, body, moment)
        except (OSError, ValueError) as error:
            line.close()
            raise error if isinstance(error, TransportError) else broken(error) from None
        except BaseException:  # an interruption: half an answer is left on it
            line.close()
            raise
        finally:
            with self._lock:
                self._busy.discard(line)
        if line.open:
            with self._lock:
                idle = self._idle.setdefault(place, [])
                if len(idle) < MAX_IDLE:
                    idle.append(line)
                    return received
        line.close()
        return received

    def _taken(self, place: Place) -> _Line | None:
        while True:
            with self._lock:
                idle = self._idle.get(place)
                line = idle.pop() if idle else None
            if line is None or line.quiet():
                return line
            line.close()


class _Line:
    """One connection, for one request at a time."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.open = True
        self.heard = False
        """Whether anything has come of the answer under way."""

    def close(self) -> None:
        self.open = False
        with contextlib.suppress(OSError):
            self._sock.close()

    def break_off(self) -> None:
        """Wake the thread that waits for this connection; it closes it."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def quiet(self) -> bool:
        """Whether it still stands: what was closed, or speaks unasked, can be read from."""
        try:
            return not select.select([self._sock], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def exchange(
        self, method: str, target: str, host: str, headers: Fields, body: bytes | None, moment: float
    ) -> Received:
        self.heard = False
        data = _written(method, target, host, headers, body)
        self._sock.settimeout(max(0.001, moment - time.monotonic()))
        whole = True
        try:
            self._sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a large body (413, 401) answers at once and closes: that answer is worth more.
            if self.quiet():
                raise
            whole = False
        if _QUICKACK is not None:
            # A server that writes head and body apart, and waits for the first to be acknowledged before it sends the
            # second (Nagle's algorithm), would otherwise make every answer 40 ms late.
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        arriving = _Timed(self, moment)
        stream = io.BufferedReader(arriving, _BUFFER)
        received, keeps = answers.read(cast(BinaryIO, stream), method)
        arriving.ended = True
        # What came after the answer belongs to no request: it must not become the answer to the next one.
        self.open = keeps and whole and not stream.peek(1) and _said_rightly(headers, body)
        return received

    def receive(self, buffer: Any, moment: float) -> int:
        """Fill `buffer` with what arrives until `moment`; how much of it. Raises `OSError`."""
        left = moment - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        read = int(self._sock.recv_into(buffer))
        self.heard = self.heard or read > 0
        return read


def _written(method: str, target: str, host: str, headers: Fields, body: bytes | None) -> bytes:
    """The request as it goes out. Raises `TransportError` for what cannot stand in one."""
    lines = [f"{method} {target} HTTP/1.1"]
    if "Host" not in headers:
        lines.append(f"Host: {host}")
    for name, value in headers:
        if name.lower() in _DROPPED:
            continue
        if not TOKEN.fullmatch(name):
            raise TransportError(f"{name!r} is no name of a header")
        lines.append(f"{name}: {value}")
    if body is not None and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    for line in lines:
        if "\r" in line or "\n" in line or "\0" in line:
            raise TransportError(f"a header may hold no line break: {line[:60]!r}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")


def _said_rightly(headers: Fields, body: bytes | None) -> bool:
    """Whether a length written by hand is that of the body: otherwise the rest would be read as the next request."""
    length = headers.get("Content-Length")
    return length is None or length == str(len(body or b""))


class _Timed(io.RawIOBase):
    """What arrives on a connection until the deadline: a byte now and then would hold a run for ever."""

    def __init__(self, line: _Line, moment: float) -> None:
        self._line = line
        self._moment = moment
        self.ended = False
        """Whether nothing more is read: what is left is what has arrived already."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return 0 if self.ended else self._line.receive(buffer, self._moment)
