"""Real servers in processes of their own, on either database."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import urllib3

from tests.support.needs import postgresql

HOPKEY = [sys.executable, "-m", "hopkey.cli"]
PASSWORD = "correct-horse-battery"
HTTP = urllib3.PoolManager(retries=False, timeout=15, maxsize=40)


@dataclass
class Site:
    """A database with its data directory, and the processes that serve it."""

    data_dir: Path
    database_url: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    processes: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HOPKEY_", "HOPP_"))}
        self.environ = {**kept, "HOPKEY_DATA_DIR": str(self.data_dir), "PYTHONWARNINGS": "ignore", **self.environ}
        if self.database_url:
            self.environ["HOPKEY_DATABASE_URL"] = self.database_url
            self.environ["HOPKEY_SECRET_KEY"] = "k" * 48

    def command(self, *arguments: str, given: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        if arguments[:1] == ("serve",):  # where it should end before it listens: not because of somebody else's server
            environ.setdefault("HOPKEY_PORT", str(free_port()))
        return subprocess.run(
            [*HOPKEY, *arguments],
            env={**self.environ, **environ},
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def admin(self, *arguments: str, given: str | None = None) -> Any:
        done = self.command("admin", *arguments, "--json", given=given)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def user(self, email: str, *flags: str) -> dict[str, Any]:
        name = email.split("@")[0].capitalize()
        return dict(
            self.admin("user", "create", "--email", email, "--name", name, "--password-stdin", *flags, given=PASSWORD)
        )

    def team(self, name: str, owner: str) -> str:
        return str(self.admin("team", "create", "--name", name, "--owner", owner)["id"])

    def collection(self, team: str, data: Any) -> str:
        file = self.data_dir / f"import-{secrets.token_hex(4)}.json"
        file.write_text(json.dumps(data), "utf-8")
        return str(self.admin("collection", "import", str(file), "--team", team)["id"])

    def environment(self, team: str, data: Any) -> str:
        file = self.data_dir / f"import-{secrets.token_hex(4)}.json"
        file.write_text(json.dumps(data), "utf-8")
        return str(self.admin("environment", "import", str(file), "--team", team)["id"])

    def token(self, email: str, *flags: str, expires: str = "30") -> dict[str, str]:
        label = f"token {secrets.token_hex(3)}"
        return dict(self.admin("token", "issue", "--user", email, "--label", label, "--expires", expires, *flags))

    def sql(self, statement: str) -> list[Any]:
        """Raw SQL, past everything of ours."""
        if self.database_url:
            with psycopg.connect(self.database_url, autocommit=True) as connection:
                cursor = connection.execute(statement)  # type: ignore[arg-type]
                return cursor.fetchall() if cursor.description else []
        import sqlite3

        with contextlib.closing(sqlite3.connect(self.data_dir / "hopkey.sqlite3", timeout=15)) as plain, plain:
            return plain.execute(statement).fetchall()

    def serve(self, *flags: str, **environ: str) -> Running:
        port = free_port()
        # A file: a pipe that nobody reads is full one day, and a server that logs into it stands still.
        log = self.data_dir / f"serve-{port}.log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                [*HOPKEY, "serve", "--port", str(port), *flags],
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        running = Running(process, f"http://127.0.0.1:{port}", log)
        self.processes.append(running)
        running.wait_until_ready()
        return running

    def close(self) -> None:
        for running in self.processes:
            running.stop()


@dataclass
class Running:
    """One `hopkey serve`."""

    process: subprocess.Popen[Any]
    url: str
    log: Path

    @property
    def output(self) -> str:
        """What it has printed and logged so far."""
        return self.log.read_text("utf-8", "replace")

    def wait_until_said(self, text: str) -> None:
        for _ in range(600):
            if text in self.output:
                return
            time.sleep(0.05)
        raise AssertionError(f"never said {text!r}: {self.output}")

    def wait_until_ready(self) -> None:
        for _ in range(600):
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                if HTTP.request("GET", f"{self.url}/healthz").status == 200:
                    return
            assert self.process.poll() is None, self.output
            time.sleep(0.05)
        raise AssertionError("the server did not answer")

    def get(self, path: str, token: str | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        return HTTP.request("GET", self.url + path, headers=given)

    def collection(self, identity: str, token: str | None, **headers: str) -> urllib3.BaseHTTPResponse:
        return self.get(f"/v1/access-tokens/collection/{identity}", token, **headers)

    def kill(self) -> None:
        """Like a crash: no farewell to anything."""
        children = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        for pid in (str(self.process.pid), *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def site(folder: Path, database: str, **environ: str) -> Iterator[Site]:
    """A fresh site on ``sqlite`` or ``postgresql``."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(postgresql_database()) if database == "postgresql" else ""
        made = Site(folder, url, dict(environ))
        stack.callback(made.close)
        yield made


@contextlib.contextmanager
def postgresql_database() -> Iterator[str]:
    """A database of its own, dropped at the end."""
    server = postgresql()
    name = f"hopkey_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        parts = urlsplit(server)
        yield urlunsplit((parts.scheme, parts.netloc, f"/{name}", parts.query, ""))
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
