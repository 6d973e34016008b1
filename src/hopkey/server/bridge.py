"""Passing on to the pages what is not the gate's, buffered, so that slow clients hold no thread.

Nothing here waits for the disk or the network of somebody else while a thread of the pages waits for it. Long work
(`hopkey.server.long_work`) is the exception: it is sent while it is made, by threads that wait for their client.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Sequence
from typing import IO

from hopkey.server.addresses import client_address, is_within
from hopkey.server.config import Network
from hopkey.server.gate.plane import Receive, Scope, Send
from hopkey.server.pages import wire

_LOG = logging.getLogger("hopkey.serve")
_IN_MEMORY = 64 * 1024
_CHUNK = 64 * 1024
_CLIENTS = 1024
_QUEUE = 256
_SPOOLED_BODIES = 16
_PIECE_SECONDS = 30.0
_BODY_SECONDS = 600.0
_FORWARDED = {"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED"}
_CLOSE = (b"connection", b"close")
_RETRY = (b"retry-after", b"1")


class Bridge:
    """Passes requests on to the socket `pages`.

    Of clients that are sending or taking their time there may be `_CLIENTS`, of requests that the pages are to answer
    `_QUEUE`, and the bodies of all together have at most `_SPOOLED_BODIES` times the largest: beyond, 503. A client
    that stops in the middle of its request for `_PIECE_SECONDS` is given up.
    """

    def __init__(self, pages: str, *, body_limit: int, trusted_proxies: Sequence[Network]) -> None:
        self._pages = pages
        self._body_limit = body_limit
        self._trusted = trusted_proxies
        self._clients = self._waiting = self._spooled = 0
        self._long: set[asyncio.StreamReader] = set()

    def long_work_stop(self) -> None:
        """In the event loop: break off what long work is under way. Answers that are not whole end in an error."""
        for reader in self._long:
            reader.set_exception(InterruptedError("the server stops: this answer is not whole"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._clients >= _CLIENTS:
            await _plain(send, 503, "The server is busy. Try again.", [_RETRY, _CLOSE])
            return
        self._clients += 1
        body = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed below
        length = 0
        try:
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    while True:
                        message = await asyncio.wait_for(receive(), _PIECE_SECONDS)
                        if message["type"] != "http.request":
                            return
                        chunk = message.get("body", b"")
                        length += len(chunk)
                        self._spooled += len(chunk)
                        if length > self._body_limit:
                            megabytes = self._body_limit // (1024 * 1024)
                            await _plain(send, 413, f"A request has at most {megabytes} MB.", [_CLOSE])
                            return
                        if self._spooled > _SPOOLED_BODIES * self._body_limit:
                            await _plain(send, 503, "The server is busy. Try again.", [_RETRY, _CLOSE])
                            return
                        body.write(chunk)
                        if not message.get("more_body", False):
                            break
            except TimeoutError:
                await _plain(send, 408, "The request did not arrive in time.", [_CLOSE])
                return
            body.seek(0)
            await self._pass_on(environ_of(scope, length, self._trusted), body, receive, send)
        finally:
            body.close()
            self._spooled -= length
            self._clients -= 1

    async def _pass_on(self, environ: wire.Environ, body: IO[bytes], receive: Receive, send: Send) -> None:
        if self._waiting >= _QUEUE:
            await _plain(send, 503, "The server is busy. Try again.", [_RETRY])
            return
        self._waiting += 1

        def answered(_: object) -> None:
            self._waiting -= 1

        try:
            reader, writer = await asyncio.open_unix_connection(self._pages)
        except OSError as error:
            answered(None)
            _LOG.warning("the pages do not answer: %s", error.strerror)
            await _plain(send, 503, "The pages do not answer. Try again.", [_RETRY])
            return
        feeding = asyncio.create_task(_feed(writer, environ, body))
        with _Spool() as spool:
            collecting = asyncio.create_task(spool.collect(reader))
            collecting.add_done_callback(answered)
            try:
                head = await spool.head(collecting)
                if head is None:
                    await _plain(send, 503, "The pages do not answer. Try again.", [_RETRY])
                    return
                await send({"type": "http.response.start", "status": head.status, "headers": head.headers})
                if head.long:
                    await self._stream(reader, receive, send)
                else:
                    await spool.send(collecting, send)
            finally:
                for task in (collecting, feeding):
                    task.cancel()
                await asyncio.gather(collecting, feeding, return_exceptions=True)
                writer.close()

    async def _stream(self, reader: asyncio.StreamReader, receive: Receive, send: Send) -> None:
        """Send a long answer while it is made, until its client goes away. One that breaks off must not look whole."""
        self._long.add(reader)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while True:
                taken = asyncio.ensure_future(_piece(reader))
                await asyncio.wait((taken, gone), return_when=asyncio.FIRST_COMPLETED)
                if gone.done() and not taken.done():
                    taken.cancel()
                    return
                data = await taken
                await send({"type": "http.response.body", "body": data, "more_body": bool(data)})
                if not data:
                    return
        finally:
            gone.cancel()
            self._long.discard(reader)


async def _gone(receive: Receive) -> None:
    """Returns when the client went away."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Spool:
    """An answer on its way: taken from the pages as fast as they make it, given to the client as fast as it may."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed at exit
        self._head: wire.Head | None = None
        self._written = 0
        self._more = asyncio.Event()

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    async def collect(self, reader: asyncio.StreamReader) -> None:
        """Raises `asyncio.IncompleteReadError` or `OSError` where the pages end too early."""
        try:
            self._head = wire.head_decode(await _piece(reader))
            while not self._head.long and (data := await _piece(reader)):
                self._file.seek(self._written)
                self._file.write(data)
                self._written += len(data)
                self._more.set()
        finally:
            self._more.set()

    async def head(self, collecting: asyncio.Task[None]) -> wire.Head | None:
        """The beginning, once it is worth sending: with all of the answer, or much of a long one. None: it failed."""
        while not collecting.done() and self._written < _IN_MEMORY:
            self._more.clear()
            await self._more.wait()
            await asyncio.sleep(0)  # a collector that has ended is done only then
        if collecting.done() and collecting.exception() is not None:
            _LOG.warning("the pages ended in the middle of an answer")
            return None
        return self._head

    async def send(self, collecting: asyncio.Task[None], send: Send) -> None:
        sent = 0
        while True:
            if sent < self._written:
                self._file.seek(sent)
                data = self._file.read(_CHUNK)
                sent += len(data)
                ended = collecting.done() and sent == self._written and collecting.exception() is None
                await send({"type": "http.response.body", "body": data, "more_body": not ended})
                if ended:
                    return
            elif collecting.done():
                collecting.result()  # an answer that breaks off must not look whole
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            else:
                self._more.clear()
                await self._more.wait()
                await asyncio.sleep(0)


async def _feed(writer: asyncio.StreamWriter, environ: wire.Environ, body: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # whoever does not want the body answers without
        writer.write(wire.environ_encode(environ))
        while data := body.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _piece(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(wire.LENGTH), "big")
    return await reader.readexactly(length) if length else b""


def environ_of(scope: Scope, length: int, trusted: Sequence[Network]) -> wire.Environ:
    """The texts of the WSGI environment (PEP 3333). Forwarding headers count only from trusted proxies."""
    peer = scope["client"][0] if scope.get("client") else ""
    server = scope.get("server") or ("localhost", 80)
    environ: wire.Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "CONTENT_LENGTH": str(length),
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue  # would look like the header with a hyphen
        key = name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if key == "CONTENT_LENGTH":
            continue
        if key == "CONTENT_TYPE":
            environ[key] = text
            continue
        key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    if is_within(peer, trusted):
        environ["REMOTE_ADDR"] = client_address(peer, environ.get("HTTP_X_FORWARDED_FOR", ""), trusted)
        if environ.get("HTTP_X_FORWARDED_PROTO") in ("http", "https"):
            environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"]
    else:
        environ["REMOTE_ADDR"] = peer
    for name in _FORWARDED:
        environ.pop(name, None)
    return environ


async def _plain(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    body = text.encode()
    length = (b"content-length", str(len(body)).encode())
    start = [(b"content-type", b"text/plain; charset=utf-8"), length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
