"""Answering what the serving processes pass on, in a fixed number of threads."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterable
from typing import IO, Any

import msgspec

from hopkey.server.pages import wire

_LOG = logging.getLogger("hopkey.pages")
_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_CHUNK = 64 * 1024


class Worker:
    """Serves `wsgi` on a listening local socket until `stop` is set; then what is under way is finished."""

    def __init__(self, wsgi: Any, listener: socket.socket, *, threads: int) -> None:
        self._wsgi = wsgi
        self._listener = listener
        self._listener.settimeout(_LOOK_SECONDS)
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"pages {i}") for i in range(threads)]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()

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
            with connection:
                try:
                    connection.settimeout(_PATIENCE_SECONDS)
                    self._answer(connection)
                except OSError:
                    _LOG.debug("a serving process went away")
                except Exception:  # noqa: BLE001 - a thread of the pages goes on, whatever failed
                    # The serving process sees a connection that ends early, and says so to its client.
                    _LOG.exception("a page failed outside of Django")

    def _answer(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            length = int.from_bytes(stream.read(wire.LENGTH), "big")
            if not 0 < length <= wire.MAX_HEAD:
                return
            try:
                environ = wire.environ_decode(stream.read(length))
            except msgspec.DecodeError:
                return
            self._respond(connection, {**environ, **_wsgi_environ(environ, stream)})
            # A body nobody wanted: closing on it would take the answer back.
            while stream.read1(_CHUNK):
                pass

    def _respond(self, connection: socket.socket, environ: dict[str, Any]) -> None:
        head: list[wire.Head] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            pairs = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in headers]
            head[:] = [wire.Head(int(status.split(" ", 1)[0]), pairs)]
            return lambda data: None

        result: Iterable[bytes] = self._wsgi(environ, start_response)
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
        finally:
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
