"""The script engine of a run, started when the first script needs it: most of its cost is loading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hopkey.runner.sandbox import Host, Limits, Outcome, Script, ScriptError

if TYPE_CHECKING:
    from hopkey.runner.sandbox.sandbox import Sandbox


class ScriptRunner:
    """Runs scripts one after another in the sandbox. For one thread."""

    def __init__(self, *, host: Host, limits: Limits, cache_dir: Path | None, legacy: bool) -> None:
        self._host = host
        self._limits = limits
        self._cache_dir = cache_dir
        self._legacy = legacy
        self._sandbox: Sandbox | None = None
        self._broken_off = False

    def run(self, script: Script) -> Outcome:
        """Raises `ScriptError`."""
        if self._sandbox is None:
            # Imported here: wasmtime costs more than everything else together, and many runs have no scripts.
            from hopkey.runner.sandbox.compiled import EngineMissing
            from hopkey.runner.sandbox.sandbox import Sandbox

            try:
                self._sandbox = Sandbox(
                    host=self._host,
                    limits=self._limits,
                    cache_dir=self._cache_dir,
                    legacy=self._legacy,
                )
            except EngineMissing as error:
                raise ScriptError("engine", str(error), script.name) from None
        if self._broken_off:
            self._sandbox.break_off()
        return self._sandbox.run(script)

    def break_off(self) -> None:
        """Stop the script that runs, and every later one, from another thread."""
        self._broken_off = True
        if self._sandbox is not None:
            self._sandbox.break_off()

    def close(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
