"""HTTP/2 (RFC 9113) where a server offers it: negotiated by ALPN when TLS begins, a request at a time on a connection.

Loaded for ``--http2`` alone; the package ``h2`` does the framing.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from hopkey.runner.connecting import broken, connected
from hopkey.runner.transport import MAX_BODY, Body, Fields, Received, TransportError

_CHUNK = 64 * 1024
_WINDOW = 8 * 1024 * 1024
_DROPPED = frozenset(["connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"])


class Http2:
    """Connections that speak HTTP/2, kept open between requests. Safe for several threads."""

    def __init__(self, context: ssl.SSLContext) -> None:
        context.set_alpn_protocols(["h2", "http/1.1"])
        self._context = context
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, int], list[_Connection]] = {}
        self._without: set[tuple[str, int]] = set()

    def close(self) -> None:
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def request(self, method: str, url: str, headers: Fields, body: bytes | None, moment: float) -> Received | None:
        """The answer; None where this server speaks HTTP/1.1 only. Raises `TransportError`.

        `moment`, on the clock of `time.monotonic`, is when it must be whole.
        """
        parts = urlsplit(url)
        place = (parts.hostname or "", parts.port or 443)
        if place in self._without:
            return None
        connection = self._taken(place) or self._connect(place, moment)
        if connection is None:
            self._without.add(place)
            return None
        fields = [
            (":method", method),
            (":scheme", "https"),
            (":authority", headers.get("Host") or parts.netloc.rpartition("@")[2]),
            (":path", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")),
            *((name.lower(), value) for name, value in headers if name.lower() not in _DROPPED),
        ]
        wire = [(name.encode("ascii"), value.encode("latin-1")) for name, value in fields]
        try:
            answer = connection.exchange(wire, body, moment)
        except h2.exceptions.ProtocolError as error:
            connection.close()
            raise TransportError(f"HTTP/2: {error}", "broken") from None
        except TransportError:
            connection.close()
            raise
        except (OSError, ValueError) as error:
            connection.close()
            raise broken(error) from None
        if connection.usable:
            with self._lock:
                self._idle.setdefault(place, []).append(connection)
        else:
            connection.close()
        return answer

    def _taken(self, place: tuple[str, int]) -> _Connection | None:
        """An open connection that is free."""
        while True:
            with self._lock:
                connections = self._idle.get(place)
                connection = connections.pop() if connections else None
            if connection is None or connection.alive():
                return connection
            connection.close()

    def _connect(self, place: tuple[str, int], moment: float) -> _Connection | None:
        sock = connected(*place, moment, lambda: self._context)
        if sock.selected_alpn_protocol() == "h2":
            return _Connection(sock)
        sock.close()
        return None


class _Connection:
    """One connection, for one request at a time."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._sock = sock
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="latin-1"))
        self._h2.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: 256 * 1024,
            },
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self.usable = True
        self._flush()

    def alive(self) -> bool:
        """Whether the server still holds it open; what it has sent meanwhile is taken in."""
        try:
            while select.select([self._sock], [], [], 0)[0] or self._sock.pending():
                self._sock.settimeout(0)
                for _event in self._events(self._sock.recv(_CHUNK)):
                    pass
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except (OSError, ValueError, h2.exceptions.ProtocolError):
            return False
        return self.usable

    def close(self) -> None:
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            self._h2.close_connection()
            self._sock.settimeout(0.2)
            self._flush()
        self._sock.close()

    def exchange(self, fields: list[tuple[bytes, bytes]], body: bytes | None, moment: float) -> Received:
        stream = self._h2.get_next_available_stream_id()
        self._sock.settimeout(max(0.001, moment - time.monotonic()))
        self._h2.send_headers(stream, fields, end_stream=not body)
        self._flush()
        answer = _Answer()
        rest = memoryview(body or b"")
        while not answer.ended:
            while rest and not answer.ended:
                size = min(len(rest), self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
                if size <= 0:
                    break
                self._h2.send_data(stream, bytes(rest[:size]), end_stream=size == len(rest))
                rest = rest[size:]
                self._flush()
            self._receive(stream, answer, moment)
        if rest:  # answered before all of it was sent: that is the end of it
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self._h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                self._flush()
        return answer.received()

    def _receive(self, stream: int, answer: _Answer, moment: float) -> None:
        left = moment - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        for event in self._events(self._sock.recv(_CHUNK)):
            if getattr(event, "stream_id", stream) != stream:
                continue
            match event:
                case h2.events.ResponseReceived():
                    answer.headers = event.headers
                case h2.events.DataReceived():
                    answer.add(event.data)
                    self._h2.acknowledge_received_data(event.flow_controlled_length, stream)
                case h2.events.StreamEnded():
                    answer.ended = True
                case h2.events.StreamReset():
                    raise TransportError("the server broke off the answer", "broken")
                case h2.events.ConnectionTerminated() if (event.last_stream_id or 0) < stream:
                    raise TransportError("the server closed the connection", "broken")
        self._flush()

    def _events(self, data: bytes) -> list[Any]:
        if not data:
            self.usable = False
            raise TransportError("the server closed the connection without an answer", "broken")
        events: list[Any] = self._h2.receive_data(data)
        if any(isinstance(event, h2.events.ConnectionTerminated) for event in events):
            self.usable = False
        return events

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._sock.sendall(data)


class _Answer:
    """What has come of an answer."""

    def __init__(self) -> None:
        self.headers: Any = ()
        self.ended = False
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Raises `TransportError`."""
        self._size += len(data)
        if self._size > MAX_BODY:
            raise TransportError(f"the answer is larger than {MAX_BODY >> 20} MB")
        self._parts.append(data)

    def received(self) -> Received:
        """Raises `TransportError`."""
        status, headers = 0, []
        for name, value in self.headers:
            if name == ":status":
                status = int(value)
            elif not name.startswith(":"):
                headers.append((name, value))
        body = Body(next((value for name, value in headers if name == "content-encoding"), ""))
        for part in self._parts:
            body.add(part)
        # This version of the protocol has no reasons: the usual one, as scripts may look at it.
        return Received(status, http.client.responses.get(status, ""), headers, body.whole())
