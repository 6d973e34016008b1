"""The run on a terminal: a line per request as it ends, what went wrong below it, and a summary."""

from __future__ import annotations

from typing import TextIO

from hopkey.runner.results import RequestResult, RunResult

_COLOURS = {"good": "32", "bad": "31", "dim": "2", "strong": "1", "warn": "33"}


class ConsoleReporter:
    """Writes to `out` as results come in. With `colours`, ANSI escape codes."""

    def __init__(self, out: TextIO, *, colours: bool) -> None:
        self._out = out
        self._colours = colours

    def request(self, result: RequestResult) -> None:
        """One request that has ended."""
        self._line(self._paint("strong", result.path))
        answer = result.answer
        if answer is None:
            self._line(f"  {result.method} {result.url}  {self._paint('bad', 'no answer')}")
        else:
            tone = "good" if answer.status < 400 else "warn"
            status = self._paint(tone, f"{answer.status} {answer.reason}".rstrip())
            detail = self._paint("dim", f"{_milliseconds(answer.duration)}, {_size(answer.size)}")
            self._line(f"  {result.method} {result.url}  {status}  {detail}")
        for level, text in result.console:
            for line in text.splitlines() or [""]:
                self._line(f"  {self._paint('dim', f'[{level}]')} {_printable(line)}")
        for test in result.tests:
            if not test.checks:
                continue
            self._line(f"  {self._mark(test.ok)} {_printable(test.name)}")
            for check in test.checks:
                if not check.ok:
                    self._line(f"      {self._paint('bad', _printable(check.message))}")
        for fault in result.faults:
            where = f"{fault.script}: " if fault.script else ""
            self._line(f"  {self._paint('bad', fault.code)} {_printable(where + fault.message)}")
        self._line("")
        self._out.flush()

    def summary(self, result: RunResult) -> None:
        """Counts of the whole run."""
        tests = [test for request in result.requests for test in request.tests if test.checks]
        rows = (
            ("Requests", [request.answer is not None for request in result.requests]),
            ("Tests", [test.ok for test in tests]),
            ("Checks", [check.ok for check in result.checks]),
        )
        for name, outcomes in rows:
            failed = outcomes.count(False)
            passed = len(outcomes) - failed
            bad = self._paint("bad", f"{failed} failed") if failed else f"{failed} failed"
            good = self._paint("good", f"{passed} passed") if passed else f"{passed} passed"
            self._line(f"{name + ':':<10} {good}, {bad}")
        if result.faults:
            self._line(f"{'Faults:':<10} {self._paint('bad', str(len(result.faults)))}")
        self._line(f"{'Time:':<10} {_milliseconds(result.duration)}")
        verdict = self._paint("good", "Passed") if result.ok else self._paint("bad", "Failed")
        self._line(self._paint("strong", verdict))
        self._out.flush()

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


def _printable(text: str) -> str:
    """Without control characters: an answer must not be able to steer the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)
