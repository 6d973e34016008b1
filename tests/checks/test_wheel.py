"""The built wheel, in an environment of its own: a command without Django, and a server with everything it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support import samples
from tests.support.servers import Running, free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_everything_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "hopkey/runner/sandbox/engine/quickjs.wasm",
        "hopkey/runner/sandbox/engine/acorn.js",
        "hopkey/runner/sandbox/js/60-pw.js",
        "hopkey/server/tokens/migrations/0001_initial.py",
        "hopkey/server/ui/static/ui/app.css",
        "hopkey/server/web/templates/web/tokens.html",
        "hopkey/py.typed",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith("tests") or name.endswith(".pyc")]


def environment(folder: Path, wheel: Path, requirements: str) -> Path:
    """A virtual environment with the wheel and its pinned dependencies; the path of its command."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / requirements)], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    return folder / "bin" / "hopkey"


def clean_environ(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HOPKEY_", "PYTHON"))}
    return {**kept, "HOME": str(folder), "HOPKEY_DATA_DIR": str(folder / "data")}


def test_the_command_alone_runs_a_collection_and_names_what_the_server_needs(wheel: Path, tmp_path: Path) -> None:
    hopkey = environment(tmp_path / "venv", wheel, "cli.txt")
    environ = clean_environ(tmp_path)
    file = tmp_path / "c.json"
    script = 'pw.test("runs", () => { pw.expect(1 + 1).toBe(2); });'
    file.write_text(json.dumps(samples.collection("C", samples.request(testScript=script))), "utf-8")
    done = subprocess.run(
        [hopkey, "test", file], env=environ, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "✔ runs" in done.stdout
    assert done.returncode == 3, "nobody listens at the address: a fault"
    assert not list((tmp_path / "venv").glob("lib/*/site-packages/django"))
    for command in ("serve", "admin", "migrate", "check"):
        refused = subprocess.run([hopkey, command], env=environ, capture_output=True, text=True, check=False)
        assert "pip install 'hopkey[server]'" in refused.stderr
        assert refused.returncode == 2


def test_the_server_serves_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    hopkey = environment(tmp_path / "venv", wheel, "server.txt")
    port = free_port()
    log = tmp_path / "serve.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [hopkey, "serve", "--port", str(port)],
            env=clean_environ(tmp_path),
            cwd=tmp_path,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    running = Running(process, f"http://127.0.0.1:{port}", log)
    try:
        running.wait_until_ready()
        running.wait_until_said("/welcome/")
        assert running.get("/sign-in").status == 200
        assert running.get("/static/ui/app.css").status == 200
        assert running.collection("c", None).status == 401
    finally:
        running.stop()
    assert "Hopkey listens on" in running.output
