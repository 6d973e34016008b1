"""The promise, from outside: what starts after a revocation was answered is refused, by every process."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live.conftest import World, make_world
from tests.support import samples
from tests.support.servers import Running, site


@pytest.fixture(scope="module")
def second(world: World) -> Running:
    """Another server process on the same database."""
    return world.site.serve(HOPKEY_FAILED_TOKEN_LIMIT="0")


def test_no_request_started_after_the_delete_was_answered_is_served_in_thousands_of_tries(
    world: World, second: Running
) -> None:
    """Readers hammer both processes; the moment a delete is answered is noted; nothing may be served after it."""
    rounds, readers = 6, 6
    served: list[tuple[float, str]] = []
    answered: dict[str, float] = {}
    tokens = [world.site.token("ana@example.com") for _ in range(rounds)]
    tries = [0]
    for token in tokens:
        stop = threading.Event()

        def read(server: Running, text: str = token["token"], stop: threading.Event = stop) -> None:
            while not stop.is_set():
                start = time.monotonic()
                status = server.collection(world.collection, text).status
                tries[0] += 1
                assert status in (200, 401), status
                if status == 200:
                    served.append((start, text))

        with ThreadPoolExecutor(readers) as pool:
            running = [pool.submit(read, server) for server in (world.server, second) for _ in range(readers // 2)]
            time.sleep(0.3)
            world.site.admin("token", "delete", token["id"])
            answered[token["token"]] = time.monotonic()
            time.sleep(0.5)
            stop.set()
            for future in running:
                future.result()
    assert tries[0] > 2000
    assert {text for _, text in served} == {token["token"] for token in tokens}
    late = [start - answered[text] for start, text in served if start > answered[text]]
    assert late == []


RAW = {
    "token": (
        "DELETE FROM hopkey_token_use WHERE token_id = {token_id}; "
        "DELETE FROM hopkey_token_place WHERE token_id = {token_id}; DELETE FROM hopkey_token WHERE id = {token_id}",
        401,
    ),
    "cut-off": (
        "INSERT INTO hopkey_token_cutoff (token_id, workspace_id, at) VALUES ({token_id}, '{team}', '2026-01-01')",
        404,
    ),
    "expiry": ("UPDATE hopkey_token SET expires_at = '2020-01-01 00:00:00' WHERE id = {token_id}", 401),
    "restriction": ("UPDATE hopkey_token SET restricted = {true} WHERE id = {token_id}", 404),
    "owner": ("UPDATE hopkey_user SET is_active = {false} WHERE id = '{user}'", 401),
    "membership": ("DELETE FROM hopkey_membership WHERE user_id = '{user}'", 404),
    "collection": ("UPDATE hopkey_collection SET title = 'Changed' WHERE id = '{collection}'", "Changed"),
    "request": ("UPDATE hopkey_request SET title = 'Changed' WHERE root_id = '{collection}'", "Changed"),
    "request gone": ("DELETE FROM hopkey_request WHERE root_id = '{collection}'", '"requests":[]'),
    "workspace": ("UPDATE hopkey_collection SET workspace_id = '{other}' WHERE id = '{collection}'", 404),
    "environment": ("UPDATE hopkey_environment SET name = 'Changed' WHERE id = '{environment}'", "Changed"),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_sql_on_every_watched_table_is_seen_by_the_very_next_request(
    world: World, second: Running, name: str
) -> None:
    statement, expected = RAW[name]
    made = world.site
    email = f"{name.replace(' ', '-')}-{world.team[:6]}@example.com"
    user = made.user(email)["id"]
    team = made.team("Raw", email)
    other = made.team("Other", "ana@example.com")
    collection = made.collection(team, samples.collection("Raw", samples.request("One")))
    environment = made.environment(team, samples.environment("Raw"))
    token = made.token(email)
    kind, identity = ("environment", environment) if name == "environment" else ("collection", collection)
    path = f"/v1/access-tokens/{kind}/{identity}"
    for server in (world.server, second):
        assert server.get(path, token["token"]).status == 200
    is_postgresql = bool(made.database_url)
    words = {"true": "true" if is_postgresql else "1", "false": "false" if is_postgresql else "0"}
    names = {"user": user, "team": team, "other": other, "collection": collection, "environment": environment}
    for part in statement.split("; "):
        made.sql(part.format(token_id=token["id"], **names, **words))
    for server in (world.server, second):
        answer = server.get(path, token["token"])
        if isinstance(expected, int):
            assert answer.status == expected
        else:
            assert expected in answer.data.decode()


def test_a_refused_token_that_becomes_good_again_works_at_once(world: World) -> None:
    token = world.site.token("ana@example.com")
    world.site.sql(f"UPDATE hopkey_token SET expires_at = '2020-01-01' WHERE id = {token['id']}")
    assert world.server.collection(world.collection, token["token"]).status == 401
    world.site.sql(f"UPDATE hopkey_token SET expires_at = NULL WHERE id = {token['id']}")
    assert world.server.collection(world.collection, token["token"]).status == 200


def test_a_head_that_goes_back_drops_everything(world: World, second: Running) -> None:
    """As after a restore: content and head are older than what the processes remember."""
    token = world.site.token("ana@example.com")["token"]
    for server in (world.server, second):
        assert server.collection(world.collection, token).status == 200
    if world.site.database_url:
        world.site.sql("ALTER TABLE hopkey_collection DISABLE TRIGGER USER")
    else:
        world.site.sql("DROP TRIGGER hopkey_change_hopkey_collection_update")
    world.site.sql(f"UPDATE hopkey_collection SET title = 'Restored' WHERE id = '{world.collection}'")
    assert world.server.collection(world.collection, token).json()["title"] == "Outer"
    world.site.sql("UPDATE hopkey_change_head SET seq = seq - 1")
    for server in (world.server, second):
        assert server.collection(world.collection, token).json()["title"] == "Restored"
    # History diverged: the same number, another nonce.
    world.site.sql(f"UPDATE hopkey_collection SET title = 'Outer' WHERE id = '{world.collection}'")
    world.site.sql("UPDATE hopkey_change_head SET seq = seq + 1, nonce = 'another history'")
    for server in (world.server, second):
        assert server.collection(world.collection, token).json()["title"] == "Outer"
    world.site.command("migrate")
    if world.site.database_url:
        world.site.sql("ALTER TABLE hopkey_collection ENABLE TRIGGER USER")
    world.site.sql("DELETE FROM hopkey_change")


def test_several_workers_keep_the_promise(world: World) -> None:
    many = world.site.serve("--workers", "3", HOPKEY_FAILED_TOKEN_LIMIT="0")
    token = world.site.token("ana@example.com")
    for _ in range(30):
        assert many.collection(world.collection, token["token"]).status == 200
    world.site.admin("token", "delete", token["id"])
    statuses = {many.collection(world.collection, token["token"]).status for _ in range(60)}
    assert statuses == {401}
    many.stop()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_right_after_a_delete_was_answered_and_started_again_it_refuses(tmp_path: Path, database: str) -> None:
    with site(tmp_path, database) as made:
        world = make_world(made)
        token = made.token("ana@example.com")
        assert world.server.collection(world.collection, token["token"]).status == 200
        made.admin("token", "delete", token["id"])
        world.server.kill()
        again = made.serve()
        assert again.collection(world.collection, token["token"]).status == 401


def test_a_missing_change_head_stops_writes_and_answers(tmp_path: Path) -> None:
    with site(tmp_path, "sqlite") as made:
        world = make_world(made)
        token = made.token("ana@example.com")["token"]
        assert world.server.collection(world.collection, token).status == 200
        made.sql("DELETE FROM hopkey_change_head")
        answer = world.server.collection(world.collection, token)
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"
        assert "reason" not in answer.json()
        with pytest.raises(Exception, match="change head is missing"):
            made.sql("DELETE FROM hopkey_membership")


def test_a_database_that_does_not_answer_gives_503_and_never_a_guess(tmp_path: Path) -> None:
    import os
    import signal

    with site(tmp_path, "postgresql") as made:
        world = make_world(made)
        token = made.token("ana@example.com")["token"]
        assert world.server.collection(world.collection, token).status == 200
        watcher = made.sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_is_in_recovery%' "
            "AND pid <> pg_backend_pid()"
        )
        assert watcher
        os.kill(watcher[0][0], signal.SIGSTOP)
        try:
            start = time.monotonic()
            answer = world.server.collection(world.collection, token)
            assert answer.status == 503
            assert time.monotonic() - start < 5
            assert "reason" not in answer.json()
        finally:
            os.kill(watcher[0][0], signal.SIGCONT)
        assert world.server.collection(world.collection, token).status == 200


def test_a_restore_is_impossible_while_somebody_serves(tmp_path: Path) -> None:
    with site(tmp_path, "sqlite") as made:
        running = make_world(made).server
        code = (
            "import os; from hopkey.server.config import Config; from hopkey.server.preparing import exclusive_lock\n"
            "with exclusive_lock(Config.load(os.environ)): print('locked')"
        )
        import subprocess
        import sys

        def attempt() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-c", code], env=made.environ, capture_output=True, text=True, check=False
            )

        assert "is being served" in attempt().stderr
        running.stop()
        assert attempt().stdout == "locked\n"
