"""`hopkey serve` and the operators' commands as processes: start, errors, end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import make_world
from tests.support.servers import HTTP, PASSWORD, Running, Site, site


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, "sqlite") as made:
        yield made


def test_the_first_start_prints_where_it_listens_and_a_link_that_works_once(here: Site) -> None:
    running = here.serve()
    running.wait_until_said("/welcome/")
    assert running.stop() == 0
    assert f"Hopkey listens on {running.url}\n" in running.output
    link = re.search(r"/welcome/\S+", running.output)
    assert link is not None
    here.user("ana@example.com")
    again = here.serve()
    again.stop()
    assert "/welcome/" not in again.output


def test_the_data_is_private(here: Site) -> None:
    here.command("migrate")
    modes = {path.name: path.stat().st_mode & 0o077 for path in here.data_dir.iterdir()}
    assert modes["secret.key"] == modes["hopkey.sqlite3"] == 0


@pytest.mark.parametrize(
    ("flags", "environ", "text"),
    [
        (["--port", "x"], {}, "HOPKEY_PORT must be a whole number"),
        (["--port", "70000"], {}, "from 1 to 65535"),
        (["--workers", "0"], {}, "HOPKEY_WORKERS is 0"),
        ([], {"HOPKEY_LOG_LEVEL": "loud"}, "use debug, info, warning or error"),
        ([], {"HOPKEY_PUBLIC_URL": "hopkey.example.com"}, "HOPKEY_PUBLIC_URL must be"),
        ([], {"HOPKEY_TRUSTED_PROXIES": "here"}, "networks such as 10.0.0.0/8"),
        ([], {"HOPKEY_DATABASE_URL": "mysql://x"}, "must begin with postgresql://"),
        ([], {"HOPKEY_SECRET_KEY": "short"}, "shorter than 32"),
        ([], {"HOPKEY_SECRET_KEY_FILE": "/nowhere/key"}, "does not exist. Make one"),
        ([], {"HOPKEY_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "every node needs the same secret key"),
        (
            [],
            {"HOPKEY_DATABASE_URL": "postgresql://x:hunter2@127.0.0.1:1/x", "HOPKEY_SECRET_KEY": "k" * 40},
            "cannot be opened",
        ),
        ([], {"HOPKEY_DATA_DIR": "/proc/nowhere"}, "cannot be used"),
    ],
)
def test_bad_settings_are_explained(here: Site, flags: list[str], environ: dict[str, str], text: str) -> None:
    done = here.command("serve", *flags, **environ)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_a_taken_port_is_said_at_once(here: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = here.command("serve", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, "Choose another --host or --port" in done.stderr) == (2, True)
    assert not (here.data_dir / "hopkey.sqlite3").exists()


def test_another_secret_key_than_the_databases_is_refused(here: Site) -> None:
    here.command("migrate")
    done = here.command("serve", HOPKEY_SECRET_KEY="another key, long enough to be one")
    assert (done.returncode, "not the one this database was set up with" in done.stderr) == (2, True)


def test_postgresql_that_may_forget_commits_is_refused(tmp_path: Path) -> None:
    with site(tmp_path, "postgresql") as made:
        assert made.command("migrate").returncode == 0
        name = made.database_url.rsplit("/", 1)[1].split("?")[0]
        made.sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
        done = made.command("serve")
        assert (done.returncode, "synchronous_commit=off" in done.stderr) == (2, True)


def test_help_lists_every_setting(here: Site) -> None:
    from dataclasses import fields

    from hopkey.server.config import Config

    text = here.command("serve", "--help").stdout
    for item in fields(Config):
        assert item.metadata["variable"] in text


def test_sigterm_finishes_what_is_under_way(here: Site) -> None:
    """Signing in takes a while (Argon2); the answer still comes after the server was told to end."""
    world = make_world(here)
    running = world.server
    results: list[int] = []

    def slow() -> None:
        body = b"x" * 64
        with socket.create_connection(("127.0.0.1", int(running.url.rsplit(":", 1)[1]))) as link:
            link.sendall(
                b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 64\r\nConnection: close\r\n\r\n"
            )
            time.sleep(0.6)
            link.sendall(body)
            results.append(int(link.recv(4096).split(b" ")[1]))

    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.3)
    assert running.stop() == 0
    thread.join()
    assert results == [403], "the form had no CSRF token, and was answered"


def test_last_uses_are_written_before_the_server_ends(here: Site) -> None:
    world = make_world(here)
    token = here.token("ana@example.com")
    assert world.server.collection(world.collection, token["token"]).status == 200
    world.server.stop()
    assert here.sql(f"SELECT 1 FROM hopkey_token_use WHERE token_id = {token['id']} AND used_at IS NOT NULL") != []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_unknown_tokens_are_limited_valid_ones_never_and_both_leave_a_bounded_trace(
    tmp_path: Path, database: str
) -> None:
    with site(tmp_path, database) as made:
        world = make_world(made)
        token = made.token("ana@example.com")
        expired = made.token("ana@example.com")
        made.sql(f"UPDATE hopkey_token SET expires_at = '2020-01-01 00:00:00' WHERE id = {expired['id']}")
        limited = made.serve(HOPKEY_FAILED_TOKEN_LIMIT="5")
        answers = [limited.collection(world.collection, "nonsense") for _ in range(9)]
        assert [answer.status for answer in answers] == [401] * 5 + [429] * 4
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert "reason" not in answers[-1].json()
        assert limited.collection(world.collection, token["token"]).status == 200
        for _ in range(10):
            assert limited.collection(world.collection, expired["token"]).status == 401
        limited.stop()
        rows = made.sql("SELECT subject_id, address, detail FROM hopkey_audit_event WHERE event = 'token.refused'")
        details = {row[0]: json.loads(row[2]) if isinstance(row[2], str) else row[2] for row in rows}
        assert details == {
            "": {"reason": "unknown", "count": 9},
            expired["token"][4:16]: {"reason": "expired", "count": 10},
        }


def test_operators_get_json_and_errors_on_stderr(here: Site) -> None:
    made = here.admin("user", "create", "--email", "ana@example.com", "--name", "Ana")
    assert "/welcome/" in made["link"]
    here.admin("user", "create", "--email", "ed@example.com", "--name", "Ed", "--password-stdin", given=PASSWORD)
    team = here.team("Orders", "ana@example.com")
    here.admin("team", "add-member", "--team", team, "--email", "ed@example.com", "--role", "editor")
    assert [row["members"] for row in here.admin("team", "list")] == [2]
    token = here.admin(
        "token", "issue", "--user", "ed@example.com", "--label", "one", "--expires", "never", "--team", team
    )
    assert set(token) == {"token", "id", "label", "expiresOn"}
    assert token["expiresOn"] is None
    (listed,) = here.admin("token", "list", "--user", "ed@example.com")
    assert (listed["id"], listed["teams"], listed["lastUsedOn"]) == (
        token["id"],
        [{"id": team, "name": "Orders"}],
        None,
    )
    assert "token" not in listed
    here.admin("team", "remove-member", "--team", team, "--email", "ed@example.com")
    assert here.admin("user", "deactivate", "ed@example.com")["active"] is False
    assert here.admin("user", "reactivate", "ed@example.com")["active"] is True
    assert here.admin("user", "delete", "ed@example.com")["tokens"] == 1
    assert [row["email"] for row in here.admin("user", "list")] == ["ana@example.com"]
    assert here.admin("collection", "list", "--team", team) == []
    assert json.loads(here.command("check", "--json").stdout)["pending_migrations"] == 0
    for arguments, code, error in (
        (("user", "create", "--email", "ana@example.com", "--name", "A"), 1, "email_taken"),
        (("user", "create", "--email", "x", "--name", "A"), 1, "email_invalid"),
        (("user", "delete", "nobody@example.com"), 1, "user_not_found"),
        (("user", "delete", "ana@example.com"), 1, "last_owner"),
        (("team", "create", "--name", "T", "--owner", "nobody@example.com"), 1, "user_not_found"),
        (("collection", "list", "--team", "nothing"), 1, "team_not_found"),
        (("collection", "import", "/nowhere.json", "--team", team), 1, "file_unreadable"),
        (("token", "delete", "999"), 1, "token_not_found"),
        (("token", "delete", "x"), 1, "token_not_found"),
        (("token", "issue", "--user", "ana@example.com", "--label", "a", "--expires", "7"), 1, "label_too_short"),
    ):
        done = here.command("admin", *arguments, "--json")
        assert (done.returncode, done.stdout) == (code, ""), arguments
        assert json.loads(done.stderr)["error"] == error
    for arguments in ((), ("user",), ("nonsense",), ("token", "issue", "--expires", "8")):
        assert here.command("admin", *arguments).returncode == 2


def test_a_request_that_is_too_large_is_refused(here: Site) -> None:
    from tests.support.servers import HTTP

    running = here.serve("--upload-limit-mb", "1")
    answer = HTTP.request("POST", f"{running.url}/sign-in", body=b"x" * (2 << 20))
    assert answer.status == 413


def children(running: Running, name: str) -> list[int]:
    lines = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in lines.splitlines()]
    return [int(row[0]) for row in rows if row[1] == str(running.process.pid) and name in row[2]]


def alive(pids: list[int]) -> list[int]:
    def state(pid: int) -> str:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return "X"

    return [pid for pid in pids if state(pid) not in "XZ"]


def test_when_the_first_process_is_killed_all_others_end_and_the_port_and_the_lock_are_free(here: Site) -> None:
    running = here.serve("--workers", "2")
    pids = children(running, "")
    assert len(children(running, "hopkey.server.pages")) == 2
    assert len(pids) == 5, "two that serve, two for pages, one for maintenance"
    running.process.kill()
    running.process.wait()
    for _ in range(200):
        if not alive(pids):
            break
        time.sleep(0.1)
    assert alive(pids) == []
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(running.url.rsplit(":", 1)[1])))
    assert here.serve().stop() == 0


def test_a_process_for_pages_that_dies_is_started_again_and_the_gate_does_not_notice(here: Site) -> None:
    world = make_world(here)
    running = world.server
    token = here.token("ana@example.com")["token"]
    for name in ("hopkey.server.pages", "hopkey.server.maintenance"):
        (pid,) = children(running, name)
        os.kill(pid, signal.SIGKILL)
        assert running.collection(world.collection, token).status == 200
        for _ in range(200):
            if [new for new in children(running, name) if new != pid]:
                break
            time.sleep(0.1)
        else:
            raise AssertionError(f"{name} did not come back")
    assert running.get("/sign-in").status == 200, "it waited in the socket"
    assert "starting it again" in running.output
    assert running.stop() == 0


def test_a_signal_to_every_process_at_once_still_finishes_what_is_under_way(here: Site) -> None:
    """As systemd sends it."""
    running = here.serve()
    running.wait_until_said("listens")
    results: list[bytes] = []

    def slow() -> None:
        with socket.create_connection(("127.0.0.1", int(running.url.rsplit(":", 1)[1]))) as link:
            link.sendall(b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nConnection: close\r\n\r\n")
            time.sleep(0.6)
            link.sendall(b"x" * 4)
            results.append(link.recv(4096)[:12])

    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.3)
    for pid in [*children(running, ""), running.process.pid]:
        os.kill(pid, signal.SIGTERM)
    thread.join()
    assert running.process.wait(40) == 0
    assert results == [b"HTTP/1.1 403"]


def test_slow_clients_hold_no_thread_of_the_pages(here: Site) -> None:
    """Twenty that never finish their request, and twenty that do not read their answer, against two threads."""
    running = here.serve()
    port = int(running.url.rsplit(":", 1)[1])
    with contextlib.ExitStack() as stack:
        for number in range(40):
            link = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number % 2:
                link.sendall(b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nbegun")
            else:
                link.sendall(b"GET /static/ui/app.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        start = time.monotonic()
        assert running.get("/sign-in").status == 200
        assert time.monotonic() - start < 10


def test_the_log_names_no_one_time_link_and_no_token(here: Site) -> None:
    world = make_world(here)
    token = here.token("ana@example.com")["token"]
    loud = here.serve(HOPKEY_LOG_LEVEL="debug")
    for path in ("/welcome/verysecretlink", "/join/verysecretlink", f"/{token}", f"/profile?{token}"):
        for method in ("GET", "POST", "DELETE"):
            HTTP.request(method, loud.url + path, headers={"Cookie": "hopkey_session=verysecretcookie"}, redirect=False)
    loud.collection(world.collection, token)
    loud.stop()
    assert "/welcome/…" in loud.output
    for secret in ("verysecret", token, token[17:30]):
        assert secret not in loud.output


def test_hosts_that_are_not_ours_are_refused_in_one_line_of_the_log(here: Site) -> None:
    running = here.serve()
    assert running.get("/sign-in", Host="evil.example").status == 400
    running.stop()
    assert "Invalid HTTP_HOST header: 'evil.example'" in running.output
    assert "Traceback" not in running.output
