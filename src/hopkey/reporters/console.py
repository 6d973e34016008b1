"""The run on a terminal: a line per request as it ends, what went wrong below it, and a summary."""

from __future__ import annotations

from enum import Enum
from typing import TextIO

from hopkey.reporters.printable import printable
from hopkey.reporters.redaction import Redactor
from hopkey.runner.results import RequestResult, RunResult

_COLOURS = {"good": "32", "bad": "31", "dim": "2", "strong": "1", "warn": "33"}
MAX_BODY = 4096


class Detail(Enum):
    """How much to show: only what failed, each request, or each request with what went over the wire."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


class ConsoleReporter:
    """Writes to `out` as results come in. With `colours`, ANSI escape codes. `secrets` are never shown."""

    def __init__(
        self,
        out: TextIO,
        *,
        colours: bool,
        detail: Detail = Detail.NORMAL,
        iterations: int = 1,
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        self._out = out
        self._colours = colours
        self._detail = detail
        self._iterations = iterations
        self._iteration = 0
        self._redactor = Redactor(secrets)

    def request(self, result: RequestResult) -> None:
        """One request that has ended."""
        if self._detail is Detail.QUIET and result.ok:
            return
        if self._iterations > 1 and result.iteration != self._iteration:
            self._iteration = result.iteration
            self._line(self._paint("dim", f"Iteration {result.iteration} of {self._iterations}"))
            self._line("")
        self._line(self._paint("strong", self._shown(result.path)))
        self._exchange(result)
        for level, text in result.console:
            for line in text.splitlines() or [""]:
                self._line(f"  {self._paint('dim', f'[{level}]')} {self._shown(line)}")
        for test in result.tests:
            if not test.checks:
                continue
            self._line(f"  {self._mark(test.ok)} {self._shown(test.name)}")
            for check in test.checks:
                if not check.ok:
                    self._line(f"      {self._paint('bad', self._shown(check.message))}")
        for fault in result.faults:
            where = f"{fault.script}: " if fault.script else ""
            self._line(f"  {self._paint('bad', fault.code)} {self._shown(where + fault.message)}")
        self._line("")
        self._out.flush()

    def _exchange(self, result: RequestResult) -> None:
        answer = result.answer
        url = self._redactor.knowing(result.sent).text(result.url)
        line = f"  {printable(result.method)} {printable(url)}"
        if result.skipped:
            self._line(f"{line}  {self._paint('dim', 'skipped by its script')}")
        elif answer is None:
            self._line(f"{line}  {self._paint('bad', 'no answer')}")
        else:
            tone = "good" if answer.status < 400 else "warn" if answer.status < 500 else "bad"
            status = self._paint(tone, printable(f"{answer.status} {answer.reason}".rstrip()))
            detail = self._paint("dim", f"{_milliseconds(answer.duration)}, {_size(answer.size)}")
            self._line(f"{line}  {status}  {detail}")
        if self._detail is not Detail.VERBOSE:
            return
        wire = self._redactor.knowing(result.sent)
        if result.sent is not None:
            self._message("→", result.sent.headers, result.sent.body, wire)
        if answer is not None:
            self._message("←", answer.headers, answer.body, wire)

    def _message(
        self, arrow: str, headers: tuple[tuple[str, str], ...], body: bytes | None, redactor: Redactor
    ) -> None:
        mark = self._paint("dim", arrow)
        for name, value in redactor.headers(headers):
            self._line(f"    {mark} {printable(name)}: {printable(value)}")
        for line in redactor.body(body, MAX_BODY).splitlines():
            self._line(f"    {mark}   {printable(line)}")

    def summary(self, result: RunResult) -> None:
        """Counts of the whole run."""
        tests = [test for request in result.requests for test in request.tests if test.checks]
        sent = [request for request in result.requests if not request.skipped]
        rows = (
            ("Requests", [request.answer is not None for request in sent]),
            ("Tests", [test.ok for test in tests]),
            ("Checks", [check.ok for check in result.checks]),
        )
        for name, outcomes in rows:
            failed = outcomes.count(False)
            passed = len(outcomes) - failed
            bad = self._paint("bad", f"{failed} failed") if failed else f"{failed} failed"
            good = self._paint("good", f"{passed} passed") if passed else f"{passed} passed"
            self._line(f"{name + ':':<10} {good}, {bad}")
        skipped = len(result.requests) - len(sent)
        if skipped:
            self._line(f"{'Skipped:':<10} {skipped}")
        if result.faults:
            self._line(f"{'Faults:':<10} {self._paint('bad', str(len(result.faults)))}")
        self._line(f"{'Time:':<10} {_milliseconds(result.duration)}")
        if result.stopped == "bail":
            self._line("Stopped at the first failure (--bail).")
        verdict = self._paint("good", "Passed") if result.ok else self._paint("bad", "Failed")
        if result.stopped == "interrupted":
            verdict = self._paint("bad", "Interrupted")
        self._line(self._paint("strong", verdict))
        self._out.flush()

    def _shown(self, text: str) -> str:
        return printable(self._redactor.text(text))

    def _mark(self, ok: bool) -> str:
        return self._paint("good", "✔") if ok else self._paint("bad", "✖")

    def _paint(self, tone: str, text: str) -> str:
        return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m" if self._colours else text

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")


def _milliseconds(value: float) -> str:
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms"


def _size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} kB"
