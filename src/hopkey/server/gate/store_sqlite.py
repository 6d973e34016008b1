"""The gate's reading of SQLite: plain SQL, on connections that never write."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hopkey.server.gate import rows
from hopkey.server.gate.caches import Answer
from hopkey.server.gate.head import Change, Head, News
from hopkey.server.gate.store import Listener, Unavailable
from hopkey.server.gate.wal_index import WalIndex
from hopkey.server.tokens.verify import TokenRecord

_LOG = logging.getLogger("hopkey.gate")
_BUSY_SECONDS = 1.0
_BELIEVED_SECONDS = 0.01
"""How long the WAL index is believed without asking SQLite itself: for what nobody foresaw."""
_RECORD_SQL = rows.RECORD_SQL.format(digest="?")
_OLDER_SQL = rows.OLDER_SQL.format(owner="?", key="?", limit="?", now="strftime('%Y-%m-%d %H:%M:%f', 'now')")
_TEAMS_SQL = rows.TEAMS_SQL.format(owner="?", key="?")
_GRANTS_SQL = rows.GRANTS_SQL.format(key="?")


class SqliteStore:
    """The header of the WAL index tells at once whether anything was committed; only then the head is read. What it
    says is compared with ``PRAGMA data_version``, which stands in for it where there is none, a hundred times a second.

    The connections are opened in the serving process, after any fork, and belong to the event loop, except for the
    one of the thread that builds answers.
    """

    instant = True
    looked_at = -math.inf
    _listener: Listener

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watch = _open(path)
        self._watcher = self._watch.cursor()
        self._fill = _open(path)
        # Upper levels of the index of a large token table stay at hand.
        self._fill.execute("PRAGMA cache_size = -32000").fetchall()
        self._version: int | None = None
        self._index = _wal_index(self._watch)
        self._seen = b""
        self._believed_until = -math.inf
        self._builder = ThreadPoolExecutor(1, "gate build")
        self._build: sqlite3.Connection | None = None

    def attach(self, listener: Listener) -> None:
        self._listener = listener

    def check_now(self) -> None:
        """Hand every committed change to the listener. Raises `Unavailable`. Does not wait."""
        index = self._index
        if index is None:
            self._look(b"")
            return
        header = index.header()
        if header == self._seen and time.monotonic() < self._believed_until:
            return
        was = self._seen if self._version is not None else b""
        # A header read before the look: what is committed in between, the next request looks at again.
        if self._look(header) and header == was and index.header() == was:
            _LOG.error("the WAL index did not tell of a commit; from now on every request asks SQLite itself")
            self._index = None

    def _look(self, header: bytes) -> bool:
        """Whether SQLite knows of a commit since the last look. `header` is that of before. Raises `Unavailable`."""
        applied = self._listener.applied
        try:
            version = self._watcher.execute("PRAGMA data_version").fetchall()[0][0]
            changed = version != self._version or applied is None
            news = _news(self._watch, applied) if changed else None
        except (sqlite3.Error, IndexError) as error:
            self._seen = b""
            raise Unavailable(str(error)) from None
        if news is not None:
            # An unsettled head is looked at again every time.
            self._version = None if news.unsettled else version
            self._listener.apply(news)
        self._seen = b"" if self._version is None else header
        self._believed_until = time.monotonic() + _BELIEVED_SECONDS
        return changed

    async def check(self) -> None:
        self.check_now()

    async def token(self, digest: bytes) -> tuple[Head, TokenRecord | None]:
        connection = self._fill
        try:
            connection.execute("BEGIN")
            try:
                head = _head(connection)
                row = connection.execute(_RECORD_SQL, (digest,)).fetchone()
                if row is None:
                    return head, None
                teams = [team for (team,) in connection.execute(_TEAMS_SQL, (row[6], row[0]))]
                grants = [team for (team,) in connection.execute(_GRANTS_SQL, (row[0],))] if row[4] else ()
                limit = row[rows.TOKENS_PER_USER]
                older = connection.execute(_OLDER_SQL, (row[6], row[0], limit)).fetchone()[0] if limit else 0
                return head, rows.token_record(row, _seconds, teams, grants, older)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from None

    async def answer(self, kind: str, identity: str, allowed: rows.Allowed) -> tuple[Head, Answer | None]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._builder, self._answer, kind, identity, allowed)
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from None

    def _answer(self, kind: str, identity: str, allowed: rows.Allowed) -> tuple[Head, Answer | None]:
        if self._build is None:
            self._build = _open(self._path)
        connection = self._build
        connection.execute("BEGIN")
        try:
            head = _head(connection)
            if kind == "environment":
                row = connection.execute(rows.ENVIRONMENT_SQL.format(p="?"), (identity,)).fetchone()
                if row is None or not allowed(row[0], row[1] == "team"):
                    return head, None
                return head, rows.environment_answer(identity, row)
            meta = connection.execute(rows.COLLECTION_SQL.format(p="?"), (identity,)).fetchone()
            if meta is None or not allowed(meta[1], meta[2] == "team"):
                return head, None
            folders = connection.execute(rows.FOLDERS_SQL.format(p="?"), (meta[0],)).fetchall()
            requests = connection.execute(rows.REQUESTS_SQL.format(p="?"), (meta[0],)).fetchall()
        finally:
            connection.execute("ROLLBACK")
        return head, rows.collection_answer(identity, meta, folders, requests)

    async def reach(self, record: TokenRecord) -> bytes | None:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._builder, self._reach, record)
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from None

    def _reach(self, record: TokenRecord) -> bytes | None:
        if self._build is None:
            self._build = _open(self._path)
        connection = self._build
        connection.execute("BEGIN")
        try:
            token = connection.execute(rows.REACH_SQL.format(p="?"), (record.id,)).fetchone()
            if token is None:
                return None
            lists = [
                connection.execute(statement.format(p="?"), (record.owner_id,)).fetchall()
                for statement in (rows.REACH_TEAMS_SQL, rows.REACH_COLLECTIONS_SQL, rows.REACH_ENVIRONMENTS_SQL)
            ]
        finally:
            connection.execute("ROLLBACK")
        moments = (rows.moment(_moment(token[2])), rows.moment(_moment(token[3])))
        return rows.reach_answer(record, token, moments, *lists)

    async def close(self) -> None:
        self._builder.submit(lambda: self._build.close() if self._build else None).result()
        self._builder.shutdown()
        self._watch.close()
        self._fill.close()
        if self._index is not None:
            self._index.close()


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{path}?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = 1").fetchall()
    # Read through the page cache of the system: a look-up in a large index costs no copy and no system call.
    connection.execute(f"PRAGMA mmap_size = {1 << 30}").fetchall()
    return connection


def _wal_index(connection: sqlite3.Connection) -> WalIndex | None:
    try:
        return WalIndex.of(connection)
    except sqlite3.Error:
        return None  # every request asks SQLite itself


def _head(connection: sqlite3.Connection) -> Head:
    row = connection.execute(rows.HEAD_SQL).fetchone()
    if row is None:
        raise sqlite3.OperationalError("the change head is missing")
    return Head(row[0], row[1])


def _news(connection: sqlite3.Connection, applied: Head | None) -> News:
    """Head and log in one snapshot."""
    connection.execute("BEGIN")
    try:
        rows_ = connection.execute(rows.HEAD_SQL).fetchall()
        if not rows_:
            raise sqlite3.OperationalError("the change head is missing")
        head = Head(rows_[0][0], rows_[0][1])
        changes: list[Any] = []
        if applied is not None and head != applied and head.seq - applied.seq <= 10_000:
            changes = connection.execute(
                "SELECT seq, kind, key, nonce FROM hopkey_change WHERE seq >= ? ORDER BY seq", (applied.seq,)
            ).fetchall()
        return News(head, [Change(*row) for row in changes], unsettled=rows_[0][2] is not None)
    finally:
        connection.execute("ROLLBACK")


def _seconds(text: str | None) -> float | None:
    moment = _moment(text)
    return None if moment is None else moment.timestamp()


def _moment(text: str | None) -> datetime | None:
    """Django writes UTC without a zone."""
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
