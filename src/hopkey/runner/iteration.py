"""One turn through the requests: what lives from request to request, and each request with its scripts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from hopkey.formats.errors import FormatError
from hopkey.formats.model import Environment, Json, Request
from hopkey.formats.requests import request_dump, request_read
from hopkey.runner.auth.draft import Draft
from hopkey.runner.building import BuildError, Outgoing, address, build
from hopkey.runner.cookies import CookieJar
from hopkey.runner.credentials import credentials_of
from hopkey.runner.host import RunHost
from hopkey.runner.options import Options
from hopkey.runner.results import Answer, Check, Fault, RequestResult, Sent, TestResult
from hopkey.runner.sandbox import Iteration, Outcome, Script, ScriptError, ScriptResponse, source_clean
from hopkey.runner.scripts import ScriptRunner
from hopkey.runner.sending import Sender, SendError
from hopkey.runner.tree import Position
from hopkey.runner.variables import Entry, Overlay, Scope, collection_entries, environment_entries, overridden

if TYPE_CHECKING:
    from hopkey.runner.auth.oauth2 import TokenStore

Jump = str | None | Literal[False]
"""Where to go on: a request's name, None to end, False with the next one."""


class Worker:
    """Runs iterations one after another: connections and the script engine serve them all. For one thread."""

    def __init__(self, environment: Environment | None, options: Options, sender: Sender) -> None:
        self._environment = environment
        self._options = options
        self._sender = sender
        self._host = RunHost(sender, imports=options.imports)
        self._tokens: TokenStore | None = None
        self._global: list[Entry] = []
        self._scripts = ScriptRunner(
            host=self._host,
            limits=options.limits,
            cache_dir=options.cache_dir,
            legacy=options.legacy_sandbox,
        )

    def close(self) -> None:
        self._scripts.close()

    def break_off(self) -> None:
        """Stop the script that runs, from another thread."""
        self._scripts.break_off()

    def begin(self, index: int, count: int) -> Turn:
        """Start iteration `index` of `count`: the environment as it is at the start.

        Globals and cookies are those that the last iteration has left; new ones where iterations run side by side.
        """
        row = self._options.row(index)
        entries = environment_entries(self._environment, self._options.outside)
        entries = overridden(overridden(entries, row), self._options.overrides)
        if self._options.parallel > 1:
            self._host.jar, self._global = CookieJar(), []
        name = self._environment.name if self._environment else "active"
        iteration = Iteration(index, count, {key: value for key, value in row.items() if value})
        return Turn(self, iteration, entries, self._global, name)

    def keep(self, global_: list[Entry]) -> None:
        """Remember the globals for the next iteration."""
        self._global = global_

    def script(self, script: Script) -> Outcome:
        """Raises `ScriptError`."""
        return self._scripts.run(script)

    def build(self, request: Request, scope: Scope) -> Outgoing:
        """Raises `BuildError`."""
        return build(request, scope=scope, files=self._options.files, token=self._token)

    def send(self, request: Request, scope: Scope, outgoing: Outgoing) -> tuple[Outgoing, Answer]:
        """Send what was built, and answer a challenge to it. Raises `BuildError`, `_Unsent`."""
        try:
            answer = self._sender.send(outgoing, self._host.jar)
            if answer.status == 401:
                again = self._answer_challenge(request, scope, outgoing, answer)
                if again is not None:
                    outgoing, answer = again, self._sender.send(again, self._host.jar)
        except SendError as error:
            raise _Unsent(outgoing, str(error)) from None
        return outgoing, answer

    def _answer_challenge(self, request: Request, scope: Scope, outgoing: Outgoing, answer: Answer) -> Outgoing | None:
        """The request once more, with what the server asked for; None where nothing can be done."""
        from hopkey.runner.challenge import digest_answer, wants_new_token

        if wants_new_token(outgoing.auth):
            return build(
                request,
                scope=scope,
                files=self._options.files,
                token=lambda grant: self._token(grant, fresh=True),
            )
        return digest_answer(outgoing, answer)

    def _token(self, grant: Json, *, fresh: bool = False) -> str:
        if self._tokens is None:
            from hopkey.runner.auth.oauth2 import TokenStore

            self._tokens = TokenStore(self._token_request)
        return self._tokens.token(grant, fresh=fresh)

    def _token_request(self, draft: Draft) -> tuple[int, bytes]:
        answer = self._sender.send(Outgoing(draft.method, draft.url, tuple(draft.headers.values()), draft.body))
        return answer.status, answer.body


