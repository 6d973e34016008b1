"""Answers that are odd, broken, endless, or come a byte at a time."""

from __future__ import annotations

import base64
import contextlib
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator

import pytest

from hopkey.runner.building import Outgoing
from hopkey.runner.connecting import connected
from hopkey.runner.options import Connection
from hopkey.runner.results import Answer
from hopkey.runner.sending import Sender, SendError, _leaves

OK = b"HTTP/1.1 200 OK\r\n"
Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(*turns: Serve) -> Iterator[str]:
    """A server that answers its first connections with `turns`, one after another; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for turn in turns:
                with contextlib.suppress(OSError):
                    connection, _ = listening.accept()
                    with connection:
                        turn(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def asked(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    return data


def says(*pieces: bytes, wait: float = 0.0) -> Serve:
    def turn(connection: socket.socket) -> None:
        asked(connection)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(wait)

    return turn


def ask(url: str, method: str = "GET", **options: object) -> Answer:
    connection = Connection(**{"timeout": 2, **options})  # type: ignore[arg-type]
    with contextlib.closing(Sender(connection)) as sender:
        return sender.send(Outgoing(method, url, (), None))


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ((OK + b"Content-Length: 3\r\n\r\nabc",), b"abc"),
        ((OK + b"Content-Length: 3, 3\r\n\r\nabc",), b"abc"),
        ((OK + b"\r\nuntil the end",), b"until the end"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n", b"2\r\nde\r\n0\r\nX-After: 1\r\n\r\n"), b"abcde"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",), b"a"),
        ((b"HTTP/1.0 200\nContent-Length: 2\n\nab",), b"ab"),
        ((OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"packed"),), b"packed"),
        ((OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"one") + gzip.compress(b"two"),), b"onetwo"),
        ((OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"packed"),), b"packed"),
        ((OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"bare")[2:-4],), b"bare"),
        ((OK + b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(gzip.compress(b"twice")),), b"twice"),
        ((OK + b"Content-Encoding: br\r\n\r\nas it came",), b"as it came"),
        ((b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",), b""),
    ],
)
def test_answers_are_read(pieces: tuple[bytes, ...], body: bytes) -> None:
    with serving(says(*pieces, wait=0.01)) as url:
        assert ask(url).body == body


def test_headers_are_read_as_they_come() -> None:
    with serving(
        says(OK + b"X-A: 1\r\nx-a: 2\r\nX-Folded: a\r\n  b\r\nno colon\r\nX-\xff: \xfe\r\nContent-Length: 0\r\n\r\n")
    ) as url:
        headers = dict(ask(url).headers)
    assert (headers["x-a"], headers["x-folded"], headers["x-\u00ff"]) == ("1, 2", "a b", "\u00fe")


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((b"hello\r\n\r\n",), "no HTTP answer"),
        ((b"",), "without an answer"),
        ((OK + b"Content-Length: 10\r\n\r\nabc",), "broke off before its end"),
        ((OK + b"Content-Length: -1\r\n\r\nabc",), "does not say how long"),
        ((OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nabc",), "does not say how long"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",), "Transfer-Encoding"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",), "Transfer-Encoding"),
        ((OK + b"X: " + b"a" * 100_000,), "longer than"),
        ((OK + b"X: a\r\n" * 2_000,), "more than 1,000 headers"),
        ((OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",), "compressed as its"),
        ((OK + b"Content-Encoding: gzip,gzip,gzip,gzip,gzip\r\n\r\n",), "again and again"),
        (
            (b"HTTP/1.1 302 Found\r\nLocation: http://[bad\r\nContent-Length: 0\r\n\r\n",),
            "no address that could be asked",
        ),
        (
            (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",),
            "no address that could",
        ),
    ],
)
def test_broken_answers_are_explained(pieces: tuple[bytes, ...], words: str) -> None:
    with serving(says(*pieces)) as url, pytest.raises(SendError, match=words):
        ask(url)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nX: " + b"a"] + [b"a"] * 60,
        [OK + b"Content-Length: 100\r\n\r\n"] + [b"a"] * 60,
        [OK + b"Transfer-Encoding: chunked\r\n\r\n"] + [b"1\r\na\r\n"] * 60,
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * 60,
    ],
)
def test_an_answer_a_byte_at_a_time_ends_with_the_time_out(pieces: list[bytes]) -> None:
    start = time.monotonic()
    with serving(says(*pieces, wait=0.1)) as url, pytest.raises(SendError, match="in time"):
        ask(url)
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("layers", [1, 2])
def test_an_answer_that_unfolds_without_end_is_cut_off(layers: int) -> None:
    packed = b"\0" * (120 << 20)
    for _ in range(layers):
        packed = gzip.compress(packed, 1)
    head = OK + f"Content-Encoding: {', '.join(['gzip'] * layers)}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with serving(says(head + packed)) as url, pytest.raises(SendError, match="larger than 100 MB"):
        ask(url, "GET")


def test_connections_are_kept_and_one_that_was_closed_is_made_anew() -> None:
    answer = OK + b"Content-Length: 1\r\n\r\n"

    def twice(connection: socket.socket) -> None:
        for number in (b"1", b"2"):
            asked(connection)
            connection.sendall(answer + number)

    with serving(twice, says(answer + b"3")) as url, contextlib.closing(Sender(Connection(timeout=2))) as sender:
        bodies = []
        for _ in range(3):
            bodies.append(sender.send(Outgoing("GET", url, (), None)).body)
            time.sleep(0.05)
    assert bodies == [b"1", b"2", b"3"]


def test_a_connection_that_dies_under_a_request_is_tried_anew_only_where_that_does_no_harm() -> None:
    answer = OK + b"Content-Length: 1\r\n\r\n"

    def dies(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(answer + b"1")
        asked(connection)  # and closes without a word

    for method, works in (("GET", True), ("POST", False)):
        with serving(dies, says(answer + b"2")) as url, contextlib.closing(Sender(Connection(timeout=2))) as sender:
            assert sender.send(Outgoing("GET", url, (), None)).body == b"1"
            if works:
                assert sender.send(Outgoing(method, url, (), None)).body == b"2"
            else:
                with pytest.raises(SendError, match="without an answer"):
                    sender.send(Outgoing(method, url, (), None))


def test_what_comes_unasked_is_no_answer_to_the_next_request() -> None:
    answer = OK + b"Content-Length: 1\r\n\r\n"
    smuggled = OK + b"Content-Length: 4\r\n\r\nevil"
    with (
        serving(says(answer + b"1", smuggled, wait=0.1), says(answer + b"2")) as url,
        contextlib.closing(Sender(Connection(timeout=2))) as sender,
    ):
        assert sender.send(Outgoing("GET", url, (), None)).body == b"1"
        time.sleep(0.3)
        assert sender.send(Outgoing("GET", url, (), None)).body == b"2"


def test_an_own_key_stays_with_the_host_it_was_for() -> None:
    seen: list[bytes] = []

    def tells(connection: socket.socket) -> None:
        seen.append(asked(connection))
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with serving(tells) as other:
        away = b"HTTP/1.1 302 Found\r\nLocation: " + other.encode() + b"\r\nContent-Length: 0\r\n\r\n"
        with serving(says(away)) as url, contextlib.closing(Sender(Connection(timeout=2))) as sender:
            auth = {"authType": "api-key", "authActive": True, "key": "X-Mine", "value": "v", "addTo": "HEADERS"}
            headers = (("X-Mine", "v"), ("X-Other", "o"), ("Authorization", "a"), ("Cookie", "c=1"), ("Host", "h.test"))
            sender.send(Outgoing("GET", url, headers, None, auth))
    text = seen[0].decode().lower()
    assert "x-other: o" in text
    assert [word for word in ("x-mine", "authorization", "cookie", "h.test") if word in text] == []


def test_a_proxy_of_another_kind_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://user:secret@127.0.0.1:1")
    with pytest.raises(SendError, match="socks5") as caught:
        ask("http://h.test/")
    assert "secret" not in str(caught.value)


def asks(
    url: str, times: int, method: str = "GET", body: bytes | None = None, **headers: str
) -> list[tuple[int, bytes]]:
    with contextlib.closing(Sender(Connection(timeout=3))) as sender:
        answers = [sender.send(Outgoing(method, url, tuple(headers.items()), body)) for _ in range(times)]
    return [(answer.status, answer.body) for answer in answers]


@pytest.mark.parametrize("rest", [b"EVIL", OK + b"Content-Le", OK + b"Content-Length: 4\r\n\r\nevil"])
def test_what_follows_an_answer_in_one_piece_never_becomes_the_next_answer(rest: bytes) -> None:
    def more_than_was_asked(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(OK + b"Content-Length: 5\r\n\r\nfirst" + rest)
        asked(connection)
        connection.sendall(b"ngth: 4\r\n\r\nevil")

    with serving(more_than_was_asked, says(OK + b"Content-Length: 6\r\n\r\nsecond")) as url:
        assert asks(url, 2) == [(200, b"first"), (200, b"second")]


def test_the_refusal_of_a_large_body_is_an_answer() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig")
        time.sleep(0.1)

    with serving(refuse) as url:
        assert asks(url, 1, "POST", b"x" * 20_000_000) == [(413, b"big")]


def test_a_length_written_by_hand_spoils_no_other_request() -> None:
    first = says(OK + b"Content-Length: 3\r\n\r\none")
    with serving(first, says(OK + b"Content-Length: 3\r\n\r\ntwo")) as url:
        answers = asks(url, 2, "POST", b"hello", **{"Content-Length": "3"})
    assert answers == [(200, b"one"), (200, b"two")]


def test_what_follows_a_compressed_body_is_left_out() -> None:
    with serving(says(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"packed") + b"garbage")) as url:
        assert ask(url).body == b"packed"


def test_a_redirect_written_in_utf_8_leads_to_what_was_meant() -> None:
    target = "Location: /caf\u00e9 \u2713\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    lines: list[bytes] = []

    def arrive(connection: socket.socket) -> None:
        lines.append(asked(connection).split(b"\r\n")[0])
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with serving(says(b"HTTP/1.1 302 Found\r\n" + target), arrive) as url:
        assert ask(url).status == 200
    assert lines == [b"GET /caf%C3%A9%20%E2%9C%93 HTTP/1.1"]


@pytest.mark.parametrize(
    ("one", "two", "leaves"),
    [
        ("http://a/", "http://a:80/x", False),
        ("https://a:443/", "https://a/", False),
        ("http://a/", "https://a/", False),
        ("https://a/", "http://a/", True),
        ("http://a/", "http://a:8080/", True),
        ("http://a/", "http://b/", True),
    ],
)
def test_secrets_leave_with_the_host_or_port_only(one: str, two: str, leaves: bool) -> None:
    assert _leaves(one, two) is leaves


def test_an_address_that_says_nothing_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_server(("127.0.0.2", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        places = [(*kind, full.getsockname()), (*kind, there.getsockname())]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: places)
        start = time.monotonic()
        connected("two.example", 80, start + 1, None).close()
        assert 0.3 < time.monotonic() - start < 0.9
        for one in waiting:
            one.close()


def test_name_and_password_of_a_proxy_are_decoded() -> None:
    lines: list[bytes] = []

    def proxy(connection: socket.socket) -> None:
        lines.extend(asked(connection).split(b"\r\n"))
        connection.sendall(OK + b"Content-Length: 0\r\n\r\n")

    with serving(proxy) as url:
        address = url.replace("http://", "http://us%40er:p%3Aw%C3%BC@").rstrip("/")
        assert ask("http://example.test/", proxy=address).status == 200
    pair = base64.b64encode("us@er:p:w\u00fc".encode())
    assert b"proxy-authorization: basic " + pair.lower() in [line.lower() for line in lines]


def through(proxy: Serve, timeout: float = 2) -> Answer:
    """The answer that comes through this proxy."""
    with serving(proxy) as url:
        return ask("http://example.test/", proxy=url.rstrip("/"), timeout=timeout)


CHUNKED = (b"5\r\nhello\r\n", b"6\r\n world\r\n", b"0\r\n\r\n")


def test_answers_through_a_proxy_arrive_whole() -> None:
    body = b"x" * 300_000
    assert through(says(OK + b"Content-Length: 300000\r\n\r\n", body[:1000], body[1000:])).body == body
    assert through(says(OK + b"Transfer-Encoding: chunked\r\n\r\n", *CHUNKED)).body == b"hello world"
    assert through(says(OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(body))).body == body
    assert through(says(OK + b"\r\n", b"until ", b"the end")).body == b"until the end"
    with pytest.raises(SendError, match="broke off"):
        through(says(OK + b"Content-Length: 300000\r\n\r\n", body[:1000]))
    with pytest.raises(SendError):
        through(says(OK + b"Transfer-Encoding: chunked\r\n\r\n", *CHUNKED[:1]))


@pytest.mark.parametrize("kind", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
def test_an_answer_through_a_proxy_that_comes_a_byte_at_a_time_ends_in_time(kind: bytes) -> None:
    piece = b"x" if b"Length" in kind else b"1\r\nx\r\n"
    start = time.monotonic()
    with pytest.raises(SendError, match="did not answer in time"):
        through(says(OK + kind + b"\r\n\r\n", *[piece] * 1000, wait=0.05), timeout=0.5)
    assert time.monotonic() - start < 3
