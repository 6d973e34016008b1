"""The pages behind the bridge: answers are whole, and long work is sent while it is made, by threads of its own."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from hopkey.server.bridge import Bridge
from hopkey.server.long_work import KEY
from hopkey.server.pages import worker as worker_module
from hopkey.server.pages.worker import Worker

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("127.0.0.1", 1)}


class Client:
    """The other end of one request. `patience`: how many messages it takes before it waits for `more`."""

    def __init__(self, patience: int = 10**9) -> None:
        self.sent: list[dict[str, Any]] = []
        self.patience = patience
        self.more = asyncio.Event()
        self.left = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if len(self.sent) >= self.patience:
            await self.more.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def whole(self) -> bool:
        return bool(self.sent) and self.sent[-1].get("more_body") is False


class Answer:
    """A WSGI answer that remembers how far it came and whether it was closed."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.made = 0
        self.closed = threading.Event()
        self.thread = ""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.thread = threading.current_thread().name
        piece = next(self._pieces)
        self.made += 1
        return piece

    def close(self) -> None:
        self.closed.set()


@dataclass
class Pages:
    """A worker on a local socket, and the bridge that leads to it."""

    bridge: Bridge
    worker: Worker
    answers: list[Answer]
    _thread: threading.Thread

    def close(self) -> None:
        self.worker.stop.set()
        self._thread.join(10)

    async def asked(self, client: Client, path: str = "/") -> None:
        await self.bridge({**SCOPE, "path": path}, client.receive, client.send)


@contextmanager
def made(answer: Callable[[], Answer], *, long: bool, threads: int = 1) -> Iterator[Pages]:
    answers: list[Answer] = []

    def application(environ: dict[str, Any], start_response: Any) -> Answer:
        if long and environ["PATH_INFO"] == "/":
            environ[KEY] = True
        start_response("200 OK", [("Content-Type", "text/csv")])
        answers.append(answer() if environ["PATH_INFO"] == "/" else Answer(iter([b"short"])))
        return answers[-1]

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/pages")
        listener.listen()
        worker = Worker(application, listener, threads=threads)
        thread = threading.Thread(target=worker.run)
        thread.start()
        bridge = Bridge(f"{folder}/pages", body_limit=1000, trusted_proxies=())
        pages = Pages(bridge, worker, answers, thread)
        try:
            yield pages
        finally:
            pages.close()


def chunks(count: int) -> Callable[[], Answer]:
    return lambda: Answer(b"%08d" % number * 8192 for number in range(count))


def run(scenario: Any) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


@pytest.mark.parametrize("long", [False, True])
def test_an_answer_comes_whole_whoever_makes_it(long: bool) -> None:
    async def scenario(pages: Pages) -> None:
        client = Client()
        await pages.asked(client)
        assert client.sent[0] == {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/csv")],
        }
        assert client.body == b"".join(b"%08d" % number * 8192 for number in range(30))
        assert client.whole
        assert pages.answers[0].closed.wait(5)
        assert pages.answers[0].thread.startswith("long work" if long else "pages")

    with made(chunks(30), long=long) as pages:
        run(scenario(pages))


def test_long_work_waits_for_its_client_and_pages_go_on() -> None:
    async def scenario(pages: Pages) -> None:
        slow = Client(patience=2)
        task = asyncio.ensure_future(pages.asked(slow))
        await asyncio.sleep(0.5)
        assert pages.answers[0].made < 40, "no more is made than a few chunks ahead"
        page = Client()
        await pages.asked(page, "/page")
        assert page.body == b"short"
        other = Client()
        await pages.asked(other)
        assert other.whole, "a slow client keeps nobody else from an export"
        slow.more.set()
        await task
        assert (slow.whole, len(slow.body)) == (True, 200 * 65536)

    with made(chunks(200), long=True) as pages:
        run(scenario(pages))


def test_who_goes_away_ends_the_work() -> None:
    async def scenario(pages: Pages) -> None:
        client = Client()
        task = asyncio.ensure_future(pages.asked(client))
        await asyncio.sleep(0.1)
        client.left.set()
        await task
        assert await asyncio.to_thread(pages.answers[0].closed.wait, 5)
        assert pages.answers[0].made < 100_000

    with made(chunks(100_000), long=True) as pages:
        run(scenario(pages))


def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_PATIENCE_SECONDS", 0.2)

    async def scenario(pages: Pages) -> None:
        client = Client(patience=1)
        task = asyncio.ensure_future(pages.asked(client))
        assert await asyncio.to_thread(lambda: answers_wait(pages.answers))
        client.more.set()
        with pytest.raises(asyncio.IncompleteReadError):
            await task
        assert not client.whole

    with made(chunks(1000), long=True) as pages:
        run(scenario(pages))


def answers_wait(answers: list[Answer]) -> bool:
    for _ in range(500):
        if answers:
            return answers[0].closed.wait(10)
        threading.Event().wait(0.01)
    return False


def test_an_error_on_the_way_does_not_look_like_the_end() -> None:
    def broken() -> Iterator[bytes]:
        yield b"a" * 70_000
        raise RuntimeError("database gone")

    async def scenario(pages: Pages) -> None:
        client = Client()
        with pytest.raises(asyncio.IncompleteReadError):
            await pages.asked(client)
        assert client.sent[0]["status"] == 200
        assert not client.whole
        assert pages.answers[0].closed.wait(5)

    with made(lambda: Answer(broken()), long=True) as pages:
        run(scenario(pages))


def test_stopping_breaks_long_work_off() -> None:
    async def scenario(pages: Pages) -> None:
        client = Client()
        task = asyncio.ensure_future(pages.asked(client))
        await asyncio.sleep(0.1)
        pages.bridge.long_work_stop()
        with pytest.raises(InterruptedError):
            await task
        assert not client.whole
        assert await asyncio.to_thread(pages.answers[0].closed.wait, 5)
        assert pages.answers[0].made < 100_000

    with made(chunks(100_000), long=True) as pages:
        run(scenario(pages))


def test_too_much_long_work_at_once_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_LONG_WAITING", 0)

    async def scenario(pages: Pages) -> None:
        slow = [Client(patience=1) for _ in range(4)]
        tasks = [asyncio.ensure_future(pages.asked(client)) for client in slow]
        await asyncio.sleep(0.3)
        fifth = Client()
        await pages.asked(fifth)
        assert fifth.sent[0]["status"] == 503
        for client in slow:
            client.more.set()
        await asyncio.gather(*tasks)
        assert all(client.whole for client in slow)

    with made(chunks(100), long=True) as pages:
        run(scenario(pages))


def test_an_answer_that_cannot_be_closed_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_LONG_THREADS", 1)
    monkeypatch.setattr(worker_module, "_LONG_WAITING", 0)

    class Unclosable(Answer):
        def close(self) -> None:
            super().close()
            raise RuntimeError("database gone")

    async def scenario(pages: Pages) -> None:
        for _ in range(2):
            client = Client()
            await pages.asked(client)
            assert client.sent[0]["status"] == 200
            assert client.whole
            assert await asyncio.to_thread(pages.answers[-1].closed.wait, 5)
            await asyncio.sleep(0.1)

    with made(lambda: Unclosable(iter([b"a"])), long=True) as pages:
        run(scenario(pages))