class _Unsent(Exception):
    """No answer came to this request."""

    def __init__(self, outgoing: Outgoing, message: str) -> None:
        super().__init__(message)
        self.outgoing = outgoing


class _Account(msgspec.Struct):
    """What gathers while one request is run."""

    request: Request
    faults: list[Fault]
    console: list[tuple[str, str]]
    tests: list[TestResult]
    jump: Jump = False
    skip: bool = False
    ended: bool = False


class Turn:
    """One iteration under way."""

    def __init__(
        self, worker: Worker, iteration: Iteration, selected: list[Entry], global_: list[Entry], environment: str
    ) -> None:
        self._worker = worker
        self._iteration = iteration
        self._selected = selected
        self._global = global_
        self._environment = environment
        self._overlays: dict[int, Overlay] = {}

    def request(self, position: Position) -> tuple[RequestResult, Jump]:
        """Run one request with its scripts."""
        started = time.time()
        account = _Account(position.effective, [], [], [])
        before = _chain("pre", _pre_scripts(position))
        if before is not None:
            self._script(before, position, account, "PRE_REQUEST_SCRIPT_ERROR")
        outgoing, answer = (None, None) if account.skip else self._send(position, account)
        start = time.perf_counter()
        after = None if account.skip or account.ended else _chain("test", _test_scripts(position))
        if after is not None:
            after = msgspec.structs.replace(after, response=_script_response(answer))
            self._script(after, position, account, "TEST_SCRIPT_ERROR", outgoing)
        unseen = answer is not None and answer.status >= 500 and not any(test.checks for test in account.tests)
        if unseen and answer is not None:
            message = f"the server answered {answer.status}, and no test looked at it"
            account.faults.append(Fault("status", "REQUEST_ERROR", message))
        result = RequestResult(
            path=position.path,
            method=outgoing.method if outgoing else account.request.method,
            url=outgoing.url if outgoing else account.request.endpoint,
            answer=answer,
            tests=_merged(account.tests),
            faults=tuple(account.faults),
            console=tuple(account.console),
            test_duration=(time.perf_counter() - start) * 1000,
            iteration=self._iteration.index + 1,
            started=started,
            sent=Sent(outgoing.headers, outgoing.body, credentials_of(outgoing)) if outgoing else None,
            skipped=account.skip,
        )
        return result, account.jump

    def _send(self, position: Position, account: _Account) -> tuple[Outgoing | None, Answer | None]:
        scope = self._scope(position, account.request)
        try:
            outgoing = self._worker.build(account.request, scope)
        except BuildError as error:
            account.faults.append(Fault("format", error.code, str(error)))
            account.ended = error.ends
            if error.outgoing is None:
                return None, None
            outgoing = error.outgoing
        try:
            return self._worker.send(account.request, scope, outgoing)
        except BuildError as error:
            account.faults.append(Fault("format", error.code, str(error)))
            return outgoing, None
        except _Unsent as error:
            account.faults.append(Fault("network", "REQUEST_ERROR", str(error)))
            return error.outgoing, None

    def _scope(self, position: Position, request: Request) -> Scope:
        return Scope(
            request=request.request_variables,
            collection=self._collection(position),
            selected=self._selected,
            global_=self._global,
        )

    def _collection(self, position: Position) -> list[Entry]:
        entries = collection_entries(position.variables)
        overlay = self._overlays.get(id(position.parents[0]))
        return overlay.apply(entries) if overlay else entries

    def _script(
        self, script: Script, position: Position, account: _Account, code: str, outgoing: Outgoing | None = None
    ) -> None:
        collection = self._collection(position)
        request = account.request
        full = msgspec.structs.replace(
            script,
            selected=self._selected,
            global_=self._global,
            collection=collection,
            request=_script_request(request),
            environment=self._environment,
            url=outgoing.url if outgoing else address(request, self._scope(position, request)),
            iteration=self._iteration,
        )
        try:
            outcome = self._worker.script(full)
        except ScriptError as error:
            account.console.extend(error.console)
            limit = error.kind in ("timeout", "memory", "output")
            account.faults.append(Fault("limit" if limit else "script", code, error.message, error.script))
            return
        self._take(outcome, position, collection, account, script.name, code)

    def _take(
        self,
        outcome: Outcome,
        position: Position,
        collection: Sequence[Entry],
        account: _Account,
        name: str,
        code: str,
    ) -> None:
        """Go on with what a script has left behind."""
        self._selected, self._global = list(outcome.selected), list(outcome.global_)
        self._worker.keep(self._global)
        if list(outcome.collection) != list(collection):
            self._overlays.setdefault(id(position.parents[0]), Overlay()).record(collection, outcome.collection)
        if outcome.data is not None:
            self._iteration = msgspec.structs.replace(self._iteration, data=outcome.data)
        if outcome.request is not None:
            try:
                changed = request_read(outcome.request)
                kept = account.request
                account.request = msgspec.structs.replace(changed, name=kept.name, graphql=kept.graphql)
            except FormatError as error:
                message = f"it left a request that cannot be read: {error}"
                account.faults.append(Fault("script", code, message, name))
        if outcome.next_request is not False:
            account.jump = outcome.next_request
        account.skip = account.skip or outcome.skip
        account.console.extend(outcome.console)
        account.tests.extend(
            TestResult(block.name, tuple(Check(item.ok, item.message, item.is_error) for item in block.expectations))
            for block in outcome.tests
        )


