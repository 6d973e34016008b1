"""How a request goes from a serving process to the pages, and the answer back: a connection each.

There: a WSGI environment, then the body up to the end of the stream. Back: status and headers, then pieces, each with
its length in front; a piece of length 0 ends it. Pure.
"""

from __future__ import annotations

import msgspec

LENGTH = 4
"""Bytes of a length, big-endian."""
MAX_HEAD = 4 * 1024 * 1024
END = bytes(LENGTH)

Environ = dict[str, str]
Headers = list[tuple[bytes, bytes]]


class Head(msgspec.Struct, array_like=True):
    """The beginning of an answer. ``long``: it is sent while it is made, and waits for its client."""

    status: int
    headers: Headers
    long: bool = False


def environ_encode(environ: Environ) -> bytes:
    return piece(msgspec.msgpack.encode(environ))


def environ_decode(data: bytes) -> Environ:
    """Raises `msgspec.DecodeError`."""
    return msgspec.msgpack.decode(data, type=Environ)


def head_encode(head: Head) -> bytes:
    return piece(msgspec.msgpack.encode(head))


def head_decode(data: bytes) -> Head:
    """Raises `msgspec.DecodeError`."""
    return msgspec.msgpack.decode(data, type=Head)


def piece(data: bytes) -> bytes:
    return len(data).to_bytes(LENGTH, "big") + data
