"""Ways around the promise that were looked for, and are closed: what databases do beside plain writes."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import urllib3

from tests.live.conftest import World, make_world
from tests.support import samples
from tests.support.servers import HTTP, site


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with site(tmp_path_factory.mktemp("sqlite"), "sqlite") as made:
        yield make_world(made)


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with site(tmp_path_factory.mktemp("postgresql"), "postgresql") as made:
        yield make_world(made)


def served(world: World, **token: str) -> int:
    return int(world.server.collection(world.collection, token["token"]).status)


def remove(token: dict[str, str]) -> str:
    identity = token["id"]
    tables = ("use", "place")
    rows = "".join(f"DELETE FROM hopkey_token_{table} WHERE token_id = {identity}; " for table in tables)
    return f"{rows}DELETE FROM hopkey_token WHERE id = {identity}"


def test_sqlite_a_row_that_replaces_another_is_a_change_of_both(sqlite: World) -> None:
    """``REPLACE`` runs no trigger for what it deletes."""
    token = sqlite.site.token("ana@example.com")
    assert served(sqlite, **token) == 200
    sqlite.site.sql(
        "INSERT OR REPLACE INTO hopkey_token (id, public_id, digest, label, owner_id, created_at, restricted, networks) "
        f"SELECT 900001, public_id, randomblob(32), label, owner_id, created_at, restricted, networks "
        f"FROM hopkey_token WHERE id = {token['id']}"
    )
    assert served(sqlite, **token) == 401
    again = sqlite.site.token("ana@example.com")
    assert served(sqlite, **again) == 200
    other = sqlite.site.token("ana@example.com")
    sqlite.site.sql(
        "UPDATE OR REPLACE hopkey_token SET digest = "
        f"(SELECT digest FROM hopkey_token WHERE id = {again['id']}), owner_id = (SELECT id FROM hopkey_user "
        f"WHERE email = 'eve@example.com') WHERE id = {other['id']}"
    )
    assert served(sqlite, **again) == 404, "the digest is Eve's token now, who is in no team"


def test_sqlite_a_collection_replaced_by_id_is_not_served_from_memory(sqlite: World) -> None:
    token = sqlite.site.token("ana@example.com")["token"]
    identity = sqlite.site.collection(sqlite.team, samples.collection("Old", samples.request("R")))
    assert sqlite.server.collection(identity, token).json()["title"] == "Old"
    sqlite.site.sql(
        "REPLACE INTO hopkey_collection (id, workspace_id, parent_id, root_id, position, title, data, created_at) "
        "SELECT id, workspace_id, NULL, 'elsewhere', position, 'New', data, created_at FROM hopkey_collection "
        f"WHERE id = '{identity}'"
    )
    assert sqlite.server.collection(identity, token).status != 200 or (
        sqlite.server.collection(identity, token).json()["title"] == "New"
    )


def test_sqlite_a_backup_copied_back_over_the_open_database_is_believed_at_once(sqlite: World, tmp_path: Path) -> None:
    """By SQLite's own backup, which takes the locks of a writer (the documentation asks to stop the server first)."""
    token = sqlite.site.token("ana@example.com")
    database = sqlite.site.data_dir / "hopkey.sqlite3"
    with (
        contextlib.closing(sqlite3.connect(database)) as live,
        contextlib.closing(sqlite3.connect(tmp_path / "b")) as copy,
    ):
        live.backup(copy)
    later = sqlite.site.token("ana@example.com")
    sqlite.site.admin("token", "delete", token["id"])
    assert (served(sqlite, **token), served(sqlite, **later)) == (401, 200)
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "b")) as copy,
        contextlib.closing(sqlite3.connect(database)) as live,
    ):
        copy.backup(live)
    assert (served(sqlite, **token), served(sqlite, **later)) == (200, 401)