def _pre_scripts(position: Position) -> Iterator[tuple[str, str]]:
    """Scripts before the request: from the outermost collection inwards."""
    for parent in position.parents:
        yield parent.name, parent.pre_request_script
    yield position.path, position.request.pre_request_script


def _test_scripts(position: Position) -> Iterator[tuple[str, str]]:
    """Scripts after the answer: from the request outwards."""
    yield position.path, position.request.test_script
    for parent in reversed(position.parents):
        yield parent.name, parent.test_script


def _chain(phase: Literal["pre", "test"], scripts: Iterator[tuple[str, str]]) -> Script | None:
    """The scripts as one chain, empty ones left out; None where there is none."""
    kind = "pre-request script" if phase == "pre" else "test script"
    (name, source), *then = [
        (f"{holder}: {kind}", clean) for holder, source in scripts if (clean := source_clean(source))
    ] or [("", "")]
    return Script(phase, source, name, then) if source else None


def _script_request(request: Request) -> Json:
    """The request as scripts see it: without its own scripts and saved answers, which no script needs."""
    result = request_dump(msgspec.structs.replace(request, graphql=None))
    for name in ("preRequestScript", "testScript", "responses", "description", "_ref_id"):
        result.pop(name, None)
    return result


def _script_response(answer: Answer | None) -> ScriptResponse:
    """The answer as scripts see it; where none came, the one that the official runner makes up."""
    if answer is None:
        return ScriptResponse(400, "", (), b"{}", 0.0)
    return ScriptResponse(answer.status, answer.reason, answer.headers, answer.body, answer.duration)


def _merged(tests: Sequence[TestResult]) -> tuple[TestResult, ...]:
    """Blocks of one name as one, where they first stood."""
    merged: dict[str, TestResult] = {}
    for test in tests:
        before = merged.get(test.name)
        merged[test.name] = TestResult(test.name, (before.checks if before else ()) + test.checks)
    return tuple(merged.values())
