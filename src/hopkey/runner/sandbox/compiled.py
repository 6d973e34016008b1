"""The engine as machine code: compiled once, kept in a private cache.

Loading compiled code is running native code, so the cache is trusted only if its directory belongs to this user and
nobody else may write there; anything else is treated as no cache at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import stat
import tempfile
from importlib import metadata, resources
from pathlib import Path

import wasmtime

MISSING = (
    "The script engine is not in this installation. Install Hopkey from its wheel, or in a checkout run "
    "`pip install -e .`, which fetches it."
)


class EngineMissing(Exception):
    """``quickjs.wasm`` is not where the build puts it."""


def engine_make() -> wasmtime.Engine:
    """An engine that can be interrupted by epochs and whose stack cannot outgrow the thread's."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = 2000 * 1024
    config.cranelift_opt_level = "speed"
    return wasmtime.Engine(config)


def module_load(engine: wasmtime.Engine, cache_dir: Path | None) -> wasmtime.Module:
    """The compiled engine, from the cache where that can be trusted. Raises `EngineMissing`."""
    file = resources.files("hopkey.runner.sandbox.engine").joinpath("quickjs.wasm")
    try:
        wasm = file.read_bytes()
    except FileNotFoundError:
        raise EngineMissing(MISSING) from None
    path = None
    if cache_dir is not None and _is_private(cache_dir):
        path = cache_dir / f"engine-{_key(wasm)}.cwasm"
        with contextlib.suppress(OSError, wasmtime.WasmtimeError):
            if _is_ours(path):
                return wasmtime.Module.deserialize_file(engine, str(path))
    module = wasmtime.Module(engine, wasm)
    if path is not None:
        _store(path, bytes(module.serialize()))
    return module


def _key(wasm: bytes) -> str:
    """Names what the machine code depends on: the engine's bytes, the compiler's version, the processor."""
    flags = ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines():
            if line.startswith(("flags", "Features")):
                flags = line
                break
    parts = (metadata.version("wasmtime"), platform.machine(), platform.system(), flags, "epoch,speed")
    return hashlib.sha256(wasm + "|".join(parts).encode()).hexdigest()[:32]


def _is_private(folder: Path) -> bool:
    """Whether the folder exists (made here if need be, mode 0700) and only this user can write to it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = os.lstat(folder)
    except OSError:
        return False
    return _owned(state) and stat.S_ISDIR(state.st_mode)


def _is_ours(path: Path) -> bool:
    state = os.lstat(path)
    return _owned(state) and stat.S_ISREG(state.st_mode)


def _owned(state: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return True
    return state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _store(path: Path, code: bytes) -> None:
    """Write beside and rename, so that nobody ever loads half a file; a cache that cannot be written is no error."""
    with contextlib.suppress(OSError):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".engine-")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(code)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
            raise
