"""What goes into a script run and what comes out: plain data, so that any engine could stand behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

Variable = dict[str, Any]
"""One variable: ``key``, ``initialValue``, ``currentValue``, ``secret``."""


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one script. A script that passes one ends with a `ScriptError`; the process never suffers.

    ``seconds`` is wall-clock time, waiting for timers and answers included.
    """

    seconds: float = 30.0
    memory_bytes: int = 64 * 1024 * 1024
    stack_bytes: int = 256 * 1024
    output_characters: int = 1_000_000
    results: int = 20_000
    pending: int = 1_000


class ScriptResponse(msgspec.Struct, frozen=True):
    """The answer a test script looks at. ``headers`` in order of arrival; ``duration`` in milliseconds."""

    status: int
    status_text: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    duration: float


class Iteration(msgspec.Struct, frozen=True):
    """Which turn of a run this is: counted from 0, of ``count``, with the row of data that belongs to it."""

    index: int = 0
    count: int = 1
    data: Mapping[str, str] = msgspec.field(default_factory=dict)


class Script(msgspec.Struct, frozen=True):
    """One script, or a chain of them, and its world.

    ``name`` says where it stands ("Orders / Create: test script"), for messages; ``then`` are names and sources of
    those that follow it in the same engine, so that they find what it put into ``globalThis``; one that throws ends
    the chain, and none of its results count. ``request`` is the request with what
    it inherits, in the newest schema; ``url`` where it goes.
    """

    phase: Literal["pre", "test"]
    source: str
    name: str
    then: Sequence[tuple[str, str]] = ()
    selected: Sequence[Variable] = ()
    global_: Sequence[Variable] = ()
    collection: Sequence[Variable] = ()
    request: Mapping[str, Any] = msgspec.field(default_factory=dict)
    response: ScriptResponse | None = None
    environment: str = ""
    url: str = ""
    iteration: Iteration = msgspec.field(default_factory=Iteration)


_MODULE_MARK = "export {};"


def source_clean(source: str) -> str:
    """A script without the mark that the app puts at its head, and without space around it; empty for no script."""
    text = source.strip()
    if text.startswith(_MODULE_MARK):
        text = text.removeprefix(_MODULE_MARK).removeprefix("\n")
    return text if text.strip() else ""


class Expectation(msgspec.Struct, frozen=True):
    """One outcome of an ``expect``: passed or not, and the message the official runner gives.

    ``is_error``: what was expected makes no sense for the value, so it was not judged.
    """

    ok: bool
    message: str
    is_error: bool = False


class TestBlock(msgspec.Struct, frozen=True):
    """A ``test(name, ...)`` of a script with its expectations in order."""

    __test__ = False  # not a test class, whatever its name makes pytest think

    name: str
    expectations: tuple[Expectation, ...]


class Outcome(msgspec.Struct, frozen=True):
    """What a script left behind.

    ``request`` and ``data`` are None where the script did not change them. ``next_request`` names the request to go on
    with, None ends the run, False says nothing; ``skip`` says not to send the request.
    """

    selected: tuple[Variable, ...]
    global_: tuple[Variable, ...]
    tests: tuple[TestBlock, ...]
    console: tuple[tuple[str, str], ...]
    collection: tuple[Variable, ...] = ()
    request: dict[str, Any] | None = None
    data: dict[str, str] | None = None
    next_request: str | Literal[False] | None = False
    skip: bool = False


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


class FetchRequest(msgspec.Struct, frozen=True):
    """A request that a script makes: ``fetch``, ``pm.sendRequest``, or ``import`` from an address."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    follow: bool = True


class FetchResponse(msgspec.Struct, frozen=True):
    """What came back; ``url`` is where redirects led."""

    status: int
    status_text: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    url: str


class Host(Protocol):
    """What scripts reach beyond themselves, all of it bounded by whoever implements it."""

    def predefined(self, name: str) -> str | None:
        """The value of a ``$`` variable; None for an unknown name."""
        ...

    def fetch(self, request: FetchRequest, seconds: float) -> FetchResponse:
        """Perform a request within `seconds`, from any thread. Raises `OSError` when there is no answer."""
        ...

    def module(self, url: str, seconds: float) -> FetchResponse:
        """Bring a module for ``import``. Raises `OSError`, also where imports are forbidden."""
        ...

    def cookies(self, operation: str, place: str, argument: Any) -> Any:
        """``all``, ``set``, ``delete`` and ``clear`` for a host name or address. Raises `ValueError`."""
        ...
