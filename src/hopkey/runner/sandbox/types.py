"""What goes into a script run and what comes out: plain data, so that any engine could stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Variable = dict[str, Any]
"""One variable: ``key``, ``initialValue``, ``currentValue``, ``secret``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one script. A script that passes one ends with a `ScriptError`; the process never suffers.

    ``seconds`` is wall-clock time, waiting for timers and answers included.
    """

    seconds: float = 30.0
    memory_bytes: int = 64 * 1024 * 1024
    stack_bytes: int = 256 * 1024
    output_characters: int = 1_000_000
    results: int = 20_000
    pending: int = 1_000


@dataclass(frozen=True, slots=True)
class ScriptResponse:
    """The answer a test script looks at. ``headers`` in order of arrival; ``duration`` in milliseconds."""

    status: int
    status_text: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    duration: float


@dataclass(frozen=True, slots=True)
class Script:
    """One script and its world. ``name`` says where it stands ("Orders / Create: test script"), for messages."""

    phase: Literal["pre", "test"]
    source: str
    name: str
    selected: Sequence[Variable] = ()
    global_: Sequence[Variable] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    response: ScriptResponse | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """One outcome of an ``expect``: passed or not, and the message the official runner gives."""

    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class TestBlock:
    """A ``test(name, ...)`` of a script with its expectations in order."""

    __test__ = False  # not a test class, whatever its name makes pytest think

    name: str
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script left behind."""

    selected: tuple[Variable, ...]
    global_: tuple[Variable, ...]
    request: dict[str, Any]
    tests: tuple[TestBlock, ...]
    console: tuple[tuple[str, str], ...]


class ScriptError(Exception):
    """A script that did not finish. ``kind`` says why; ``message`` is fit for the person who wrote the script."""

    def __init__(
        self,
        kind: Literal["syntax", "runtime", "timeout", "memory", "output", "engine"],
        message: str,
        script: str,
        console: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.script = script
        self.console = console


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """A request a script makes: ``import`` from a URL."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class FetchResponse:
    status: int
    status_text: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    url: str


Fetch = Callable[[FetchRequest], FetchResponse]
"""Performs a request for a script. Raises `OSError` when there is no answer."""
