"""What a run leaves behind: frozen, complete, and enough for every reporter and exit code.

A *failure* is an assertion that did not hold; a *fault* is anything that kept a request or a script from being
carried out (network, script, format, limit). The two are never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FaultKind = Literal["network", "script", "format", "limit", "status"]


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: whether it held, and the message. ``is_error``: it could not be judged, and does not hold."""

    ok: bool
    message: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class TestResult:
    """One ``test(...)`` block with its expectations."""

    __test__ = False  # a result, not a test class

    name: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that could not be carried out. ``code`` is the official error code (docs/cli.md)."""

    kind: FaultKind
    code: str
    message: str
    script: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a request. ``duration`` in milliseconds, ``size`` of the body in bytes."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    duration: float
    url: str = ""

    @property
    def size(self) -> int:
        return len(self.body)


@dataclass(frozen=True, slots=True)
class Sent:
    """What went over the wire, redirects aside."""

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RequestResult:
    """One request of the run. ``path`` is ``Collection/Folder/Request``; ``console`` is what its scripts logged.

    ``iteration`` counts from 1. ``started`` is in seconds since the epoch, ``test_duration`` in milliseconds.
    ``skipped``: a script said not to send it.
    """

    path: str
    method: str
    url: str
    answer: Answer | None
    tests: tuple[TestResult, ...]
    faults: tuple[Fault, ...]
    console: tuple[tuple[str, str], ...]
    test_duration: float = 0.0
    iteration: int = 1
    started: float = 0.0
    sent: Sent | None = None
    skipped: bool = False

    @property
    def ok(self) -> bool:
        return not self.faults and all(test.ok for test in self.tests)


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run. ``duration`` in milliseconds, ``started`` in seconds since the epoch.

    ``stopped`` says why it ended before its end: a failure with ``bail``, or an interruption. ``secrets`` are the
    values that no report may show.
    """

    requests: tuple[RequestResult, ...]
    duration: float
    started: float = 0.0
    iterations: int = 1
    stopped: Literal["", "bail", "interrupted"] = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(check for request in self.requests for test in request.tests for check in test.checks)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(fault for request in self.requests for fault in request.faults)

    @property
    def ok(self) -> bool:
        """Something was sent, nothing was broken off, and everything passed."""
        ran = any(not request.skipped for request in self.requests)
        return ran and self.stopped != "interrupted" and all(request.ok for request in self.requests)
