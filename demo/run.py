"""`make demo`: from nothing to a team collection run with a token, then the site.

Makes (or finds) the demo's people, team, collection and environment in a data directory of its own, generates a token,
runs the collection with it through the command line, and serves the site. Ends non-zero if anything fell short.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from echo import API_KEY, start  # noqa: E402

HOPKEY = [sys.executable, "-m", "hopkey.cli"]
EMAIL, PASSWORD, TEAM = "ana@demo.example", "demo-anvil-and-rocket", "Acme demo"
BEN = "ben@demo.example"


class Short(Exception):
    """The demo fell short."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=HERE.parent / ".demo")
    parser.add_argument("--once", action="store_true", help="stop after the run")
    arguments = parser.parse_args()
    arguments.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("HOPKEY_", "HOPP_"))}
    environ["HOPKEY_DATA_DIR"] = str(arguments.data_dir.absolute())
    try:
        return demo(environ, once=arguments.once)
    except Short as error:
        print(f"\nThe demo fell short: {error}", file=sys.stderr)
        return 1


def demo(environ: dict[str, str], *, once: bool) -> int:
    step("The embedded database")
    run(environ, "migrate")
    step("People and a team")
    team = make_team(environ)
    echo = start(free_port(8091))
    target = f"http://127.0.0.1:{echo.server_address[1]}"
    step("The sample collection and its environment")
    collection = make_collection(environ, team)
    environment = make_environment(environ, team, target)
    step("The server")
    port = free_port(8080)
    server, url = serve(environ, port)
    try:
        step("A token, and the collection run with it")
        token = make_token(environ)
        command = ["test", collection, "-e", environment, "--server", url]
        print(f"  $ HOPKEY_TOKEN=hkp_... hopkey {' '.join(command)}\n", flush=True)
        # The environment's secret variable "password" takes its value from the run's own environment.
        secrets = {"HOPKEY_TOKEN": token, "password": "snark-hunter"}
        done = subprocess.run([*HOPKEY, *command], env={**environ, **secrets}, check=False)
        if done.returncode != 0:
            raise Short(f"the run ended with exit code {done.returncode}")
        if once:
            print("\nDone. `make demo` without ONCE=1 goes on to serve the site.")
            return 0
        print(f"\nOpen {url} and sign in: {EMAIL}, password {PASSWORD}")
        print(
            "Then: profile menu at the top right, Profile settings, Personal Access Tokens. Ctrl-C ends the demo.",
            flush=True,
        )
        return wait(server)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        echo.shutdown()


def make_team(environ: dict[str, str]) -> str:
    """The demo's team, with an owner and a viewer. Running again finds what is there."""
    known = {user["email"] for user in admin(environ, "user", "list")}
    for email, name in ((EMAIL, "Ana Okafor"), (BEN, "Ben Lindqvist")):
        if email not in known:
            flags = ["--administrator"] if email == EMAIL else []
            admin(
                environ, "user", "create", "--email", email, "--name", name, "--password-stdin", *flags, given=PASSWORD
            )
    for team in admin(environ, "team", "list"):
        if team["name"] == TEAM:
            return str(team["id"])
    team_id = str(admin(environ, "team", "create", "--name", TEAM, "--owner", EMAIL)["id"])
    admin(environ, "team", "add-member", "--team", team_id, "--email", BEN, "--role", "viewer")
    return team_id


def make_collection(environ: dict[str, str], team: str) -> str:
    for row in admin(environ, "collection", "list", "--team", team):
        if row["title"] == "Shop":
            return str(row["id"])
    return str(admin(environ, "collection", "import", str(HERE / "shop.json"), "--team", team)["id"])


def make_environment(environ: dict[str, str], team: str, target: str) -> str:
    """The environment for this run: its name carries the address of the echo service, which may change."""
    name = f"Demo service {target.rsplit(':', 1)[1]}"
    for row in admin(environ, "environment", "list", "--team", team):
        if row["name"] == name:
            return str(row["id"])
    values = {"baseUrl": target, "user": "ana", "apiKey": API_KEY}
    rows: list[dict[str, Any]] = [
        {"key": key, "initialValue": value, "currentValue": value, "secret": False} for key, value in values.items()
    ]
    rows.append({"key": "password", "initialValue": "", "currentValue": "", "secret": True})
    file = Path(environ["HOPKEY_DATA_DIR"]) / "environment.json"
    file.write_text(json.dumps({"v": 2, "id": "", "name": name, "variables": rows}), "utf-8")
    return str(admin(environ, "environment", "import", str(file), "--team", team)["id"])


def make_token(environ: dict[str, str]) -> str:
    """A fresh token; those of earlier runs are deleted, so that they do not pile up."""
    for token in admin(environ, "token", "list", "--user", EMAIL):
        if token["label"] == "demo run":
            admin(environ, "token", "delete", token["id"])
    made = admin(environ, "token", "issue", "--user", EMAIL, "--label", "demo run", "--expires", "30")
    return str(made["token"])


def serve(environ: dict[str, str], port: int) -> tuple[subprocess.Popen[bytes], str]:
    server = subprocess.Popen([*HOPKEY, "serve", "--port", str(port)], env=environ)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        if server.poll() is not None:
            raise Short(f"the server ended with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=1):
                return server, url
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise Short("the server did not answer within 30 s")


def wait(server: subprocess.Popen[bytes]) -> int:
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0


def admin(environ: dict[str, str], *arguments: str, given: str | None = None) -> Any:
    return json.loads(run(environ, "admin", *arguments, "--json", given=given))


def run(environ: dict[str, str], *arguments: str, given: str | None = None) -> str:
    done = subprocess.run([*HOPKEY, *arguments], env=environ, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Short(f"hopkey {' '.join(arguments[:3])}: {done.stderr.strip()}")
    return done.stdout


def free_port(wanted: int) -> int:
    """`wanted` where it is free, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Short("no free port")


def step(text: str) -> None:
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
