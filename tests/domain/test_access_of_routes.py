"""Every address and method there is, by everybody who may come: the table says what each gets, and each is asked."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.automation import entry
from hopkey.server.config import current
from hopkey.server.gate.plane import ROUTES as GATE_ROUTES
from hopkey.server.gate.plane import Gate, resource_of
from hopkey.server.gate.recorder import Recorder
from hopkey.server.tokens.services import token_generate_for
from tests.conftest import People, person
from tests.domain.access_table import TABLE
from tests.domain.test_access_matrix import gate_store
from tests.support.callers import CALLERS, Callers, callers_make, routes

pytestmark = pytest.mark.database

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
REFUSED = {"405", "404", "403", "401", "sign-in"}
PROBES = ("visitor", "owner", "administrator", "automation")
"""Who asks for methods without a line: each kind of those who may do most."""


def lines() -> dict[str, tuple[str, ...]]:
    """Outcomes by ``METHOD /address``."""
    found: dict[str, tuple[str, ...]] = {}
    for words, outcomes, text in TABLE:
        expected = tuple(outcomes.split())
        assert len(expected) == len(CALLERS), f"{words}: one outcome for each of {', '.join(CALLERS)}"
        for line in filter(None, map(str.strip, text.splitlines())):
            assert line not in found, f"{line} stands in two blocks"
            found[line] = expected
    return found


@pytest.fixture
def world(people: People, monkeypatch: pytest.MonkeyPatch) -> Callers:
    monkeypatch.setattr(entry, "_DOOR", entry.Door(0))  # nobody is kept out for asking too often
    return callers_make(people)


def test_every_line_is_of_a_route() -> None:
    there = set(routes())
    assert [line for line in lines() if line.partition(" ")[2] not in there] == []


@pytest.mark.django_db
def test_everybody_gets_what_the_table_says(world: Callers) -> None:
    table, wrong, missing = lines(), [], []
    for route in routes():
        names = world.names_for(route)
        address = re.sub(r":(\w+)", lambda found: names.get(found.group(1), "nothing"), route)  # noqa: B023
        for method in METHODS:
            expected = table.get(f"{method} {route}")
            if expected is None:
                probed = [world.outcome(caller, method, address) for caller in PROBES]
                if "405" not in probed or not set(probed) <= REFUSED:
                    missing.append(_missing(world, method, route, address))
                continue
            outcomes = tuple(world.outcome(caller, method, address) for caller in CALLERS)
            wrong += [
                f"{method} {route}: {caller} gets {got}, the table says {said}"
                for caller, got, said in zip(CALLERS, outcomes, expected, strict=True)
                if got != said
            ]
    assert not missing, "\n\n".join(missing)
    assert not wrong, "\n".join(wrong)


def _missing(world: Callers, method: str, route: str, address: str) -> str:
    outcomes = " ".join(world.outcome(caller, method, address) for caller in CALLERS)
    block = next((words for words, said, _ in TABLE if said == outcomes), None)
    where = f'the block "{block}" that has these outcomes' if block else "a block of its own"
    return (
        f"tests/domain/access_table.py has no line for\n    {method} {route}\n"
        f"It answers, in the order of the table:\n    {outcomes}\n"
        f"If that is who may, write the line into {where}. If the address needs an id that exists, "
        "give it one in tests/support/callers.py."
    )


@pytest.mark.django_db(transaction=True)
def test_the_gate_lets_in_tokens_and_nobody_else(people: People, tmp_path: Path) -> None:
    world = callers_make(people)
    boss = person("Root", administrator=True)
    holders = {"stranger": people.olga, "viewer": people.vi, "editor": people.ed, "owner": people.ana, "boss": boss}
    tokens = {
        name: token_generate_for(owner=user, label="gate", days=30, by=OPERATOR).text for name, user in holders.items()
    }
    tokens |= {"nobody": "", "automation": world.tokens["automation"]}
    ids = {"collection": world.names["collection_id"], "environment": world.names["environment_id"], "reach": ""}

    store = gate_store(tmp_path)

    async def ask() -> dict[tuple[str, str, str], int]:
        gate = Gate(current(), store, Recorder(_nothing))
        found = {}
        for route in GATE_ROUTES:
            kind, _ = resource_of(route) or ("", "")
            for method in METHODS:
                for name, text in tokens.items():
                    found[route, method, name] = await _status(gate, method, kind, ids[kind], text)
        await gate.close()
        return found

    for (route, method, name), status in asyncio.run(ask()).items():
        if method != "GET":
            expected = 405
        elif name in ("nobody", "automation"):
            expected = 401
        elif name in ("stranger", "boss") and not route.endswith("/reach"):
            expected = 404
        else:
            expected = 200
        assert status == expected, (route, method, name)


async def _status(gate: Gate, method: str, kind: str, identity: str, token: str) -> int:
    """A session's cookie is sent with each: the gate does not know it."""
    headers = [(b"cookie", b"hopkey_session=something")]
    if token:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {"type": "http", "method": method, "headers": headers, "client": ("127.0.0.1", 1)}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await gate(scope, send, kind, identity)
    return int(sent[0]["status"])


class _Nothing:
    """A writer of last uses, which this test does not look at."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def _nothing() -> Any:
    return _Nothing()
