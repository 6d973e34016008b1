"""Django as WSGI behind an ASGI server: requests and answers are buffered, so that slow clients hold no thread.

Long work (`hopkey.server.long_work`) is the exception: it is sent while it is made, by threads of its own, which wait
for their client. One of them works at a time; the others wait for it, or for clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hopkey.server.addresses import client_address, is_within
from hopkey.server.config import Network
from hopkey.server.gate.plane import Receive, Scope, Send
from hopkey.server.long_work import KEY

_IN_MEMORY = 1024 * 1024
_CHUNK = 64 * 1024
_QUEUE = 256
_LONG_THREADS = 8
_AHEAD = 8
"""Chunks of long work that wait for a client."""
_PATIENCE_SECONDS = 60.0
"""For how long long work waits for a client that takes nothing."""
_FORWARDED = {"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED"}


class Bridge:
    """Runs a WSGI application in `threads` threads. Beyond `_QUEUE` waiting requests it answers 503."""

    def __init__(self, wsgi: Any, *, threads: int, body_limit: int, trusted_proxies: Sequence[Network]) -> None:
        self._wsgi = wsgi
        self._pool = ThreadPoolExecutor(threads, "pages")
        self._long_pool = ThreadPoolExecutor(_LONG_THREADS, "long work")
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self._body_limit = body_limit
        self._trusted = trusted_proxies
        self._waiting = 0

    def close(self) -> None:
        """Let the requests under way end; long work is broken off."""
        self.long_work_stop()
        self._pool.shutdown(wait=True)
        self._long_pool.shutdown(wait=True, cancel_futures=True)

    def long_work_stop(self) -> None:
        """Break off what long work is under way; answers that are not whole end in an error."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._waiting >= _QUEUE:
            await _plain(send, 503, "The server is busy. Try again.", [(b"retry-after", b"1")])
            return
        self._waiting += 1
        try:
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
                length = await self._receive(receive, body)
                if length is None:
                    return
                if length < 0:
                    megabytes = self._body_limit // (1024 * 1024)
                    await _plain(send, 413, f"A request has at most {megabytes} MB.", [])
                    return
                environ = _environ(scope, body, length, self._trusted)
                loop = asyncio.get_running_loop()
                status, headers, answer, result = await loop.run_in_executor(self._pool, self._run, environ)
            if result is None:
                await _answer(send, status, headers, answer)
            else:
                await self._answer_long(receive, send, status, headers, result)
        finally:
            self._waiting -= 1

    async def _receive(self, receive: Receive, body: Any) -> int | None:
        """The body's length; None when the client went away, -1 when it sends too much."""
        length = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunk = message.get("body", b"")
            length += len(chunk)
            if length > self._body_limit:
                return -1
            body.write(chunk)
            if not message.get("more_body", False):
                body.seek(0)
                return length

    def _run(self, environ: dict[str, Any]) -> tuple[int, list[tuple[bytes, bytes]], Any, Iterable[bytes] | None]:
        """Status, headers and the answer in a file; of long work what is still to be iterated instead."""
        state: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            state["status"] = int(status.split(" ", 1)[0])
            state["headers"] = [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in headers]
            return lambda data: None

        result: Iterable[bytes] = self._wsgi(environ, start_response)
        if environ.get(KEY):
            return state["status"], state["headers"], None, result
        answer = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed by the sender
        try:
            for chunk in result:
                answer.write(chunk)
        finally:
            _close(result)
        answer.seek(0)
        return state["status"], state["headers"], answer, None

    async def _answer_long(
        self, receive: Receive, send: Send, status: int, headers: list[tuple[bytes, bytes]], result: Iterable[bytes]
    ) -> None:
        """Send while it is made. An error on the way ends the connection before the answer is whole."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        stop = threading.Event()
        job = self._long_pool.submit(self._pour, result, queue, loop, stop)
        work = asyncio.wrap_future(job)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers})
            while True:
                taken = asyncio.ensure_future(queue.get())
                waited: set[asyncio.Future[Any]] = {taken, gone, work}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if gone.done() or (work.done() and not taken.done() and queue.empty()):
                    taken.cancel()
                    break
                chunk = await taken
                if chunk is None:
                    break
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            stop.set()
            gone.cancel()
            if job.cancel():
                _close(result)
            while not job.done():
                with contextlib.suppress(asyncio.QueueEmpty):
                    queue.get_nowait()  # lets the thread see that it is to stop
                await asyncio.sleep(0.01)
        if not job.cancelled():
            await work
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _pour(
        self,
        result: Iterable[bytes],
        queue: asyncio.Queue[bytes | None],
        loop: asyncio.AbstractEventLoop,
        stop: threading.Event,
    ) -> None:
        """In a thread of long work: make chunks and wait until the event loop has taken them."""
        try:
            for chunk in _gathered(result, self._turn):
                if self._closing.is_set():
                    raise InterruptedError("the server stops: this answer is not whole")
                if stop.is_set():
                    return
                asyncio.run_coroutine_threadsafe(queue.put(chunk), loop).result(_PATIENCE_SECONDS)
            asyncio.run_coroutine_threadsafe(queue.put(None), loop).result(_PATIENCE_SECONDS)
        finally:
            _close(result)


def _gathered(result: Iterable[bytes], turn: threading.Lock) -> Iterator[bytes]:
    """The same bytes in larger chunks, each made while holding `turn`."""
    pieces = iter(result)
    ended = False
    while not ended:
        gathered = bytearray()
        with turn:
            while len(gathered) < _CHUNK:
                piece = next(pieces, None)
                if piece is None:
                    ended = True
                    break
                gathered += piece
        if gathered:
            yield bytes(gathered)


def _close(result: Iterable[bytes]) -> None:
    """As PEP 3333 asks of servers, however the answer ended."""
    close = getattr(result, "close", None)
    if close is not None:
        close()


async def _gone(receive: Receive) -> None:
    """Returns when the client went away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _environ(scope: Scope, body: Any, length: int, trusted: Sequence[Network]) -> dict[str, Any]:
    """The WSGI environment (PEP 3333). Forwarding headers count only from trusted proxies."""
    peer = scope["client"][0] if scope.get("client") else ""
    server = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BufferedReader(body) if isinstance(body, io.RawIOBase) else body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
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


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], answer: Any) -> None:
    with answer:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        chunk = answer.read(_CHUNK)
        while True:
            following = answer.read(_CHUNK) if len(chunk) == _CHUNK else b""
            await send({"type": "http.response.body", "body": chunk, "more_body": bool(following)})
            if not following:
                return
            chunk = following


async def _plain(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]]) -> None:
    body = text.encode()
    length = (b"content-length", str(len(body)).encode())
    start = [(b"content-type", b"text/plain; charset=utf-8"), length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
