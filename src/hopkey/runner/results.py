"""What a run leaves behind: frozen, complete, and enough for every reporter and exit code.

A *failure* is an assertion that did not hold; a *fault* is anything that kept a request or a script from being
carried out (network, script, format, limit). The two are never mixed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

FaultKind = Literal["network", "script", "format", "limit", "status"]


class Check(msgspec.Struct, frozen=True):
    """One expectation: whether it held, and the message. ``is_error``: it could not be judged, and does not hold."""

    ok: bool
    message: str
    is_error: bool = False


class TestResult(msgspec.Struct, frozen=True):
    """One ``test(...)`` block with its expectations."""

    __test__ = False  # a result, not a test class

    name: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


class Fault(msgspec.Struct, frozen=True):
    """Something that could not be carried out. ``code`` is the official error code (docs/cli.md)."""

    kind: FaultKind
    code: str
    message: str
    script: str = ""


class Answer(msgspec.Struct, frozen=True):
    """The response to a request. ``duration`` in milliseconds, ``size`` of the body in bytes."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    duration: float
    url: str = ""

    @property
    def size(self) -> int:
        return len(self.body)


class Sent(msgspec.Struct, frozen=True):
    """What went over the wire, redirects aside. ``credentials``: values that authorized it, which no report shows."""

    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    credentials: frozenset[str] = frozenset()


class RequestResult(msgspec.Struct, frozen=True):
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


class RunResult(msgspec.Struct, frozen=True):
    """A whole run. ``duration`` in milliseconds, ``started`` in seconds since the epoch.

    ``stopped`` says why it ended before its end: a failure with ``bail``, or an interruption. ``secrets`` are the
    values that no report may show.
    """

    requests: tuple[RequestResult, ...]
    duration: float
    started: float = 0.0
    iterations: int = 1
    stopped: Literal["", "bail", "interrupted"] = ""
    secrets: frozenset[str] = frozenset()

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
