"""Django behind the bridge: answers are whole, and long work is sent while it is made, by threads of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hopkey.server import bridge
from hopkey.server.bridge import Bridge
from hopkey.server.long_work import KEY

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


def made(answer: Callable[[], Answer], *, long: bool, threads: int = 1) -> tuple[Bridge, list[Answer]]:
    answers: list[Answer] = []

    def application(environ: dict[str, Any], start_response: Any) -> Answer:
        if long and environ["PATH_INFO"] == "/":
            environ[KEY] = True
        start_response("200 OK", [("Content-Type", "text/csv")])
        answers.append(answer() if environ["PATH_INFO"] == "/" else Answer(iter([b"short"])))
        return answers[-1]

    return Bridge(application, threads=threads, body_limit=1000, trusted_proxies=()), answers


def chunks(count: int) -> Callable[[], Answer]:
    return lambda: Answer(b"%08d" % number * 8192 for number in range(count))


def run(scenario: Any) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


@pytest.mark.parametrize("long", [False, True])
def test_an_answer_comes_whole_whoever_makes_it(long: bool) -> None:
    async def scenario() -> None:
        bridge_, answers = made(chunks(30), long=long)
        client = Client()
        await bridge_(SCOPE, client.receive, client.send)
        assert client.sent[0] == {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/csv")],
        }
        assert client.body == b"".join(b"%08d" % number * 8192 for number in range(30))
        assert client.whole
        assert answers[0].closed.is_set()
        assert answers[0].thread.startswith("long work" if long else "pages")
        bridge_.close()

    run(scenario())


def test_long_work_waits_for_its_client_and_pages_go_on() -> None:
    async def scenario() -> None:
        bridge_, answers = made(chunks(200), long=True)
        slow = Client(patience=2)
        task = asyncio.ensure_future(bridge_(SCOPE, slow.receive, slow.send))
        await asyncio.sleep(0.3)
        assert answers[0].made < 20, "no more is made than a few chunks ahead"
        page = Client()
        await bridge_({**SCOPE, "path": "/page"}, page.receive, page.send)
        assert page.body == b"short"
        other = Client()
        await bridge_(SCOPE, other.receive, other.send)
        assert other.whole, "a slow client keeps nobody else from an export"
        slow.more.set()
        await task
        assert (slow.whole, len(slow.body)) == (True, 200 * 65536)
        bridge_.close()

    run(scenario())


def test_who_goes_away_ends_the_work() -> None:
    async def scenario() -> None:
        bridge_, answers = made(chunks(100_000), long=True)
        client = Client()
        task = asyncio.ensure_future(bridge_(SCOPE, client.receive, client.send))
        await asyncio.sleep(0.1)
        client.left.set()
        await task
        assert answers[0].closed.is_set()
        assert answers[0].made < 100_000
        bridge_.close()

    run(scenario())


def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_PATIENCE_SECONDS", 0.1)

    async def scenario() -> None:
        bridge_, answers = made(chunks(1000), long=True)
        client = Client(patience=1)
        task = asyncio.ensure_future(bridge_(SCOPE, client.receive, client.send))
        assert await asyncio.to_thread(lambda: answers_wait(answers))
        client.more.set()
        with pytest.raises(TimeoutError):
            await task
        assert not client.whole
        bridge_.close()

    run(scenario())


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

    async def scenario() -> None:
        bridge_, answers = made(lambda: Answer(broken()), long=True)
        client = Client()
        with pytest.raises(RuntimeError):
            await bridge_(SCOPE, client.receive, client.send)
        assert client.sent[0]["status"] == 200
        assert not client.whole
        assert answers[0].closed.is_set()
        bridge_.close()

    run(scenario())


def test_closing_breaks_long_work_off() -> None:
    async def scenario() -> None:
        bridge_, answers = made(chunks(100_000), long=True)
        client = Client()
        task = asyncio.ensure_future(bridge_(SCOPE, client.receive, client.send))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(bridge_.close)
        with pytest.raises(InterruptedError):
            await task
        assert not client.whole
        assert answers[0].closed.is_set()
        assert answers[0].made < 100_000

    run(scenario())
