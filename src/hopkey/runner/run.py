"""Running collections: every request in order, with its scripts, into results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hopkey.formats.model import Collection, Environment, Json, KeyValue, Request, Variable
from hopkey.formats.predefined import predefined
from hopkey.runner.building import BuildError, Outgoing, build
from hopkey.runner.results import Answer, Check, Fault, RequestResult, RunResult, TestResult
from hopkey.runner.sandbox import Limits, Script, ScriptError, ScriptResponse
from hopkey.runner.scripts import ScriptRunner
from hopkey.runner.sending import Sender, SendError
from hopkey.runner.variables import Entry, Scope, environment_entries


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. ``delay`` in milliseconds between requests, ``timeout`` in seconds for each read of an answer.

    ``outside`` are the operating system's variables that secrets may take their values from; ``cache_dir`` holds the
    compiled script engine, None for none.
    """

    delay: float = 0
    timeout: float = 60.0
    outside: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache_dir: Path | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Position:
    """A request in its tree: the folders above it, outermost first."""

    request: Request
    parents: tuple[Collection, ...]

    @property
    def path(self) -> str:
        return "/".join((*(parent.name for parent in self.parents), self.request.name))

    @property
    def auth(self) -> Json:
        """The request's authorization, or the nearest one above it that does not itself inherit."""
        for auth in (self.request.auth, *(parent.auth for parent in reversed(self.parents))):
            if auth.get("authType") != "inherit" or not auth.get("authActive", True):
                return auth
        return {"authType": "none", "authActive": True}

    @property
    def headers(self) -> tuple[KeyValue, ...]:
        """Headers inherited from the folders above; an inner one replaces an outer one of the same name."""
        found: dict[str, KeyValue] = {}
        for parent in self.parents:
            found |= {item.key.lower(): item for item in parent.headers if item.active}
        return tuple(found.values())

    @property
    def variables(self) -> tuple[Sequence[Variable], ...]:
        return tuple(parent.variables for parent in self.parents)


def positions(collections: Sequence[Collection]) -> Iterator[Position]:
    """Every request in the order of a run: the requests of a collection, then its folders, each the same way."""
    stack: list[tuple[Collection, tuple[Collection, ...]]] = [(item, ()) for item in reversed(collections)]
    while stack:
        collection, above = stack.pop()
        parents = (*above, collection)
        for request in collection.requests:
            yield Position(request, parents)
        stack.extend((folder, parents) for folder in reversed(collection.folders))


def run(
    collections: Sequence[Collection],
    environment: Environment | None = None,
    options: Options | None = None,
    on_result: Callable[[RequestResult], None] | None = None,
    on_start: Callable[[Position], None] | None = None,
) -> RunResult:
    """Run every request of `collections`. Nothing is printed: `on_start` and `on_result` tell of the progress.

    Faults of single requests stand in the results. Raises only what the callbacks raise.
    """
    options = options or Options()
    start = time.perf_counter()
    run_ = _Run(environment, options)
    results = []
    try:
        for index, position in enumerate(positions(collections)):
            if index and options.delay:
                time.sleep(options.delay / 1000)
            if on_start:
                on_start(position)
            result = run_.request(position)
            results.append(result)
            if on_result:
                on_result(result)
    finally:
        run_.close()
    return RunResult(requests=tuple(results), duration=(time.perf_counter() - start) * 1000)


class _Run:
    """The state that lives from request to request: variables, connections, the script engine."""

    def __init__(self, environment: Environment | None, options: Options) -> None:
        self._selected: list[Entry] = environment_entries(environment, options.outside)
        self._global: list[Entry] = []
        self._sender = Sender(timeout=options.timeout)
        self._scripts = ScriptRunner(limits=options.limits, cache_dir=options.cache_dir, predefined=predefined)

    def close(self) -> None:
        self._scripts.close()
        self._sender.close()

    def request(self, position: Position) -> RequestResult:
        faults: list[Fault] = []
        console: list[tuple[str, str]] = []
        request = position.request
        path = position.path
        for holder, source, name in _pre_scripts(position):
            self._script(Script("pre", source, f"{holder}: pre-request script"), name, faults, console)
        outgoing, answer = self._send(position, faults)
        tests: list[TestResult] = []
        start = time.perf_counter()
        for holder, source, name in _test_scripts(position):
            script = Script("test", source, f"{holder}: test script", response=_script_response(answer))
            tests.extend(self._script(script, name, faults, console))
        return RequestResult(
            path=path,
            method=outgoing.method if outgoing else request.method,
            url=outgoing.url if outgoing else request.endpoint,
            answer=answer,
            tests=_merged(tests),
            faults=tuple(faults),
            console=tuple(console),
            test_duration=(time.perf_counter() - start) * 1000,
        )

    def _send(self, position: Position, faults: list[Fault]) -> tuple[Outgoing | None, Answer | None]:
        scope = Scope(
            request=position.request.request_variables,
            collections=position.variables,
            selected=self._selected,
            global_=self._global,
        )
        try:
            outgoing = build(position.request, auth=position.auth, inherited_headers=position.headers, scope=scope)
        except BuildError as error:
            faults.append(Fault("format", "REQUEST_ERROR", str(error)))
            return None, None
        try:
            return outgoing, self._sender.send(outgoing)
        except SendError as error:
            faults.append(Fault("network", "REQUEST_ERROR", str(error)))
            return outgoing, None

    def _script(
        self, script: Script, code: str, faults: list[Fault], console: list[tuple[str, str]]
    ) -> list[TestResult]:
        try:
            outcome = self._scripts.run(script, selected=self._selected, global_=self._global)
        except ScriptError as error:
            console.extend(error.console)
            kind = "limit" if error.kind in ("timeout", "memory", "output") else "script"
            faults.append(Fault("limit" if kind == "limit" else "script", code, error.message, error.script))
            return []
        self._selected, self._global = list(outcome.selected), list(outcome.global_)
        console.extend(outcome.console)
        return [
            TestResult(block.name, tuple(Check(item.ok, item.message) for item in block.expectations))
            for block in outcome.tests
        ]


def _pre_scripts(position: Position) -> Iterator[tuple[str, str, str]]:
    """Scripts before the request: from the outermost collection inwards."""
    code = "PRE_REQUEST_SCRIPT_ERROR"
    for parent in position.parents:
        if parent.pre_request_script.strip():
            yield parent.name, parent.pre_request_script, code
    if position.request.pre_request_script.strip():
        yield position.path, position.request.pre_request_script, code


def _test_scripts(position: Position) -> Iterator[tuple[str, str, str]]:
    """Scripts after the answer: from the request outwards."""
    code = "TEST_SCRIPT_ERROR"
    if position.request.test_script.strip():
        yield position.path, position.request.test_script, code
    for parent in reversed(position.parents):
        if parent.test_script.strip():
            yield parent.name, parent.test_script, code


def _script_response(answer: Answer | None) -> ScriptResponse:
    """The answer as scripts see it; where none came, one with status 0 and nothing in it."""
    if answer is None:
        return ScriptResponse(0, "", (), b"", 0.0)
    return ScriptResponse(answer.status, answer.reason, answer.headers, answer.body, answer.duration)


def _merged(tests: Sequence[TestResult]) -> tuple[TestResult, ...]:
    """Blocks of one name as one, where they first stood."""
    merged: dict[str, TestResult] = {}
    for test in tests:
        before = merged.get(test.name)
        merged[test.name] = TestResult(test.name, (before.checks if before else ()) + test.checks)
    return tuple(merged.values())


__all__ = ["Options", "Position", "positions", "run"]