def test_sqlite_a_vacuum_and_a_checkpoint_change_nothing(sqlite: World) -> None:
    token = sqlite.site.token("ana@example.com")
    assert served(sqlite, **token) == 200
    with contextlib.closing(sqlite3.connect(sqlite.site.data_dir / "hopkey.sqlite3", isolation_level=None)) as plain:
        plain.execute("VACUUM").fetchall()
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert served(sqlite, **token) == 200
    sqlite.site.admin("token", "delete", token["id"])
    assert served(sqlite, **token) == 401


def test_sqlite_deletions_are_seen_at_once_whatever_else_happens_to_the_database(sqlite: World) -> None:
    """By one connection that is kept open, and asks strictly after each deletion; meanwhile others check the WAL in and
    empty it, open and close the database, vacuum it, want another journal mode, and die in the middle of writing.
    """
    path = str(sqlite.site.data_dir / "hopkey.sqlite3")
    tokens = [sqlite.site.token("ana@example.com") for _ in range(25)]
    stop = threading.Event()
    disturbed = dict.fromkeys(DISTURBANCES, 0)

    def disturb(name: str) -> None:
        while not stop.is_set():
            done = subprocess.run([sys.executable, "-c", DISTURBANCES[name], path], capture_output=True, check=False)
            assert done.returncode in (0, -9), done.stderr
            disturbed[name] += 1

    with ThreadPoolExecutor(len(DISTURBANCES)) as pool:
        running = [pool.submit(disturb, name) for name in DISTURBANCES]
        try:
            # A pool of its own, with one connection: what is asked is asked one after another.
            with urllib3.HTTPConnectionPool("127.0.0.1", int(sqlite.server.url.rpartition(":")[2]), maxsize=1) as one:

                def status(token: dict[str, str]) -> int:
                    path = f"/v1/access-tokens/collection/{sqlite.collection}"
                    return one.request("GET", path, headers={"Authorization": f"Bearer {token['token']}"}).status

                with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as plain:
                    for token in tokens:
                        assert status(token) == 200
                        plain.execute("BEGIN IMMEDIATE")
                        for statement in remove(token).split("; "):
                            plain.execute(statement)
                        plain.execute("COMMIT")
                        assert [status(token) for _ in range(5)] == [401] * 5
                        time.sleep(0.1)
                assert one.num_connections == 1
        finally:
            stop.set()
        for future in running:
            future.result()
    assert min(disturbed.values()) > 0, disturbed
    assert "WAL index" not in sqlite.server.output, "it told of every commit"


_OPEN = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)\n"
DISTURBANCES = {
    "checkpoints": _OPEN
    + "for m in ('PASSIVE', 'FULL', 'RESTART', 'TRUNCATE'): c.execute(f'PRAGMA wal_checkpoint({m})').fetchall()",
    "opened and closed": "import sqlite3, sys\nfor _ in range(50):\n    c = sqlite3.connect(sys.argv[1]); "
    "c.execute('SELECT * FROM hopkey_change_head').fetchall(); c.close()",
    "vacuum": _OPEN + "c.execute('VACUUM')",
    "journal mode": _OPEN + "c.execute('PRAGMA busy_timeout = 50')\n"
    "try:\n    c.execute('PRAGMA journal_mode = delete')\nexcept sqlite3.OperationalError:\n    pass\n"
    "else:\n    sys.exit(3)",
    "killed": _OPEN + "import os; c.execute('BEGIN IMMEDIATE')\n"
    "c.execute('UPDATE hopkey_user SET name = name')\nos.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize(
    "around",
    [
        "BEGIN; SET CONSTRAINTS ALL IMMEDIATE; {}; COMMIT",
        "SET session_replication_role = replica; {}",
        "BEGIN; SAVEPOINT a; {}; RELEASE a; COMMIT",
        "SET search_path = pg_catalog; {}",
    ],
)
def test_postgresql_a_deletion_is_seen_however_it_is_committed(postgresql: World, around: str) -> None:
    token = postgresql.site.token("ana@example.com")
    assert served(postgresql, **token) == 200
    statement = remove(token)
    if "search_path" in around:
        statement = statement.replace("FROM hopkey", "FROM public.hopkey")
    postgresql.site.sql(around.format(statement))
    assert served(postgresql, **token) == 401


