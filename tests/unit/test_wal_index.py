"""The header of the WAL index against SQLite's own word, and what happens where the two differ."""

from __future__ import annotations

import contextlib
import gc
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hopkey.server.gate import store_sqlite, wal_index
from hopkey.server.gate.head import Head, News
from hopkey.server.gate.store_sqlite import SqliteStore
from hopkey.server.gate.wal_index import WalIndex

TABLES = """
CREATE TABLE hopkey_change_head (id INTEGER PRIMARY KEY, seq INTEGER, nonce TEXT, batch_from INTEGER);
INSERT INTO hopkey_change_head VALUES (1, 1, 'a', NULL);
CREATE TABLE hopkey_change (seq INTEGER PRIMARY KEY, kind TEXT, key TEXT, nonce TEXT);
"""


def database(path: Path, mode: str = "wal") -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    connection.executescript(TABLES)
    return connection


class Listens:
    def __init__(self) -> None:
        self.applied: Head | None = None
        self.times = 0

    def apply(self, news: News) -> None:
        self.applied = None if news.unsettled else news.head
        self.times += 1


def test_any_commit_of_any_process_changes_the_header_and_reading_does_not(tmp_path: Path) -> None:
    path = tmp_path / "d"
    with contextlib.closing(database(path)) as connection, contextlib.closing(sqlite3.connect(path)) as watch:
        index = WalIndex.of(watch)
        assert index is not None
        seen = {index.header()}
        code = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
            "c.execute('UPDATE hopkey_change_head SET seq = seq + 1'); c.commit()"
        )
        for _ in range(3):
            subprocess.run([sys.executable, "-c", code, str(path)], check=True)
            assert index.header() not in seen
            seen.add(index.header())
        for number in range(300):
            connection.execute("UPDATE hopkey_change_head SET seq = ?", (number,))
            assert index.header() not in seen
            seen.add(index.header())
            if number % 100 == 50:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                seen.add(index.header())
        before = index.header()
        connection.execute("SELECT * FROM hopkey_change_head").fetchall()
        watch.execute("SELECT * FROM hopkey_change_head").fetchall()
        assert index.header() == before
    index.close()


@pytest.mark.parametrize("mode", ["delete", "truncate"])
def test_without_a_wal_sqlite_itself_is_asked_each_time(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "d"
    (tmp_path / "d-shm").write_bytes(b"\x18\xe2\x2d\x00" + bytes(32_764))  # left over: nobody writes it any more
    with contextlib.closing(database(path, mode)) as connection:
        store = SqliteStore(path)
        listener = Listens()
        store.attach(listener)
        for number in range(5):
            connection.execute("UPDATE hopkey_change_head SET seq = ?", (number,))
            store.check_now()
            assert listener.applied == Head(number, "a")


def test_every_commit_is_heard_of_by_the_next_check(tmp_path: Path) -> None:
    with contextlib.closing(database(tmp_path / "d")) as connection:
        store = SqliteStore(tmp_path / "d")
        listener = Listens()
        store.attach(listener)
        for number in range(2000):
            connection.execute("UPDATE hopkey_change_head SET seq = ?", (number,))
            store.check_now()
            store.check_now()
            assert listener.applied == Head(number, "a")
        assert listener.times == 2000, "what did not change is not read again"


def test_an_index_that_does_not_tell_is_found_out_and_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store_sqlite, "_BELIEVED_SECONDS", 0.0)
    with contextlib.closing(database(tmp_path / "d")) as connection:
        store = SqliteStore(tmp_path / "d")
        listener = Listens()
        store.attach(listener)
        store.check_now()
        stuck = store._index.header()  # type: ignore[union-attr]
        monkeypatch.setattr(WalIndex, "header", lambda _: stuck)
        store.check_now()
        assert store._index is not None
        connection.execute("UPDATE hopkey_change_head SET seq = 7")
        with caplog.at_level(logging.ERROR, "hopkey.gate"):
            store.check_now()
        assert listener.applied == Head(7, "a")
        assert store._index is None
        gc.collect()
        assert held(tmp_path / "d")
        assert "did not tell" in caplog.text
        connection.execute("UPDATE hopkey_change_head SET seq = 8")
        store.check_now()
        assert listener.applied == Head(8, "a")


def test_closing_the_store_takes_no_lock_away_from_other_connections(tmp_path: Path) -> None:
    """Of the same process: POSIX locks end with any descriptor of the file. Their own are told apart by SQLite only."""
    path = tmp_path / "d"
    with contextlib.closing(database(path)):
        store = SqliteStore(path)
        assert store._index is not None
        closed: list[str] = []
        for name in ("_watch", "_fill", "_index"):
            item = getattr(store, name)
            setattr(store, name, _Noting(item, closed, name))
        import asyncio

        asyncio.run(store.close())
        assert closed == ["_watch", "_fill", "_index"]


def held(path: Path) -> bool:
    """Whether this process holds the lock that keeps another one from emptying the WAL index (walformat, 2.3)."""
    code = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)"
    done = subprocess.run([sys.executable, "-c", code, f"{path}-shm"], capture_output=True, check=False)
    return b"BlockingIOError" in done.stderr


@pytest.mark.parametrize("fails", ["", "format", "map"])
def test_an_index_that_is_given_up_and_collected_takes_no_lock_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Else the next process to open the database empties the memory that this one reads."""
    if fails == "format":
        monkeypatch.setattr(wal_index, "_FORMAT", 1)
    elif fails == "map":
        monkeypatch.setattr(wal_index, "_map", lambda _: None)
    with contextlib.closing(database(tmp_path / "d")) as connection:
        index = WalIndex.of(connection)
        assert (index is None) == bool(fails)
        del index
        gc.collect()
        assert held(tmp_path / "d")


def test_the_index_is_the_one_that_sqlite_uses_where_the_database_is_a_link(tmp_path: Path) -> None:
    """What lies beside the link is a leftover from before the database was moved: nobody writes it any more."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "d"
    with contextlib.closing(database(path)):
        leftover = Path(f"{path}-shm").read_bytes()
    path.rename(tmp_path / "elsewhere" / "d")
    path.symlink_to(tmp_path / "elsewhere" / "d")
    Path(f"{path}-shm").write_bytes(leftover)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        store = SqliteStore(path)
        listener = Listens()
        store.attach(listener)
        for number in range(5):
            connection.execute("UPDATE hopkey_change_head SET seq = ?", (number,))
            store.check_now()
            assert listener.applied == Head(number, "a")
        assert store._index is not None


def test_a_store_is_not_closed_under_what_is_still_being_written() -> None:
    """Closing the index would take the lock of the writer in the middle of its transaction."""
    import asyncio

    from hopkey.server.config import Config
    from hopkey.server.gate.plane import Gate

    closed: list[str] = []

    class Store:
        instant = True

        def attach(self, _: object) -> None: ...

        async def close(self) -> None:
            closed.append("store")

    class Writing:
        ends = False

        def close(self) -> bool:
            return self.ends

    recorder = Writing()
    gate = Gate(Config(), Store(), recorder)  # type: ignore[arg-type]
    asyncio.run(gate.close())
    assert closed == []
    recorder.ends = True
    asyncio.run(gate.close())
    assert closed == ["store"]


class _Noting:
    def __init__(self, item: object, closed: list[str], name: str) -> None:
        self._item, self._closed, self._name = item, closed, name

    def close(self) -> None:
        self._closed.append(self._name)
        self._item.close()  # type: ignore[attr-defined]
