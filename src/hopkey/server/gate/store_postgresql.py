"""The gate's reading of PostgreSQL: one shared look at the head, and snapshots for what has to be filled in."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncConnection

from hopkey.server.gate import rows
from hopkey.server.gate.caches import Answer
from hopkey.server.gate.head import Change, Head, News
from hopkey.server.gate.head_reader import HeadReader
from hopkey.server.gate.store import Listener, Unavailable
from hopkey.server.tokens.verify import TokenRecord

PATIENCE_SECONDS = 1.0
_FILLERS = 4
_CHANGES_SQL = "SELECT seq, kind, key, nonce FROM hopkey_change WHERE seq >= %s ORDER BY seq LIMIT 10001"
_SETTLED = {"owner": "r.owner_id", "key": "r.token_id", "limit": "r.tokens_per_user"}
_TOKEN_SQL = (
    "SELECT h.seq, h.nonce, r.*, "  # noqa: S608 - of constants
    f"ARRAY({rows.TEAMS_SQL.format(**_SETTLED)}), "
    f"CASE WHEN r.restricted THEN ARRAY({rows.GRANTS_SQL.format(**_SETTLED)}) END, "
    f"CASE WHEN r.tokens_per_user > 0 THEN ({rows.OLDER_SQL.format(now='now()', **_SETTLED)}) ELSE 0 END "
    f"FROM hopkey_change_head h LEFT JOIN ({rows.RECORD_SQL.format(digest='%s')}) r ON true WHERE h.id = 1"
)
"""The head and all that is known of a token: one statement is one snapshot, and one way to the database and back."""


class PostgresqlStore:
    """`check` is shared: all requests that wait when a read is sent get its answer; one that comes later waits for
    the next read, for the one under way may have looked before it arrived.
    """

    instant = False
    _listener: Listener

    def __init__(self, url: str) -> None:
        self._url = url
        self._head: HeadReader | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._reading: list[asyncio.Future[None]] | None = None
        self._began = self.looked_at = -math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle: list[AsyncConnection[Any]] = []
        self._slots = asyncio.Semaphore(_FILLERS)

    def attach(self, listener: Listener) -> None:
        self._listener = listener

    def check_now(self) -> None:
        raise Unavailable("PostgreSQL cannot be asked without waiting")

    def check(self) -> Awaitable[None]:
        """Join the next read of the head. Raises `Unavailable` when awaited."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self._reading is None:
            self._read()
        return waiter

    async def token(self, digest: bytes) -> tuple[Head, TokenRecord | None]:
        async with self._connection() as connection:
            found = await _one(connection, _TOKEN_SQL, digest)
        if found is None:
            raise Unavailable("the change head is missing")
        seq, nonce, *row, teams, grants, older = found
        head = Head(seq, nonce)
        return head, None if row[0] is None else rows.token_record(row, _seconds, teams, grants or (), older)

    async def answer(self, kind: str, identity: str, allowed: rows.Allowed) -> tuple[Head, Answer | None]:
        async with self._snapshot() as connection:
            head = await _head(connection)
            if kind == "environment":
                row = await _one(connection, rows.ENVIRONMENT_SQL.format(p="%s"), identity)
                if row is None or not allowed(row[0], row[1] == "team"):
                    return head, None
                return head, rows.environment_answer(identity, row)
            meta = await _one(connection, rows.COLLECTION_SQL.format(p="%s"), identity)
            if meta is None or not allowed(meta[1], meta[2] == "team"):
                return head, None
            folders = await _all(connection, rows.FOLDERS_SQL.format(p="%s"), meta[0])
            requests = await _all(connection, rows.REQUESTS_SQL.format(p="%s"), meta[0])
        return head, await asyncio.to_thread(rows.collection_answer, identity, meta, folders, requests)

    async def reach(self, record: TokenRecord) -> bytes | None:
        async with self._snapshot() as connection:
            token = await _one(connection, rows.REACH_SQL.format(p="%s"), record.id)
            if token is None:
                return None
            lists = [
                await _all(connection, statement.format(p="%s"), record.owner_id)
                for statement in (rows.REACH_TEAMS_SQL, rows.REACH_COLLECTIONS_SQL, rows.REACH_ENVIRONMENTS_SQL)
            ]
        return rows.reach_answer(record, token, (rows.moment(token[2]), rows.moment(token[3])), *lists)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._drop_connections()

    def _read(self) -> None:
        """Begin the read that all who wait have joined. What follows is called back: a task would cost more."""
        self._reading, self._waiting = self._waiting, []
        self._began = time.monotonic()
        if self._head is None:
            self._task = asyncio.create_task(self._connect())
            return
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._ended, TimeoutError("no answer"))
        try:
            self._head.ask(self._answered)
        except Exception as error:  # noqa: BLE001 - as in `_ended`
            self._ended(error)

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                self._head = await HeadReader.open(self._url)
        except Exception as error:  # noqa: BLE001 - as in `_ended`
            self._ended(error)
        else:
            self._waiting = [*(self._reading or ()), *self._waiting]
            self._read()

    def _answered(self, answer: Head | Exception) -> None:
        if self._timer is not None:
            self._timer.cancel()  # what follows has a limit of its own: nothing may end this read twice
            self._timer = None
        if isinstance(answer, Exception):
            self._ended(answer)
        elif answer == self._listener.applied:
            self._ended(None)
        else:
            self._task = asyncio.create_task(self._catch_up(answer))

    async def _catch_up(self, head: Head) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                self._listener.apply(await self._news(head, self._listener.applied))
        except Exception as error:  # noqa: BLE001 - as in `_ended`
            self._ended(error)
        else:
            self._ended(None)

    def _ended(self, error: Exception | None) -> None:
        """Tell everybody who joined this read, and begin the next if somebody waits for it.

        Whatever the error is, those who wait must not wait for ever; and the connections of before are given up, for
        a dead one is found dead only when it is used.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if error is None:
            self.looked_at = self._began
        else:
            self._drop_connections()
        joined, self._reading = self._reading or (), None
        for waiter in joined:
            if not waiter.done():
                if error is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(Unavailable(str(error) or "no answer in time"))
        if self._waiting:
            self._read()

    async def _news(self, head: Head, applied: Head | None) -> News:
        if applied is None or head.seq < applied.seq or head.seq - applied.seq > 10_000:
            return News(head, ())
        async with self._connection() as connection:
            log = [Change(*item) for item in await _all(connection, _CHANGES_SQL, applied.seq)]
        if not log or log[-1].seq < head.seq:
            return News(head, ())  # pruned, or read from a server that lags behind: nothing may be believed
        # The log may have grown since: what is applied is what stands in it, and the head is its last line.
        return News(Head(log[-1].seq, log[-1].nonce), log)

    def _drop_connections(self) -> None:
        """Give up all that nobody uses, without waiting for them: a dead one would take its time."""
        reader, self._head = self._head, None
        if reader is not None:
            reader.close()
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.pgconn.finish()

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A read-only REPEATABLE READ transaction: several statements see the same. Raises `Unavailable`."""
        async with self._connection() as connection:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection
            await connection.execute("ROLLBACK")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """One of a few, for statements by themselves. Raises `Unavailable`."""
        try:
            async with asyncio.timeout(10), self._slots:
                connection = self._idle.pop() if self._idle else await _open(self._url)
                good = False
                try:
                    yield connection
                    good = True
                finally:
                    if good:
                        self._idle.append(connection)
                    else:
                        await connection.close()
        except (psycopg.Error, OSError, TimeoutError) as error:
            raise Unavailable(str(error) or "no answer in time") from None


async def _open(url: str) -> AsyncConnection[Any]:
    return await AsyncConnection.connect(url, autocommit=True, prepare_threshold=0, connect_timeout=2)


async def _one(connection: AsyncConnection[Any], sql: str, *values: Any) -> Any:
    return await (await connection.execute(sql, values)).fetchone()


async def _all(connection: AsyncConnection[Any], sql: str, *values: Any) -> list[Any]:
    return await (await connection.execute(sql, values)).fetchall()


async def _head(connection: AsyncConnection[Any]) -> Head:
    row = await _one(connection, rows.HEAD_SQL)
    if row is None:
        raise Unavailable("the change head is missing")
    return Head(row[0], row[1])


def _seconds(value: datetime | None) -> float | None:
    return value.timestamp() if value else None
