"""The engine as machine code: compiled once, kept in a private cache.

Loading compiled code is running native code, so the cache is trusted only if its directory belongs to this user and
nobody else may write there; anything else is treated as no cache at all.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import stat
import threading
from pathlib import Path

import wasmtime

MISSING = (
    "The script engine is not in this installation. Install Hopkey from its wheel, or in a checkout run "
    "`pip install -e .`, which fetches it."
)


_PACKAGED = Path(__file__).parent / "engine"


class EngineMissing(Exception):
    """``quickjs.wasm`` is not where the build puts it."""


def load(cache_dir: Path | None) -> tuple[wasmtime.Engine, wasmtime.Module]:
    """The engine and its machine code: from the package, from the cache, or compiled now. Raises `EngineMissing`.

    The build compiles for the machine it runs on (hatch_build.py), so that a pipeline that starts with an empty cache
    need not: compiling takes 0.4 s, loading 5 ms.
    """
    engine = _engine()
    name = f"engine-{engine_key()}.cwasm"
    path = _PACKAGED / name
    if path.is_file():
        with contextlib.suppress(OSError, wasmtime.WasmtimeError):
            return engine, wasmtime.Module.deserialize_file(engine, str(path))
    folder = cache_dir if cache_dir is not None and _is_private(cache_dir) else None
    if folder is not None:
        with contextlib.suppress(OSError, wasmtime.WasmtimeError):
            if _is_ours(folder / name):
                return engine, wasmtime.Module.deserialize_file(engine, str(folder / name))
    module = wasmtime.Module(engine, _wasm())
    if folder is not None:
        # Beside the run, which need not wait for it; the process ends when it is written.
        threading.Thread(target=lambda: _store(folder / name, module.serialize()), name="engine cache").start()
    return engine, module


def compile_into(folder: Path) -> Path:
    """Put the machine code for this machine into `folder`, for the package. Raises `EngineMissing`."""
    path = folder / f"engine-{engine_key()}.cwasm"
    path.write_bytes(wasmtime.Module(_engine(), _wasm()).serialize())
    return path


def _engine() -> wasmtime.Engine:
    """An engine that can be interrupted by epochs and whose stack cannot outgrow the thread's."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = 2000 * 1024
    config.cranelift_opt_level = "speed"
    return wasmtime.Engine(config)


@functools.cache
def engine_key() -> str:
    """Names the engine and what its machine code depends on. Raises `EngineMissing`."""
    return _key(_wasm())


def engine_digest() -> str:
    """Names the engine alone. Raises `EngineMissing`."""
    return hashlib.sha256(_wasm()).hexdigest()


@functools.cache
def _wasm() -> bytes:
    try:
        return (_PACKAGED / "quickjs.wasm").read_bytes()
    except FileNotFoundError:
        raise EngineMissing(MISSING) from None


def packaged(name: str) -> bytes | None:
    """A file that the build has put beside the engine; None where there is none."""
    try:
        return (_PACKAGED / name).read_bytes()
    except FileNotFoundError:
        return None


def cached(cache_dir: Path | None, name: str) -> bytes | None:
    """A file of the cache, where that can be trusted; None where there is none."""
    if cache_dir is None or not _is_private(cache_dir):
        return None
    path = cache_dir / name
    with contextlib.suppress(OSError):
        if _is_ours(path):
            return path.read_bytes()
    return None


def keep(cache_dir: Path | None, name: str, data: bytes) -> None:
    """Put a file into the cache, where that can be trusted."""
    if cache_dir is not None and _is_private(cache_dir):
        _store(cache_dir / name, data)


def _key(wasm: bytes) -> str:
    """Names what the machine code depends on: the engine's bytes, the compiler's version, the processor."""
    flags = ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines():
            if line.startswith(("flags", "Features")):
                flags = line
                break
    parts = (_compiler(), platform.machine(), platform.system(), flags, "epoch")
    return hashlib.sha256(wasm + "|".join(parts).encode()).hexdigest()[:32]


def _compiler() -> str:
    """Names the installed compiler by its version, read off a folder's name: `importlib.metadata` takes its time."""
    for folder in sorted(Path(wasmtime.__file__).parent.parent.glob("wasmtime-*.dist-info")):
        return folder.name
    from importlib import metadata

    return metadata.version("wasmtime")


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


def _store(path: Path, code: bytes | bytearray) -> None:
    """Write beside and rename, so that nobody ever loads half a file; a cache that cannot be written is no error."""
    import tempfile  # a run that finds everything in place has no use for it

    with contextlib.suppress(OSError):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".engine-")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(code)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
            raise
