"""The script sandbox: each script in a fresh engine, with limits, and no way out but what the host offers."""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from hopkey.runner.sandbox.compiled import cached, engine_digest, keep, load, packaged
from hopkey.runner.sandbox.machine import PAGE, JavaScriptError, Machine, Snapshot, Trap
from hopkey.runner.sandbox.types import (
    FetchRequest,
    FetchResponse,
    Host,
    Limits,
    Outcome,
    Script,
    ScriptError,
    source_clean,
)
from hopkey.runner.sandbox.values import block_of, entries, fetched, response_value
from hopkey.runner.sandbox.wording import legacy_wording, stack_place

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

SNAPSHOT = "snapshot.bin"
PARSER = "acorn.js"
_TICK_SECONDS = 0.02
_PARSING_SECONDS = 5.0
_ENTRY_POINTS = ("__begin", "__drain", "__settle", "__finish")
_TAMPERED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_MODULE_BYTES = 5 * 1024 * 1024
_EMPTY_REQUEST: dict[str, Any] = {
    "name": "",
    "method": "GET",
    "endpoint": "",
    "params": [],
    "headers": [],
    "auth": {"authType": "none", "authActive": True},
    "body": {"contentType": None, "body": None},
    "requestVariables": [],
}


class Sandbox:
    """Runs scripts one after another. For one thread; `close` when done.

    `host` does for scripts what they cannot do themselves. With `legacy`, scripts find only what the older sandbox of
    the official runner offers. Making a sandbox compiles or loads the engine and lays down the snapshot from which
    every script starts.
    """

    def __init__(
        self,
        *,
        host: Host,
        limits: Limits | None = None,
        cache_dir: Path | None = None,
        legacy: bool = False,
    ) -> None:
        self._limits = limits or Limits()
        self._host = host
        self._legacy = legacy
        self._engine, self._module = load(cache_dir)
        self._maximum_pages = (self._limits.memory_bytes * 2 + (32 << 20)) // PAGE
        self._modules: dict[str, str] = {}
        self._deadline = 0.0
        self._part = 0
        self._senders: ThreadPoolExecutor | None = None
        self._idle: Machine | None = None
        self._closed = threading.Event()
        self._broken_off = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="script clock", daemon=True)
        self._ticker.start()
        self._snapshot = self._snapshot_load(cache_dir)

    def snapshot_dump(self) -> bytes:
        """The snapshot as the build puts it into the package (hatch_build.py)."""
        return self._snapshot.dump(self.snapshot_key)

    def close(self) -> None:
        """Stop the clock. The sandbox is not used afterwards."""
        self._closed.set()
        self._ticker.join()
        if self._idle is not None:
            self._idle.close()
            self._idle = None
        if self._senders is not None:
            self._senders.shutdown(wait=False, cancel_futures=True)

    def break_off(self) -> None:
        """Stop the script that runs, from another thread. No other is run afterwards: each is out of time at once."""
        self._broken_off.set()
        for _ in range(int(max(self._limits.seconds, _PARSING_SECONDS) / _TICK_SECONDS) + 2):
            self._engine.increment_epoch()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, script: Script) -> Outcome:
        """Run one script to its end, timers and promises included. Raises `ScriptError`."""
        self._deadline = time.monotonic() + self._limits.seconds
        self._part = 0
        machine = self._ready()
        functions = self._snapshot.functions
        try:
            if self._broken_off.is_set():
                raise Trap("timeout", "broken off")
            machine.invoke(functions["__begin"], machine.new_text(self._input(script)))
            machine.run_jobs()
            outcome = self._outcome(self._serve(machine), script)
            self._idle = machine
        except _TAMPERED:
            # A script may replace what the prelude is made of, and spoil its own results with it, but no more.
            message = "Script execution failed: it changed what the script engine itself needs"
            raise ScriptError("runtime", message, self._name(script)) from None
        except Trap as trap:
            raise self._trapped(trap, script) from None
        except JavaScriptError as error:
            raise self._thrown(json.loads(error.text), script, ()) from None
        finally:
            if self._idle is not machine:  # it stopped in the middle: what it would do next is anybody's guess
                machine.close()
        return outcome

    def _outcome(self, result: dict[str, Any], script: Script) -> Outcome:
        """What a script has left behind. Raises `ScriptError`, and anything of `_TAMPERED` for what is none."""
        console = tuple((str(level), str(text)) for level, text in result["console"])
        if result["failure"] is not None:
            self._part = int(result["failure"].get("part", 0))
            raise self._thrown(result["failure"], script, console)
        if result["stuck"]:
            message = "Script execution failed: it awaits something that never settles"
            raise ScriptError("runtime", message, self._name(script), console)
        return Outcome(
            selected=entries(result["selected"]),
            global_=entries(result["global"]),
            collection=entries(result["collection"]),
            tests=tuple(block_of(item) for item in result["tests"]),
            console=console,
            request=None if result["request"] is None else dict(result["request"]),
            data=None if result["data"] is None else {str(key): str(value) for key, value in result["data"].items()},
            next_request=result["next"] if result["next"] in (None, False) else str(result["next"]),
            skip=bool(result["skip"]),
        )

    def _ready(self) -> Machine:
        """A machine as the snapshot has it: the last one wiped, or a new one."""
        ticks = int(self._limits.seconds / _TICK_SECONDS) + 1
        machine, self._idle = self._idle, None
        if machine is None:
            return self._machine(self._snapshot, ticks=ticks)
        machine.restore(self._snapshot, deadline_ticks=ticks)
        return machine

    def _input(self, script: Script) -> str:
        seed = os.urandom(16)
        return json.dumps(
            {
                "phase": script.phase,
                "sources": _sources(script),
                "legacy": self._legacy,
                "selected": list(script.selected),
                "global": list(script.global_),
                "collection": list(script.collection),
                "data": dict(script.iteration.data),
                "iteration": script.iteration.index,
                "iterationCount": script.iteration.count,
                "request": {**_EMPTY_REQUEST, **script.request},
                "response": None if script.response is None else response_value(script.response),
                "environment": script.environment,
                "url": script.url,
                "seed": [str(int.from_bytes(seed[:8])), str(int.from_bytes(seed[8:]))],
                "limits": {
                    "output": self._limits.output_characters,
                    "results": self._limits.results,
                    "pending": self._limits.pending,
                },
            }
        )

    def _serve(self, machine: Machine) -> dict[str, Any]:
        """Do what the script asks for, in the order it falls due, until nothing is left; what it has left behind."""
        functions = self._snapshot.functions
        due: list[tuple[float, int]] = []
        sent: dict[Future[FetchResponse], int] = {}
        cancelled: set[int] = set()
        while True:
            operations, waiting, result = json.loads(machine.text_of(machine.invoke(functions["__drain"])))
            if result is not None:
                return dict(result)
            now = time.monotonic()
            for identity, kind, argument in operations:
                if kind == "timer":
                    heapq.heappush(due, (now + argument / 1000, identity))
                elif kind == "fetch":
                    sent[self._send(argument)] = identity
                else:
                    cancelled.add(identity)
            while due and due[0][1] in cancelled:
                heapq.heappop(due)
            if not waiting or not (due or sent):
                return dict(json.loads(machine.text_of(machine.invoke(functions["__finish"]))))
            moment = min(due[0][0] if due else self._deadline, self._deadline)
            done = self._await(sent, moment)
            if self._broken_off.is_set():
                raise Trap("timeout", "broken off")
            if done:
                for future in sorted(done, key=lambda item: sent[item]):
                    self._settle(machine, sent.pop(future), *fetched(future))
            elif due and due[0][0] <= self._deadline:
                self._settle(machine, heapq.heappop(due)[1], True, True)
            else:
                raise Trap("timeout", "out of time")

    def _await(self, sent: dict[Future[FetchResponse], int], moment: float) -> set[Future[FetchResponse]]:
        """Wait until an answer is there or the moment has come."""
        seconds = max(0.0, moment - time.monotonic())
        if not sent:
            self._broken_off.wait(seconds)
            return set()
        from concurrent.futures import FIRST_COMPLETED, wait

        return wait(sent, timeout=seconds, return_when=FIRST_COMPLETED).done

    def _settle(self, machine: Machine, identity: int, ok: bool, value: Any) -> None:
        machine.invoke(self._snapshot.functions["__settle"], machine.new_text(json.dumps([identity, ok, value])))
        machine.run_jobs()

    def _send(self, argument: Any) -> Future[FetchResponse]:
        if self._senders is None:
            from concurrent.futures import ThreadPoolExecutor  # few scripts send requests

            self._senders = ThreadPoolExecutor(6, "script fetch")
        request = FetchRequest(
            method=str(argument["method"]),
            url=str(argument["url"]),
            headers=[(str(key), str(value)) for key, value in argument["headers"]],
            body=None if argument["body"] is None else base64.b64decode(argument["body"]),
            follow=argument["redirect"] == "follow",
        )
        return self._senders.submit(self._host.fetch, request, max(0.001, self._deadline - time.monotonic()))

    def _snapshot_load(self, cache_dir: Path | None) -> Snapshot:
        """The snapshot of this prelude under these limits: the packaged one, one from the cache, or a new one."""
        prelude = _prelude()
        parts = (engine_digest(), str(self._limits.memory_bytes), str(self._limits.stack_bytes), prelude)
        self.snapshot_key = key = hashlib.sha256("|".join(parts).encode()).hexdigest()
        name = f"snapshot-{key[:32]}.bin"
        for dumped in (packaged(SNAPSHOT), cached(cache_dir, name)):
            snapshot = None if dumped is None else Snapshot.load(dumped, key)
            if snapshot is not None:
                return snapshot
        snapshot = self._lay_down(prelude)
        keep(cache_dir, name, snapshot.dump(key))
        return snapshot

    def _lay_down(self, prelude: str) -> Snapshot:
        machine = self._machine(None, ticks=1 << 40)
        machine.set_limits(self._limits.memory_bytes, self._limits.stack_bytes)
        machine.add_host_call("__host")
        machine.enable_modules()
        machine.evaluate(prelude, "<prelude>")
        functions = {name: machine.global_function(name) for name in _ENTRY_POINTS}
        # The script finds none of the entry points: their addresses are known to the host alone.
        machine.evaluate("".join(f"delete globalThis.{name};" for name in (*_ENTRY_POINTS, "__host")), "<prelude>")
        snapshot = machine.snapshot(functions)
        machine.close()
        return snapshot

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
        """Answer the script at once: ``[true, value]`` or ``[false, message]`` as JSON."""
        try:
            return json.dumps([True, self._answer(operation, json.loads(argument))])
        except Exception as error:  # noqa: BLE001 - nothing of the host may escape into the engine but its message
            return json.dumps([False, str(error) or type(error).__name__])

    def _answer(self, operation: str, argument: Any) -> Any:
        match operation:
            case "part":
                self._part = int(argument)
            case "predefined":
                return self._host.predefined(argument)
            case "random":
                return base64.b64encode(os.urandom(min(int(argument), 65536))).decode("ascii")
            case "cookies":
                return self._host.cookies(argument[0], argument[1], argument[2] if len(argument) > 2 else None)
            case "crypto":
                # Imported here: few scripts compute with keys, and the library is large.
                from hopkey.runner.sandbox import webcrypto

                return webcrypto.perform(argument[0], argument[1])
        return None

    def _module_source(self, base: str, name: str) -> str:
        """Resolve a module's name (given its importer) or, with base ``load``, bring its source."""
        if base != "load":
            return urljoin(base, name) if urlsplit(base).scheme in ("http", "https") else name
        if name not in self._modules:
            self._modules[name] = self._module_fetch(name)
        return self._modules[name]

    def _module_fetch(self, url: str) -> str:
        def refuse(reason: str) -> str:
            return f"throw new Error({json.dumps(f'Cannot import {url}: {reason}')})"

        if url.startswith("data:"):
            source = _data(url)
            return refuse("it is no JavaScript") if source is None else source
        if urlsplit(url).scheme not in ("http", "https"):
            return refuse("only http, https and data addresses can be imported")
        try:
            answer = self._host.module(url, max(0.001, self._deadline - time.monotonic()))
        except OSError as error:
            return refuse(str(error) or "no answer")
        if answer.status != 200:
            return refuse(f"the server answered {answer.status}")
        if len(answer.body) > _MODULE_BYTES:
            return refuse("the module is larger than 5 MB")
        return answer.body.decode("utf-8", "replace")

    def _name(self, script: Script) -> str:
        """The name of the script of the chain that was running last."""
        names = (script.name, *(name for name, _ in script.then))
        return names[self._part] if 0 <= self._part < len(names) else script.name

    def _trapped(self, trap: Trap, script: Script) -> ScriptError:
        name = self._name(script)
        if trap.kind == "timeout":
            message = f"Script execution failed: not finished after {self._limits.seconds:g} s"
            return ScriptError("timeout", message, name)
        return ScriptError("memory" if trap.kind == "memory" else "engine", f"Script execution failed: {trap}", name)

    def _thrown(self, error: dict[str, Any], script: Script, console: tuple[tuple[str, str], ...]) -> ScriptError:
        name, message, where = str(error.get("name", "Error")), str(error.get("message", "")), self._name(script)
        if name == "LimitError":
            return ScriptError("output", f"Script execution failed: {message}", where, console)
        if name == "InternalError" and "out of memory" in message:
            megabytes = self._limits.memory_bytes // (1024 * 1024)
            text = f"Script execution failed: more than {megabytes} MB of memory"
            return ScriptError("memory", text, where, console)
        if error.get("syntax"):
            place = stack_place(str(error.get("stack", "")), strict=not self._legacy)
            source = _sources(script)[self._part]
            reason = self._explained(source) or f"{message}{place}"
            parsed = "" if self._legacy else "[Hoppscotch] Script failed to parse: "
            return ScriptError("syntax", f"Script execution failed: {name}: {parsed}{reason}", where, console)
        if self._legacy:
            message = legacy_wording(message)
        text = f"{name}: {message}" if name else message
        return ScriptError("runtime", f"Script execution failed: {text}", where, console)

    def _explained(self, source: str) -> str:
        """Why `source` cannot be parsed, in the words of the parser that the official runner has; empty for no word."""
        parser = packaged(PARSER)
        if parser is None:
            return ""
        # Where the older sandbox has the script: in a function, below a line of its own.
        code = f";(function() {{\n{source}\n}}).call(this);" if self._legacy else source
        kind = "script" if self._legacy else "module"
        machine = self._machine(self._snapshot, ticks=int(_PARSING_SECONDS / _TICK_SECONDS))
        try:
            machine.evaluate(parser.decode(), "<parser>")
            options = json.dumps({"ecmaVersion": "latest", "sourceType": kind, "allowReturnOutsideFunction": True})
            attempt = f"acorn.parse({json.dumps(code)}, {options})"
            reason = f"(() => {{ try {{ {attempt}; return ''; }} catch (e) {{ return e.message; }} }})()"
            return machine.text_of(machine.evaluate(reason, "<parser>"))
        except (Trap, JavaScriptError):
            return ""
        finally:
            machine.close()

    def _tick(self) -> None:
        while not self._closed.wait(_TICK_SECONDS):
            self._engine.increment_epoch()


def _sources(script: Script) -> list[str]:
    return [source_clean(source) for source in (script.source, *(source for _, source in script.then))]


def _prelude() -> str:
    files = sorted((Path(__file__).parent / "js").glob("*.js"))
    body = "\n".join(item.read_text("utf-8") for item in files)
    # One function around it all: scripts share no name with the prelude but what it puts into globalThis, and what
    # they do to JSON does not reach it.
    kept = "const JSON = { parse: globalThis.JSON.parse, stringify: globalThis.JSON.stringify };"
    return f'(() => {{"use strict"; const __host = globalThis.__host; {kept}\n{body}\n}})()'


def _data(url: str) -> str | None:
    """The JavaScript in a ``data:`` address (RFC 2397); None where there is none."""
    head, comma, content = url.removeprefix("data:").partition(",")
    kind, *options = head.split(";")
    if not comma or "javascript" not in kind:
        return None
    data = unquote_to_bytes(content)
    try:
        return (base64.b64decode(data) if "base64" in options else data).decode("utf-8", "replace")
    except ValueError:
        return None
