"""The script sandbox: each script in a fresh engine, with limits, and no way out but what the host offers."""

from __future__ import annotations

import heapq
import json
import os
import threading
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from hopkey.runner.sandbox.compiled import engine_make, module_load
from hopkey.runner.sandbox.machine import PAGE, JavaScriptError, Machine, Snapshot, Trap
from hopkey.runner.sandbox.types import (
    Expectation,
    Fetch,
    FetchRequest,
    Limits,
    Outcome,
    Script,
    ScriptError,
    TestBlock,
)

_TICK_SECONDS = 0.02
_ENTRY_POINTS = ("__begin", "__drain", "__settle", "__finish")
_STRICT = '"use strict";'
_MODULE_BYTES = 5 * 1024 * 1024


class Sandbox:
    """Runs scripts one after another. For one thread; `close` when done.

    ``predefined`` answers the ``<<$name>>`` variables (None for an unknown name); ``fetch`` brings modules that scripts
    import, None forbids imports. Making a sandbox compiles or loads the engine and lays down the snapshot from which
    every script starts.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        predefined: Callable[[str], str | None],
        fetch: Fetch | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._predefined = predefined
        self._fetch = fetch
        self._engine = engine_make()
        self._module = module_load(self._engine, cache_dir)
        self._maximum_pages = (self._limits.memory_bytes * 2 + (32 << 20)) // PAGE
        self._module_error: str | None = None
        self._modules: dict[str, str] = {}
        self._closed = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="script clock", daemon=True)
        self._ticker.start()
        self._snapshot = self._lay_down()

    def close(self) -> None:
        """Stop the clock. The sandbox is not used afterwards."""
        self._closed.set()
        self._ticker.join()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, script: Script) -> Outcome:
        """Run one script to its end, timers and promises included. Raises `ScriptError`."""
        deadline = time.monotonic() + self._limits.seconds
        self._module_error = None
        machine = self._machine(self._snapshot, ticks=int(self._limits.seconds / _TICK_SECONDS) + 1)
        functions = self._snapshot.functions
        try:
            machine.invoke(functions["__begin"], machine.new_text(self._input(script)))
            machine.run_jobs()
            self._serve(machine, deadline)
            result = json.loads(machine.text_of(machine.invoke(functions["__finish"])))
        except Trap as trap:
            raise self._trapped(trap, script) from None
        except JavaScriptError as error:
            raise self._thrown(json.loads(error.text), script, ()) from None
        console = tuple((level, text) for level, text in result["console"])
        if result["failure"] is not None:
            raise self._thrown(result["failure"], script, console)
        if result["stuck"]:
            message = "Script execution failed: it awaits something that never settles"
            raise ScriptError("runtime", message, script.name, console)
        return Outcome(
            selected=tuple(result["selected"]),
            global_=tuple(result["global"]),
            request=dict(script.request),
            tests=tuple(_block(item) for item in result["tests"]),
            console=console,
        )

    def _input(self, script: Script) -> str:
        response: dict[str, Any] | None = None
        if script.response is not None:
            answer = script.response
            response = {
                "status": answer.status,
                "body": _body_value(answer.body),
                "headers": [{"key": key, "value": value} for key, value in answer.headers],
            }
        seed = os.urandom(16)
        return json.dumps(
            {
                "phase": script.phase,
                "source": script.source,
                "selected": list(script.selected),
                "global": list(script.global_),
                "response": response,
                "seed": [str(int.from_bytes(seed[:8])), str(int.from_bytes(seed[8:]))],
                "limits": {
                    "output": self._limits.output_characters,
                    "results": self._limits.results,
                    "pending": self._limits.pending,
                },
            }
        )

    def _serve(self, machine: Machine, deadline: float) -> None:
        """Do what the script asks for, in the order it falls due, until nothing is left."""
        functions = self._snapshot.functions
        due: list[tuple[float, int]] = []
        cancelled: set[int] = set()
        while True:
            operations, waiting = json.loads(machine.text_of(machine.invoke(functions["__drain"])))
            now = time.monotonic()
            for identity, kind, argument in operations:
                if kind == "timer":
                    heapq.heappush(due, (now + argument / 1000, identity))
                else:
                    cancelled.add(identity)
            while due and due[0][1] in cancelled:
                heapq.heappop(due)
            if not due or not waiting:
                return
            moment, identity = heapq.heappop(due)
            if moment > deadline:
                raise Trap("timeout", "out of time")
            time.sleep(max(0.0, moment - time.monotonic()))
            machine.invoke(functions["__settle"], machine.new_text(json.dumps([identity, True, True])))
            machine.run_jobs()

    def _lay_down(self) -> Snapshot:
        machine = self._machine(None, ticks=1 << 40)
        machine.set_limits(self._limits.memory_bytes, self._limits.stack_bytes)
        machine.add_host_call("__host")
        machine.enable_modules()
        machine.evaluate(_prelude(), "<prelude>")
        snapshot = machine.snapshot(_ENTRY_POINTS)
        # The script finds none of the entry points: their addresses are known to the host alone.
        machine.evaluate("".join(f"delete globalThis.{name};" for name in (*_ENTRY_POINTS, "__host")), "<prelude>")
        clean = machine.snapshot(())
        return Snapshot(clean.pages, clean.chunks, clean.runtime, clean.context, snapshot.functions)

    def _machine(self, snapshot: Snapshot | None, *, ticks: int) -> Machine:
        return Machine(
            self._engine,
            self._module,
            maximum_pages=self._maximum_pages,
            host_call=self._host_call,
            module_source=self._module_source,
            snapshot=snapshot,
            deadline_ticks=ticks,
        )

    def _host_call(self, operation: str, argument: str) -> str:
        return json.dumps(self._predefined(argument) if operation == "predefined" else None)

    def _module_source(self, base: str, name: str) -> str:
        """Resolve a module's name (given its importer) or, with base ``load``, bring its source."""
        if base != "load":
            return urljoin(base, name) if urlsplit(base).scheme in ("http", "https") else name
        if name not in self._modules:
            self._modules[name] = self._module_fetch(name)
        return self._modules[name]

    def _module_fetch(self, url: str) -> str:
        def refuse(reason: str) -> str:
            self._module_error = f"Cannot import {url}: {reason}"
            return f"throw new Error({json.dumps(self._module_error)})"

        if urlsplit(url).scheme not in ("http", "https"):
            return refuse("only http and https addresses can be imported")
        if self._fetch is None:
            return refuse("imports are switched off")
        try:
            answer = self._fetch(FetchRequest("GET", url))
        except OSError as error:
            return refuse(str(error) or "no answer")
        if answer.status != 200:
            return refuse(f"the server answered {answer.status}")
        if len(answer.body) > _MODULE_BYTES:
            return refuse("the module is larger than 5 MB")
        return answer.body.decode("utf-8", "replace")

    def _trapped(self, trap: Trap, script: Script) -> ScriptError:
        if trap.kind == "timeout":
            message = f"Script execution failed: not finished after {self._limits.seconds:g} s"
            return ScriptError("timeout", message, script.name)
        return ScriptError(
            "memory" if trap.kind == "memory" else "engine", f"Script execution failed: {trap}", script.name
        )

    def _thrown(self, error: dict[str, Any], script: Script, console: tuple[tuple[str, str], ...]) -> ScriptError:
        name, message = str(error.get("name", "Error")), str(error.get("message", ""))
        if name == "LimitError":
            return ScriptError("output", f"Script execution failed: {message}", script.name, console)
        if name == "InternalError" and "out of memory" in message:
            megabytes = self._limits.memory_bytes // (1024 * 1024)
            text = f"Script execution failed: more than {megabytes} MB of memory"
            return ScriptError("memory", text, script.name, console)
        kind = "syntax" if error.get("syntax") else "runtime"
        place = _place(str(error.get("stack", "")))
        text = f"{name}: [Hopkey] Script failed to parse: {message}" if kind == "syntax" else f"{name}: {message}"
        return ScriptError(
            "syntax" if kind == "syntax" else "runtime",
            f"Script execution failed: {text}" + (place if kind == "syntax" else ""),
            script.name,
            console,
        )

    def _tick(self) -> None:
        while not self._closed.wait(_TICK_SECONDS):
            self._engine.increment_epoch()


def _prelude() -> str:
    folder = resources.files("hopkey.runner.sandbox").joinpath("js")
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".js")), key=lambda item: item.name)
    body = "\n".join(item.read_text("utf-8") for item in files)
    # One function around it all: scripts share no name with the prelude but what it puts into globalThis.
    return f'(() => {{"use strict"; const __host = globalThis.__host;\n{body}\n}})()'


def _body_value(body: bytes) -> Any:
    """A response body as scripts see it: parsed where it is JSON, else text."""
    text = body.decode("utf-8", "replace")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text
    except RecursionError:
        return text


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _block(item: dict[str, Any]) -> TestBlock:
    expectations = tuple(Expectation(ok=bool(ok), message=str(message)) for ok, message in item["expectations"])
    return TestBlock(name=str(item["name"]), expectations=expectations)


def _place(stack: str) -> str:
    """`` (line:column)`` from the first line of a QuickJS stack; the function constructor adds two lines on top."""
    first = stack.strip().splitlines()[0] if stack.strip() else ""
    parts = first.rstrip(")").rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        line, column = max(1, int(parts[1]) - 2), int(parts[2])
        return f" ({line}:{column - len(_STRICT) if line == 1 else column})"
    return ""
