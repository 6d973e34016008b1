"""What the gate writes: last uses and refused attempts, collected in memory and written in batches by a thread.

Nothing of it is on the path of a request, and nothing of it is a change of authority.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from hopkey.server.audit.names import TOKEN_REFUSED
from hopkey.server.changes.watched import KEEP
from hopkey.server.notices.places import network_of

_LOG = logging.getLogger("hopkey.gate")
_EVERY_SECONDS = 2.0
_REFUSALS_EVERY_SECONDS = 30.0
_PRUNE_EVERY_SECONDS = 600.0
_MAX_REFUSALS = 500
_MAX_USES = 100_000
_MAX_KNOWN = 100_000
_AGENT_LENGTH = 200
_ADDRESS_LENGTH = 45


@dataclass(frozen=True, slots=True)
class LastUse:
    """The newest use of a token: seconds since the epoch, and from where."""

    at: float
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Place:
    """A use of a token from a network that this process has not seen it in."""

    token_id: int
    network: str
    at: float
    address: str
    agent: str


class Writer(Protocol):
    """A database connection for writing, by plain SQL."""

    def uses(self, uses: dict[int, LastUse], places: list[Place]) -> None: ...
    def refusals(self, refusals: list[tuple[Any, ...]]) -> None: ...
    def prune(self, keep: int) -> None: ...
    def close(self) -> None: ...


class Recorder:
    """`open_writer` makes a connection for each batch: a broken one costs one batch's delay, not its content."""

    def __init__(self, open_writer: Any) -> None:
        self._open_writer = open_writer
        self._lock = threading.Lock()
        # By address too, so that a use from elsewhere is not lost behind the next one from the usual place.
        self._uses: dict[tuple[int, str], tuple[float, bytes]] = {}
        self._known: dict[tuple[int, str], None] = {}
        self._refusals: dict[tuple[str, str, str], list[Any]] = {}
        self._stop = threading.Event()
        self._pruned = self._refused = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="gate recorder", daemon=True)
        self._thread.start()

    def used(self, token_id: int, at: float, address: str, agent: bytes) -> None:
        """A token was served at `at`, in seconds since the epoch."""
        self._uses[token_id, address[:_ADDRESS_LENGTH]] = (at, agent[:_AGENT_LENGTH])

    def refused(self, public_id: str, reason: str, address: str, agent: bytes) -> None:
        """A token was refused. Counted by token, reason and address; too many different ones go without address."""
        key = (public_id, reason, address[:_ADDRESS_LENGTH])
        entry = self._refusals.get(key)
        if entry is None and len(self._refusals) >= _MAX_REFUSALS:
            key = ("", reason, "")
            entry = self._refusals.get(key)
        if entry is None:
            self._refusals[key] = [1, time.time(), _agent(agent)]
        else:
            entry[0] += 1

    def close(self) -> bool:
        """Write what is left, and stop. Whether that is done: a database that takes longer than 10 s is not waited
        for.
        """
        self._stop.set()
        self._thread.join(10)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self._flush(final=False)
        self._flush(final=True)

    def _flush(self, *, final: bool) -> None:
        now = time.monotonic()
        uses, self._uses = self._uses, {}
        refusals: dict[tuple[str, str, str], list[Any]] = {}
        if self._refusals and (final or now - self._refused >= _REFUSALS_EVERY_SECONDS):
            refusals, self._refusals = self._refusals, {}
            self._refused = now
        prune = now - self._pruned >= _PRUNE_EVERY_SECONDS
        if not (uses or refusals or prune):
            return
        try:
            with closing(self._open_writer()) as writer:
                if uses:
                    writer.uses(_last(uses), self._places(uses))
                    self._remember(uses)
                    uses = {}
                if refusals:
                    writer.refusals([_audit_row(key, entry) for key, entry in refusals.items()])
                    refusals = {}
                if prune:
                    writer.prune(KEEP)
                    self._pruned = now
        except Exception as error:  # noqa: BLE001 - whatever the database says, the thread goes on
            _LOG.warning("last uses could not be written, will try again: %s", type(error).__name__)
            for pair, use in uses.items():
                if len(self._uses) < _MAX_USES:
                    self._uses.setdefault(pair, use)
            for key, entry in refusals.items():
                if len(self._refusals) < _MAX_REFUSALS:
                    self._refusals.setdefault(key, entry)

    def _places(self, uses: dict[tuple[int, str], tuple[float, bytes]]) -> list[Place]:
        """The networks among these uses that may be new; the database knows better."""
        found: dict[tuple[int, str], Place] = {}
        for (token_id, address), (at, agent) in uses.items():
            if (token_id, address) in self._known:
                continue
            network = network_of(address)
            if network:
                found.setdefault((token_id, network), Place(token_id, network, at, address, _agent(agent)))
        return list(found.values())

    def _remember(self, uses: dict[tuple[int, str], tuple[float, bytes]]) -> None:
        if len(self._known) + len(uses) > _MAX_KNOWN:
            # All are asked for once more, which is cheap; keeping an order of them would cost more.
            self._known.clear()
        self._known.update(dict.fromkeys(uses))


def _last(uses: dict[tuple[int, str], tuple[float, bytes]]) -> dict[int, LastUse]:
    """The newest use of each token, wherever it came from."""
    found: dict[int, LastUse] = {}
    for (token_id, address), (at, agent) in uses.items():
        known = found.get(token_id)
        if known is None or at >= known.at:
            found[token_id] = LastUse(at, address, _agent(agent))
    return found


def _agent(value: bytes) -> str:
    """A User-Agent as it is kept: bounded, and without NUL, which PostgreSQL refuses."""
    return value[:_AGENT_LENGTH].decode("latin-1").replace("\0", "")


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _audit_row(key: tuple[str, str, str], entry: list[Any]) -> tuple[Any, ...]:
    """at, event, actor, actor label, subject kind, subject id, subject label, address, agent, detail."""
    public_id, reason, address = key
    count, at, agent = entry
    detail = json.dumps({"reason": reason, "count": count})
    return utc(at), TOKEN_REFUSED, "", "", "token", public_id, "", address, agent, detail
