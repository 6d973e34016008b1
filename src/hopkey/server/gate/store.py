"""What the gate needs of a database."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from hopkey.server.gate.caches import Answer
from hopkey.server.gate.head import Head, News
from hopkey.server.gate.rows import Allowed
from hopkey.server.tokens.verify import TokenRecord


class Unavailable(Exception):
    """The database cannot say what is true now. The gate then answers 503: it never guesses."""


class Listener(Protocol):
    """Who applies what a look at the change log brings: `hopkey.server.gate.freshness.Fresh`."""

    applied: Head | None

    def apply(self, news: News) -> None: ...


class Store(Protocol):
    """One serving process's view of the database. News go to the attached listener before a check returns."""

    instant: bool
    """Whether `check_now` can be used: a check that never waits."""

    looked_at: float
    """When the last check that ended well began, by `time.monotonic`; -inf before the first, and where `instant`:
    where a check costs nothing, nothing is to be saved.
    """

    def attach(self, listener: Listener) -> None: ...

    def check_now(self) -> None:
        """`check` without waiting, where `instant`. Raises `Unavailable`."""
        ...

    def check(self) -> Awaitable[None]:
        """Hand every change committed before this call to the listener. Raises `Unavailable` when awaited."""
        ...

    async def token(self, digest: bytes) -> tuple[Head, TokenRecord | None]:
        """The record and the head of one snapshot. Raises `Unavailable`."""
        ...

    async def answer(self, kind: str, identity: str, allowed: Allowed) -> tuple[Head, Answer | None]:
        """The resource and the head of one snapshot; None where there is none that may be read.

        Raises `Unavailable`.
        """
        ...

    async def reach(self, record: TokenRecord) -> bytes | None:
        """What the token may read now, as JSON (`rows.reach_answer`); None where it is gone. Raises `Unavailable`."""
        ...

    async def close(self) -> None: ...
