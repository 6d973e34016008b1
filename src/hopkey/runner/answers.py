"""Reading HTTP/1.1 answers (RFC 9112) from a stream, within bounds."""

from __future__ import annotations

import re
from typing import BinaryIO

from hopkey.runner.transport import CHUNK, Body, Received, TransportError

MAX_LINE = 64 * 1024
MAX_HEADERS = 1_000
_STATUS = re.compile(rb"HTTP/(\d)\.(\d) +(\d{3})(?: (.*))?", re.DOTALL)
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


def read(stream: BinaryIO, method: str) -> tuple[Received, bool]:
    """The answer to a request with `method`, and whether the connection can be used again. Raises `TransportError`."""
    while True:
        version, status, reason = _status(stream)
        headers = _headers(stream)
        if status >= 200 or status == 101:
            break
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value)
    connection = ",".join(fields.get("connection", ())).lower()
    keeps = "close" not in connection if version >= (1, 1) else "keep-alive" in connection
    body = Body(",".join(fields.get("content-encoding", ())))
    coding = ",".join(fields.get("transfer-encoding", ())).lower()
    if method == "HEAD" or status in (101, 204, 304):
        pass
    elif coding.split(",")[-1].strip() == "chunked":
        _chunks(stream, body)
    elif not coding and "content-length" in fields:
        _exactly(stream, body, _length(fields["content-length"]))
    else:
        keeps = False
        while piece := stream.read(CHUNK):
            body.add(piece)
    return Received(status, reason, headers, body.whole()), keeps and status != 101


def _status(stream: BinaryIO) -> tuple[tuple[int, int], int, str]:
    line = _line(stream)
    if line is None:
        raise TransportError("the server closed the connection without an answer", "broken")
    match = _STATUS.fullmatch(line)
    if match is None:
        raise TransportError("what came back is no HTTP answer", "broken")
    major, minor, code, reason = match.groups()
    return (int(major), int(minor)), int(code), (reason or b"").strip().decode("latin-1")


def _headers(stream: BinaryIO) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for _ in range(MAX_HEADERS + 1):
        line = _line(stream)
        if line is None:
            raise _short()
        if not line:
            return found
        text = line.decode("latin-1")
        if text[0] in " \t":  # a header that goes on: an old way to write it
            if found:
                found[-1] = (found[-1][0], f"{found[-1][1]} {text.strip()}")
            continue
        name, colon, value = text.partition(":")
        if colon and name.strip():
            found.append((name.strip(), value.strip()))
    raise TransportError(f"the answer has more than {MAX_HEADERS:,} headers", "broken")


def _chunks(stream: BinaryIO, body: Body) -> None:
    while True:
        line = _line(stream)
        if line is None:
            raise _short()
        size = line.partition(b";")[0].strip()
        if not _SIZE.fullmatch(size):
            raise TransportError("the answer is not in pieces as its Transfer-Encoding says", "broken")
        if int(size, 16) == 0:
            _headers(stream)  # what may follow the last piece
            return
        _exactly(stream, body, int(size, 16))
        if _line(stream) != b"":
            raise TransportError("the answer is not in pieces as its Transfer-Encoding says", "broken")


def _exactly(stream: BinaryIO, body: Body, size: int) -> None:
    while size:
        piece = stream.read(min(size, CHUNK))
        if not piece:
            raise _short()
        size -= len(piece)
        body.add(piece)


def _length(values: list[str]) -> int:
    given = {value.strip() for line in values for value in line.split(",")}
    if len(given) != 1 or not (text := given.pop()).isascii() or not text.isdigit():
        raise TransportError("the answer does not say how long it is", "broken")
    return int(text[:20])


def _line(stream: BinaryIO) -> bytes | None:
    """The next line without its end; None where the stream has ended."""
    line = stream.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise TransportError(f"the answer has a header longer than {MAX_LINE:,} characters", "broken")
    if not line.endswith(b"\n"):
        if line:
            raise _short()
        return None
    return line.rstrip(b"\r\n") if line.endswith(b"\r\n") else line[:-1]


def _short() -> TransportError:
    return TransportError("the answer broke off before its end", "broken")
