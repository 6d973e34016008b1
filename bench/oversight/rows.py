"""The rows of a large installation, the same for both databases: made once from a fixed lot, yielded table by table.

Twenty thousand people at a million tokens, a few of whom (service accounts) own a thousand each; teams of a dozen;
tokens of three years, of which a third has expired, a fifth never expires, two fifths reach only chosen teams and a
quarter was never used; three people of a hundred have left.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hopkey.server.tokens.format import ALPHABET

FIRST = (
    "Ana",
    "Ben",
    "Cleo",
    "Dora",
    "Emil",
    "Fay",
    "Gus",
    "Hana",
    "Ivo",
    "Jana",
    "Karl",
    "Lea",
    "Max",
    "Nora",
    "Otto",
)
LAST = ("Abel", "Berg", "Claus", "Dahl", "Ebner", "Fuchs", "Gruber", "Huber", "Imhof", "Jung", "Kern", "Lang", "Moser")
WHAT = ("nightly", "deploy", "smoke", "contract", "load", "billing", "orders", "search", "monitor", "release")
WHERE = ("staging", "production", "sandbox", "laptop", "ci", "cron")
RARE = "vault rotation"
"""Stands in one label of ten thousand."""
AGENTS = ("hopkey/1.0", "hopp/0.30", "curl/8.9", "python-requests/2.32")
DAY = timedelta(days=1)
PER_OWNER = 1000


@dataclass(frozen=True)
class Plan:
    """How much of everything. Ids of people and teams are their numbers with a letter before."""

    tokens: int
    now: datetime

    @property
    def users(self) -> int:
        return max(40, self.tokens // 50)

    @property
    def teams(self) -> int:
        return max(8, self.users // 12)

    @property
    def services(self) -> int:
        """People who own `PER_OWNER` tokens, together a tenth of all."""
        return self.tokens // 10 // PER_OWNER


def user_id(number: int) -> str:
    return f"u{number:023d}"


def team_id(number: int) -> str:
    return f"t{number:023d}"


def users(plan: Plan) -> Iterator[tuple[Any, ...]]:
    lots = random.Random(1)
    for number in range(plan.users):
        first, last = lots.choice(FIRST), lots.choice(LAST)
        name = f"Service {number}" if number < plan.services else f"{first} {last}"
        email = f"{first}.{last}.{number}@example.com".lower()
        created = plan.now - lots.random() * 1095 * DAY
        signed_in = created + DAY if lots.random() < 0.9 else None
        yield user_id(number), email, name, number % 33 != 32, number == 0, created, 0, "!", signed_in


def workspaces(plan: Plan) -> Iterator[tuple[Any, ...]]:
    for number in range(plan.teams):
        yield team_id(number), "team", f"Team {number}", None, plan.now - 1000 * DAY


def memberships(plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Everybody is in two teams; the first of a team owns it."""
    owned: set[int] = set()
    for number in range(plan.users):
        for team in {number % plan.teams, (number * 7 + 3) % plan.teams}:
            role = "VIEWER" if team in owned else "OWNER"
            owned.add(team)
            yield team_id(team), user_id(number), role, plan.now - 900 * DAY


@dataclass(frozen=True)
class TokenRow:
    """One token with its use and grants."""

    token: tuple[Any, ...]
    use: tuple[Any, ...]
    grants: list[tuple[Any, ...]]


def tokens(plan: Plan) -> Iterator[TokenRow]:
    lots = random.Random(2)
    pick, chance = lots.choice, lots.random
    digits = ALPHABET
    for number in range(1, plan.tokens + 1):
        created = plan.now - (1 - number / plan.tokens) * 1095 * DAY - DAY / 24
        owner = _owner(plan, number, lots)
        kind = chance()
        if kind < 0.2:
            expires = None
        elif kind < 0.5:
            expires = created + pick((7, 30, 60, 90)) * DAY
        else:
            expires = plan.now + chance() * 90 * DAY
        label = f"{pick(WHAT)} {pick(WHERE)} {pick(WHAT)} {number}"
        if number % 10_000 == 7:
            label = f"{RARE} {number}"
        restricted = chance() < 0.4
        public = "".join(lots.choices(digits, k=12))
        ends = min(expires or plan.now, plan.now)
        used = None if chance() < 0.25 else created + chance() ** 0.5 * (ends - created)
        address, agent = ("", "") if used is None else (f"10.{number % 250}.{number % 199}.{number % 97}", pick(AGENTS))
        yield TokenRow(
            (number, public, lots.randbytes(32), label, user_id(owner), created, expires, restricted, "[]"),
            (number, used, used or created, address, agent),
            [(number, team_id(owner % plan.teams))] if restricted else [],
        )


def _owner(plan: Plan, number: int, lots: random.Random) -> int:
    if number % 10 == 0 and plan.services:
        return (number // 10) % plan.services
    # A few people have many: the square bends the lot towards the first.
    return plan.services + int(lots.random() ** 1.5 * (plan.users - plan.services))


def events(plan: Plan, token: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    """The event of a token's generation; every fiftieth is of an attempt that was refused."""
    public, label, owner, created = token[1], token[3], token[4], token[5]
    if number % 50 == 0:
        return created, "token.refused", "", "", "token", public, "", "192.0.2.1", "curl/8.9", json.dumps({"count": 3})
    detail = json.dumps({"owner": owner, "expires": None, "teams": None, "networks": []})
    return (
        created,
        "token.generated",
        owner,
        f"{owner}@example.com",
        "token",
        public,
        label,
        "192.0.2.7",
        "Firefox",
        detail,
    )


def plan_of(tokens: int) -> Plan:
    return Plan(tokens, datetime.now(UTC).replace(microsecond=123456))
