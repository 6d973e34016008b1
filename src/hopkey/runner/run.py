"""Running collections: every request in order, with its scripts, into results."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from hopkey.formats.model import Collection, Environment
from hopkey.runner.interrupts import on_interrupt
from hopkey.runner.iteration import Jump, Worker
from hopkey.runner.options import Options
from hopkey.runner.results import Fault, RequestResult, RunResult
from hopkey.runner.sending import Sender
from hopkey.runner.tree import Position, positions, select
from hopkey.runner.variables import environment_entries, value_of

MAX_JUMPS = 10_000
"""How often ``setNextRequest`` may jump within one iteration: a run must end."""

_PARTING_SECONDS = 2.0

MIN_SECRET = 4
"""A shorter value is no secret that could be told from other text."""


def run(
    collections: Sequence[Collection],
    environment: Environment | None = None,
    options: Options | None = None,
    on_result: Callable[[RequestResult], None] | None = None,
    on_start: Callable[[Position, int], None] | None = None,
) -> RunResult:
    """Run the requests of `collections`. Nothing is printed: `on_start` and `on_result` tell of the progress.

    Faults of single requests stand in the results. Ctrl-C ends the run with what was done. Raises `SelectionError`,
    `hopkey.runner.sending.SendError` for certificates that cannot be used, and what the callbacks raise.
    """
    options = options or Options()
    chosen = select(list(positions(collections)), options.folders, options.requests)
    run_ = _Run(chosen, environment, options, on_result, on_start)
    return run_.run()


class _Run:
    def __init__(
        self,
        chosen: list[Position],
        environment: Environment | None,
        options: Options,
        on_result: Callable[[RequestResult], None] | None,
        on_start: Callable[[Position, int], None] | None,
    ) -> None:
        self._chosen = chosen
        self._environment = environment
        self._options = options
        self._on_result = on_result
        self._on_start = on_start
        self._sender = Sender(options.connection)
        self._stop = threading.Event()
        self._cut = False
        self._stopped: Literal["", "bail", "interrupted"] = ""
        self._done: dict[int, list[RequestResult]] = {}
        self._workers: list[Worker] = []

    def run(self) -> RunResult:
        started, start = time.time(), time.perf_counter()
        try:
            with on_interrupt(self._break_off):
                if self._options.parallel > 1 and self._options.iterations > 1:
                    self._side_by_side()
                else:
                    self._one_by_one()
        except KeyboardInterrupt:
            self._stopped = "interrupted"
            self._stop.set()
        finally:
            self._sender.close()
        return RunResult(
            requests=tuple(result for index in sorted(self._done) for result in self._done[index]),
            duration=(time.perf_counter() - start) * 1000,
            started=started,
            iterations=self._options.iterations,
            stopped=self._stopped,
            secrets=secrets_of(self._chosen, self._environment, self._options.outside),
        )

    def _one_by_one(self) -> None:
        worker = self._worker()
        try:
            for index in range(self._options.iterations):
                if self._stop.is_set():
                    return
                self._iteration(worker, index, self._on_result)
        finally:
            worker.close()

    def _side_by_side(self) -> None:
        """Iterations in threads; their results are told in order, an iteration at a time."""
        from concurrent.futures import ThreadPoolExecutor, wait  # most runs go one by one

        local = threading.local()

        def one(index: int) -> None:
            if self._stop.is_set():
                return
            if not hasattr(local, "worker"):
                local.worker = self._worker()
            self._iteration(local.worker, index, None)

        pool = ThreadPoolExecutor(min(self._options.parallel, self._options.iterations), "iteration")
        futures = [pool.submit(one, index) for index in range(self._options.iterations)]
        try:
            for index, future in enumerate(futures):
                future.result()
                for result in self._done.get(index, ()):
                    if self._on_result:
                        self._on_result(result)
        except BaseException:
            self._break_off()
            pool.shutdown(wait=False, cancel_futures=True)
            # What cannot be broken off (a connection that is being made, an answer that comes through a proxy) is left
            # to itself.
            under_way = [future for future in futures if not future.cancelled()]
            if wait(under_way, timeout=_PARTING_SECONDS).not_done:
                self._workers.clear()
            raise
        finally:
            pool.shutdown(wait=bool(self._workers))
            for worker in self._workers:
                worker.close()

    def _break_off(self) -> None:
        """End what is under way, in whatever thread; it leaves no result. Called from any thread, also twice."""
        self._cut = True
        self._stop.set()
        self._sender.stop()
        for worker in tuple(self._workers):
            worker.break_off()

    def _worker(self) -> Worker:
        worker = Worker(self._environment, self._options, self._sender)
        self._workers.append(worker)
        return worker

    def _iteration(self, worker: Worker, index: int, tell: Callable[[RequestResult], None] | None) -> None:
        turn = worker.begin(index, self._options.iterations)
        results = self._done.setdefault(index, [])
        at, jumps = 0, 0
        while at < len(self._chosen) and not self._stop.is_set():
            position = self._chosen[at]
            if (results or index) and self._options.delay:
                self._stop.wait(self._options.delay / 1000)
            if self._on_start:
                self._on_start(position, index + 1)
            result, jump = turn.request(position)
            if self._cut:
                return  # what was broken off says nothing of the server
            jumps += jump is not False
            at, fault = self._next(at, jump, jumps)
            if fault is not None:
                result = msgspec.structs.replace(result, faults=(*result.faults, fault))
            results.append(result)
            if tell:
                tell(result)
            if self._options.bail and not result.ok:
                self._stopped = "bail"
                self._stop.set()

    def _next(self, at: int, jump: Jump, jumps: int) -> tuple[int, Fault | None]:
        """The index of the request to go on with, and a fault where a script asked for the impossible."""
        if jump is False:
            return at + 1, None
        end = len(self._chosen)
        if jump is None:
            return end, None
        if jumps > MAX_JUMPS:
            return end, Fault("limit", "TEST_SCRIPT_ERROR", f"setNextRequest jumped more than {MAX_JUMPS:,} times")
        for index, position in enumerate(self._chosen):
            if jump in (position.request.name, position.request.id, position.request.ref_id, position.path):
                return index, None
        # The run goes on as if nothing had been said: that it was wrong is said with the request.
        return at + 1, Fault("script", "TEST_SCRIPT_ERROR", f"setNextRequest: there is no request {jump!r} in this run")


def secrets_of(
    chosen: Sequence[Position], environment: Environment | None, outside: Mapping[str, str]
) -> frozenset[str]:
    """The values of secret variables, which no report shows."""
    values = {value_of(entry) for entry in environment_entries(environment, outside) if entry["secret"]}
    for position in chosen:
        for variables in position.variables:
            values |= {item.current_value or item.initial_value for item in variables if item.secret}
    return frozenset(value for value in values if len(value) >= MIN_SECRET)


__all__ = ["Options", "Position", "positions", "run", "secrets_of"]
