"""The script engine of a run, started when the first script needs it: most of its cost is loading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hopkey.runner.sandbox import Limits, Outcome, Script, ScriptError
from hopkey.runner.variables import Entry

if TYPE_CHECKING:
    from hopkey.runner.sandbox.sandbox import Sandbox


class ScriptRunner:
    """Runs scripts one after another in the sandbox."""

    def __init__(self, *, limits: Limits, cache_dir: Path | None, predefined: Callable[[str], str | None]) -> None:
        self._limits = limits
        self._cache_dir = cache_dir
        self._predefined = predefined
        self._sandbox: Sandbox | None = None

    def run(self, script: Script, *, selected: Sequence[Entry], global_: Sequence[Entry]) -> Outcome:
        """Raises `ScriptError`."""
        if self._sandbox is None:
            # Imported here: wasmtime costs more than everything else together, and many runs have no scripts.
            from hopkey.runner.sandbox.compiled import EngineMissing
            from hopkey.runner.sandbox.sandbox import Sandbox

            try:
                self._sandbox = Sandbox(limits=self._limits, predefined=self._predefined, cache_dir=self._cache_dir)
            except EngineMissing as error:
                raise ScriptError("engine", str(error), script.name) from None
        return self._sandbox.run(replace(script, selected=selected, global_=global_))

    def close(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
