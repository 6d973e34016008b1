"""The promise: a request that starts after a revocation was answered is refused, on every node.

Before each answer the process applies every change committed before the request arrived; and nothing is remembered
that was read in a snapshot other than the one the process has applied (docs/architecture.md, five rules).
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from hopkey.server.gate.caches import Answer, Caches
from hopkey.server.gate.head import Head, News, steps_from
from hopkey.server.gate.rows import Allowed
from hopkey.server.gate.store import Store, Unavailable
from hopkey.server.tokens.verify import TokenRecord


class Fresh:
    """Tokens and answers as of now, from caches where these are known to be true. Belongs to the event loop."""

    def __init__(self, store: Store, caches: Caches) -> None:
        self._store = store
        self._caches = caches
        self._filling: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self.applied: Head | None = None
        store.attach(self)

    def apply(self, news: News) -> None:
        """Bring the caches to the head of `news`. Called by the store, once for each look at the log."""
        steps = steps_from(self.applied, news)
        if steps is None:
            self._caches.clear()
        else:
            self._caches.apply(steps)
        self.applied = None if news.unsettled else news.head

    async def token(self, digest: bytes) -> TokenRecord | None:
        """After the store's check: the record of the token with this digest. Raises `Unavailable`."""
        record = self._caches.tokens.get(digest)
        if record is not None:
            return record
        if digest in self._caches.unknown:
            return None
        wanted = self.applied
        head, record = await self._store.token(digest)
        _not_older(head, wanted)
        # Only what was read at the very head that is applied may be remembered: a later one is newer than the
        # evictions done so far, an earlier one older.
        if head == self.applied:
            self._caches.put_token(digest, record)
        return record

    async def token_again(self, digest: bytes) -> TokenRecord | None:
        """As `token`, from the database: for what changes without being a change of authority, such as last uses."""
        self._caches.drop_token(digest)
        return await self.token(digest)

    async def answer(self, kind: str, identity: str, allowed: Allowed) -> Answer | None:
        """After the store's check: the resource, if there is one that `allowed` lets be read. Raises `Unavailable`."""
        key = (kind, identity)
        answer = self._caches.answers.get(key)
        if answer is None:
            # One builds, the others wait and then look again: what they find was true at a head at least as new as
            # theirs.
            lock = self._filling.setdefault(key, asyncio.Lock())
            async with lock:
                answer = self._caches.answers.get(key) or await self._fill(key, allowed)
        if answer is None or not allowed(answer.workspace_id, answer.is_team):
            return None
        return answer

    async def _fill(self, key: tuple[str, str], allowed: Allowed) -> Answer | None:
        wanted = self.applied
        head, answer = await self._store.answer(*key, allowed)
        _not_older(head, wanted)
        if answer is not None and head == self.applied:
            self._caches.put_answer(key, answer)
        return answer


def _not_older(head: Head, wanted: Head | None) -> None:
    """Raises `Unavailable` for a snapshot older than the head this request must see: it came from a server that lags
    behind, such as a replica behind the same address.
    """
    if wanted is not None and head.seq < wanted.seq:
        raise Unavailable("the database lags behind itself")
