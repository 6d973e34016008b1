"""What the ways of sending have in common: the answer as it came, why there is none, and certificates."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hopkey.runner.options import Connection

if TYPE_CHECKING:
    import ssl

MAX_BODY = 100 * 1024 * 1024
CHUNK = 64 * 1024

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""What the name of a header is made of (RFC 9110, 5.6.2)."""

Reason = Literal["connect", "time", "broken", "tls", "other"]


class SendError(OSError):
    """No answer came. The message says why in plain words."""


class TransportError(SendError):
    """One attempt that failed. ``reason``: no connection was made, time, it broke, TLS, or another fault."""

    def __init__(self, message: str, reason: Reason = "other") -> None:
        super().__init__(message)
        self.reason = reason


class Fields:
    """The headers of a request: in order, each name once, whatever its case."""

    def __init__(self, pairs: Any = ()) -> None:
        self._pairs: dict[str, tuple[str, str]] = {}
        for name, value in pairs:
            self.set(name, value)

    def set(self, name: str, value: str) -> None:
        self._pairs[name.lower()] = (name, value)

    def default(self, name: str, value: str) -> None:
        self._pairs.setdefault(name.lower(), (name, value))

    def get(self, name: str) -> str | None:
        pair = self._pairs.get(name.lower())
        return pair[1] if pair else None

    def discard(self, name: str) -> None:
        self._pairs.pop(name.lower(), None)

    def copy(self) -> Fields:
        return Fields(self)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._pairs

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs.values())


class Received(msgspec.Struct, frozen=True):
    """An answer: headers in order of arrival, the body decompressed."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")


class Body:
    """A body as it arrives: decompressed piece by piece, and never larger than it may be."""

    def __init__(self, encodings: str) -> None:
        names = [name.strip().lower() for name in encodings.split(",") if name.strip()]
        known = all(name in ("gzip", "x-gzip", "deflate", "identity") for name in names)
        self._steps = [_Inflated(name) for name in reversed(names) if name != "identity"] if known else []
        if len(self._steps) > 4:
            raise TransportError("the answer is compressed again and again")
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Raises `TransportError`."""
        self._through(data, 0)

    def whole(self) -> bytes:
        return b"".join(self._parts)

    def _through(self, data: bytes, step: int) -> None:
        if step == len(self._steps):
            self._size += len(data)
            if self._size > MAX_BODY:
                raise TransportError(f"the answer is larger than {MAX_BODY >> 20} MB")
            self._parts.append(data)
            return
        try:
            for piece in self._steps[step].pieces(data):
                self._through(piece, step + 1)
        except zlib.error:
            raise TransportError("the answer is not compressed as its Content-Encoding says") from None


class _Inflated:
    """One step of decompression, in pieces of bounded size: a small answer may unfold into a very large one."""

    def __init__(self, name: str) -> None:
        self._deflate = name == "deflate"
        self._stream = zlib.decompressobj(zlib.MAX_WBITS if self._deflate else 16 + zlib.MAX_WBITS)
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._stream.eof:
                if self._deflate:
                    return  # whatever follows the end belongs to nobody
                self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
                data = data.lstrip(b"\0")
                if data[:1] != b"\x1f":
                    return  # no further part: browsers do not look at what follows either
            try:
                piece = self._stream.decompress(data, CHUNK * 16)
            except zlib.error:
                if not self._deflate or self._begun:
                    raise
                # Some servers leave out the head that deflate should have.
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
                piece = self._stream.decompress(data, CHUNK * 16)
            self._begun = True
            data = self._stream.unconsumed_tail or self._stream.unused_data
            if piece:
                yield piece


def context_of(connection: Connection) -> ssl.SSLContext:
    """How certificates are judged. Raises `SendError` for files that cannot be used."""
    import ssl  # slow to load, and many runs have no use for it

    context = ssl.create_default_context()
    try:
        if connection.ca_file is not None:
            context.load_verify_locations(connection.ca_file)
        if connection.client_cert is not None:
            context.load_cert_chain(connection.client_cert, connection.client_key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(file) for file in (connection.ca_file, connection.client_cert) if file)
        raise SendError(f"the certificates cannot be used ({files}): {error}") from None
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
