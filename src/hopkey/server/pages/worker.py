"""Answering what the serving processes pass on, in a fixed number of threads.

Long work (`hopkey.server.long_work`) leaves them when its view has returned: threads of its own make it while it is
sent, and wait for its client. One of them works at a time; the others wait for it, or for clients.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import msgspec

from hopkey.server.long_work import KEY
from hopkey.server.pages import wire

_LOG = logging.getLogger("hopkey.pages")
_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_CHUNK = 64 * 1024
_LONG_THREADS = 4
_LONG_WAITING = 16
"""Long answers that wait for a thread; beyond, 503."""


class Worker:
    """Serves `wsgi` on a listening local socket until `stop` is set; then what is under way is finished."""

    def __init__(self, wsgi: Any, listener: socket.socket, *, threads: int) -> None:
        self._wsgi = wsgi
        self._listener = listener
        self._listener.settimeout(_LOOK_SECONDS)
        self.stop = threading.Event()
        self._turn = threading.Lock()
        self._long = ThreadPoolExecutor(_LONG_THREADS, "long work")
        self._places = threading.Semaphore(_LONG_THREADS + _LONG_WAITING)
        self._threads = [threading.Thread(target=self._work, name=f"pages {i}") for i in range(threads)]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        self._long.shutdown(cancel_futures=True)

    def _work(self) -> None:
        while not self.stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:
                _LOG.warning("cannot accept: %s", error.strerror)
                self.stop.wait(_LOOK_SECONDS)
                continue
            self._guarded(connection, self._answer)

    def _guarded(self, connection: socket.socket, answer: Callable[[socket.socket], bool]) -> None:
        """Close the connection when `answer` is through with it, unless it says that somebody else has it now."""
        kept = False
        try:
            connection.settimeout(_PATIENCE_SECONDS)
            kept = answer(connection)
        except OSError:
            _LOG.debug("a serving process went away")
        except Exception:  # noqa: BLE001 - a thread of the pages goes on, whatever failed
            # The serving process sees a connection that ends early, and says so to its client.
            _LOG.exception("a page failed outside of Django")
        finally:
            if not kept:
                connection.close()

    def _answer(self, connection: socket.socket) -> bool:
        with connection.makefile("rb") as stream:
            length = int.from_bytes(stream.read(wire.LENGTH), "big")
            if not 0 < length <= wire.MAX_HEAD:
                return False
            try:
                environ = wire.environ_decode(stream.read(length))
            except msgspec.DecodeError:
                return False
            kept = self._respond(connection, {**environ, **_wsgi_environ(environ, stream)})
            # A body nobody wanted: closing on it would take the answer back.
            while not kept and stream.read1(_CHUNK):
                pass
            return kept

    def _respond(self, connection: socket.socket, environ: dict[str, Any]) -> bool:
        head: list[wire.Head] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            pairs = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in headers]
            head[:] = [wire.Head(int(status.split(" ", 1)[0]), pairs)]
            return lambda data: None

        result: Iterable[bytes] = self._wsgi(environ, start_response)
        if environ.get(KEY):
            head[0].long = True
            return self._put_off(connection, head[0], result)
        try:
            begun = False
            for data in result:
                if not begun:
                    connection.sendall(wire.head_encode(head[0]))
                    begun = True
                if data:
                    connection.sendall(wire.piece(data))
            if not begun:
                connection.sendall(wire.head_encode(head[0]))
            connection.sendall(wire.END)
            return False
        finally:
            _close(result)

    def _put_off(self, connection: socket.socket, head: wire.Head, result: Iterable[bytes]) -> bool:
        if not self._places.acquire(blocking=False):
            _close(result)
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"30")]
            connection.sendall(wire.head_encode(wire.Head(503, headers)))
            connection.sendall(wire.piece(b"Many exports are under way. Try again.") + wire.END)
            return False
        self._long.submit(self._guarded, connection, lambda here: self._pour(here, head, result))
        return True

    def _pour(self, connection: socket.socket, head: wire.Head, result: Iterable[bytes]) -> bool:
        """In a thread of long work: make pieces, each when the one before was taken."""
        try:
            connection.sendall(wire.head_encode(head))
            for data in _gathered(result, self._turn):
                if self.stop.is_set():
                    return False  # without an end: what is not whole does not look whole
                connection.sendall(wire.piece(data))
            connection.sendall(wire.END)
            return False
        finally:
            self._places.release()
            _close(result)


def _gathered(result: Iterable[bytes], turn: threading.Lock) -> Iterator[bytes]:
    """The same bytes in larger pieces, each made while holding `turn`."""
    pieces = iter(result)
    ended = False
    while not ended:
        gathered = bytearray()
        with turn:
            while len(gathered) < _CHUNK:
                data = next(pieces, None)
                if data is None:
                    ended = True
                    break
                gathered += data
        if gathered:
            yield bytes(gathered)


def _close(result: Iterable[bytes]) -> None:
    """As PEP 3333 asks of servers, however the answer ended."""
    close = getattr(result, "close", None)
    if close is not None:
        close()


def _wsgi_environ(environ: wire.Environ, stream: IO[bytes]) -> dict[str, Any]:
    """What of the WSGI environment (PEP 3333) is no text."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.input": stream,
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": environ["wsgi.url_scheme"],
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