def test_postgresql_numbers_of_transactions_in_a_restored_log_mean_nothing(postgresql: World) -> None:
    """A dump restored into another cluster brings a log whose transactions have numbers that are still to come here."""
    token = postgresql.site.token("ana@example.com")
    postgresql.site.sql(
        f"INSERT INTO hopkey_change (seq, kind, key, nonce, txid) SELECT h.seq + i, 'token', '{token['id']}', 'n' || i, "
        "txid_current() + i FROM hopkey_change_head h, generate_series(1, 200) i"
    )
    postgresql.site.sql("UPDATE hopkey_change_head SET seq = seq + 200, nonce = 'n200'")
    assert served(postgresql, **token) == 200
    postgresql.site.sql(remove(token))
    assert served(postgresql, **token) == 401


def test_postgresql_an_emptied_table_is_a_change_of_everything(tmp_path: Path) -> None:
    with site(tmp_path, "postgresql") as made:
        world = make_world(made)
        token = made.token("ana@example.com")
        assert served(world, **token) == 200
        made.sql("TRUNCATE hopkey_token CASCADE")
        assert served(world, **token) == 401


def test_postgresql_connections_that_break_are_made_anew(postgresql: World) -> None:
    """As after a restart of the database: at most 503 for a moment, never another answer, and no thread is lost."""
    token = postgresql.site.token("ana@example.com")
    assert served(postgresql, **token) == 200
    for _ in range(5):
        with psycopg.connect(postgresql.site.database_url, autocommit=True) as link:
            link.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        statuses = [served(postgresql, **token) for _ in range(3)]
        assert set(statuses) <= {200, 503}
        assert statuses[-1] == 200
        time.sleep(0.1)
    assert HTTP.request("GET", f"{postgresql.server.url}/sign-in").status == 200
    postgresql.site.sql(remove(token))
    assert served(postgresql, **token) == 401


def test_postgresql_migrating_again_takes_no_lock_that_readers_wait_for(postgresql: World) -> None:
    """A node that starts during a dump must not stop the others."""
    with psycopg.connect(postgresql.site.database_url) as dump:
        dump.execute("LOCK TABLE hopkey_token IN ACCESS SHARE MODE")
        start = time.monotonic()
        assert postgresql.site.command("migrate").returncode == 0
        assert time.monotonic() - start < 60


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_older_token_that_comes_back_pushes_a_newer_one_over_the_number_allowed(
    kind: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(kind)
    world.site.user("count@example.com")
    world.site.admin("team", "add-member", "--team", world.team, "--email", "count@example.com", "--role", "viewer")
    old, new = world.site.token("count@example.com"), world.site.token("count@example.com")
    true = "true" if world.site.database_url else "1"
    columns = "id, max_days, never_allowed, tokens_per_user, unused_days, networks, label_pattern, changed_at"
    world.site.sql(
        f"INSERT INTO hopkey_token_policy ({columns}) VALUES (1, NULL, {true}, 1, NULL, '[]', '', '2026-01-01')"
    )
    try:
        assert (served(world, **old), served(world, **new)) == (200, 401)
        world.site.sql(f"UPDATE hopkey_token SET expires_at = '2020-01-01 00:00:00' WHERE id = {old['id']}")
        assert (served(world, **old), served(world, **new)) == (401, 200)
        world.site.sql(f"UPDATE hopkey_token SET expires_at = NULL WHERE id = {old['id']}")
        assert (served(world, **new), served(world, **old)) == (401, 200)
        refused = world.server.collection(world.collection, new["token"]).json()
        assert refused["reason"] == "TOKEN_INVALID"
        assert "more tokens than its owner may have" in refused["message"]
    finally:
        world.site.sql("DELETE FROM hopkey_token_policy")
    assert (served(world, **old), served(world, **new)) == (200, 200)
