"""Reading the head of the change log on PostgreSQL with as little as possible in between.

One prepared statement on a connection of its own, driven by the socket: psycopg's own asyncio layer costs several times
what the query does, and this query stands before every answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ExecStatus

from hopkey.server.gate.head import Head
from hopkey.server.gate.store import Unavailable

_NAME = b"hopkey_head"
_SQL = b"SELECT seq, nonce, pg_is_in_recovery() FROM hopkey_change_head WHERE id = 1"


class HeadReader:
    """One question at a time: `ask`, then `on_answer` is called once with a `Head` or an exception."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._on_answer: Callable[[Head | Exception], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._pgconn.nonblocking = 1
        # Kept: a connection that is lost does not say any more which socket it had.
        self._socket = self._pgconn.socket
        self._lost: Exception | None = None
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def open(cls, url: str) -> HeadReader:
        """Connect and prepare. Raises `psycopg.Error`, `OSError`."""
        connection = await AsyncConnection.connect(url, autocommit=True, connect_timeout=2)
        await connection.execute(b"PREPARE " + _NAME + b" AS " + _SQL)
        return cls(connection)

    def ask(self, on_answer: Callable[[Head | Exception], None]) -> None:
        """Send the query. Raises `psycopg.Error` or `OSError` when the connection is gone."""
        if self._lost is not None:
            raise self._lost
        self._on_answer = on_answer
        self._pgconn.send_query_prepared(_NAME, None)
        self._pgconn.flush()

    def close(self) -> None:
        """End without waiting for anything."""
        self._on_answer = None
        self._loop.remove_reader(self._socket)
        self._pgconn.finish()

    def _readable(self) -> None:
        answer: Head | Exception | None = None
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    break
                answer = _head(result)
            else:
                return
        except (psycopg.Error, OSError) as error:
            answer = self._lost = error
            self._loop.remove_reader(self._socket)  # it would be readable for ever
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None and answer is not None:
            on_answer(answer)


def _head(result: Any) -> Head | Exception:
    if result.status != ExecStatus.TUPLES_OK:
        return Unavailable("the head of the change log cannot be read")
    if result.ntuples != 1:
        return Unavailable("the change head is missing")
    if result.get_value(0, 2) != b"f":
        return Unavailable("the database is in recovery")
    return Head(int(result.get_value(0, 0)), result.get_value(0, 1).decode("ascii", "replace"))
