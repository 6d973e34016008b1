"""A company of eleven people for the pictures of the console: `python demo/company.py`, into an empty data directory.

Everything is made by the use cases, under a clock that goes through the last two hundred days; afterwards the days that
nobody counted are filled in. The same every time, but for ids and tokens.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import django

sys.path.insert(0, str(Path(__file__).parent))

import run as demo

if TYPE_CHECKING:
    from hopkey.server.accounts.models import User

ADMINISTRATOR = "amara.okoye@example.com"
PEOPLE = (
    ("Amara Okoye", "Platform", "Payments"),
    ("Jonas Weber", "Platform", "Search"),
    ("Liam Byrne", "Payments"),
    ("Iris Kovac", "Platform", "Mobile"),
    ("Chidi Eze", "Search", "Warehouse"),
    ("Goran Petrov", "Payments", "Mobile"),
    ("Emil Berg", "Warehouse"),
    ("Lea Lang", "Mobile"),
    ("Sofia Ricci", "Identity", "Platform"),
    ("Noor Haddad", "Identity"),
    ("Cleo Jung", "Search", "Identity"),
)
JOBS = ("nightly build", "release pipeline", "smoke test", "contract test", "load test", "dashboard", "canary")
PLACES = ("staging", "production", "sandbox", "eu-west", "laptop")
AGENTS = ("hopkey/0.1.0 (Linux)", "hopkey/0.1.0 (Darwin)", "hopp-cli/0.31.0", "python-requests/2.32")
TOKENS = 104
GONE = 38
DAYS = 30


def main() -> int:
    django.setup()
    from hopkey.server import preparing
    from hopkey.server.config import current

    preparing.prepare(current())
    preparing.migrate(current())
    fill(random.Random(7))
    return 0


def fill(chance: random.Random) -> None:
    from django.utils import timezone

    now = timezone.now()
    people = people_make()
    acts: list[tuple[datetime, Callable[[], None]]] = []
    for number in range(TOKENS + GONE):
        days = chance.choice((7, 30, 30, 60, 90, 90, None))
        label = f"{chance.choice(JOBS)} {chance.choice(PLACES)}"
        born = now - timedelta(days=chance.uniform(0, 0.95 * (days or 200)))
        gone = chance.uniform(0, 1) if number >= TOKENS else None
        acts += life(label, chance.choice(people), days, born, gone, chance, now)
    for back in range(DAYS):
        busy = (now - timedelta(days=back)).weekday() < 5
        acts += refusals(now - timedelta(days=back, hours=1), chance.randrange(4, 40) if busy else chance.randrange(9))
    for moment, act in sorted(acts, key=lambda item: item[0]):
        with mock.patch("django.utils.timezone.now", return_value=moment):
            act()
    days_fill(now, chance)


def people_make() -> list[User]:
    from hopkey.server.audit.actor import OPERATOR
    from hopkey.server.people.services import person_create
    from hopkey.server.workspaces.models import Role, Workspace
    from hopkey.server.workspaces.services import member_add, team_create

    teams: dict[str, Workspace] = {}
    people = []
    for name, *belongs in PEOPLE:
        email = f"{name.lower().replace(' ', '.')}@example.com"
        person = person_create(
            email=email, name=name, password=demo.PASSWORD, is_administrator=email == ADMINISTRATOR, by=OPERATOR
        )
        people.append(person)
        for team in belongs:
            if team in teams:
                member_add(team=teams[team], user=person, role=Role.EDITOR, by=OPERATOR)
            else:
                teams[team] = team_create(name=team, owner=person, by=OPERATOR)
    return people


def life(
    label: str,
    owner: User,
    days: int | None,
    born: datetime,
    gone: float | None,
    chance: random.Random,
    now: datetime,
) -> list[tuple[datetime, Callable[[], None]]]:
    """A token is generated, perhaps used, and perhaps deleted, `gone` (0 to 1) of its way to today."""
    from hopkey.server.audit.actor import Actor
    from hopkey.server.tokens.models import Use
    from hopkey.server.tokens.services import token_delete, token_generate_for

    by = Actor(owner.pk, owner.email)
    used = None if chance.random() < 0.15 else max(born, now - timedelta(hours=chance.expovariate(1 / 90)))
    address = f"10.{chance.choice((20, 24, 31))}.{chance.randrange(8)}.{chance.randrange(2, 250)}"
    agent = chance.choice(AGENTS)
    made: list[int] = []

    def generate() -> None:
        token = token_generate_for(owner=owner, label=label, days=days, by=by).token
        made.append(token.pk)
        if used is not None:
            Use.objects.filter(token=token).update(used_at=used, idle_since=used, address=address, agent=agent)

    def delete() -> None:
        token_delete(token_id=made[0], by=by)

    return [(born, generate)] if gone is None else [(born, generate), (born + gone * (now - born), delete)]


def refusals(moment: datetime, count: int) -> list[tuple[datetime, Callable[[], None]]]:
    from hopkey.server.audit.actor import Actor
    from hopkey.server.audit.models import Event
    from hopkey.server.audit.services import record

    def refuse() -> None:
        record(Event.TOKEN_REFUSED, by=Actor(address="10.20.3.9"), kind="token", detail={"count": count})

    return [(moment, refuse)] if count else []


def days_fill(now: datetime, chance: random.Random) -> None:
    """How many there were of everything in the days before, as if the server had counted."""
    from hopkey.server.figures.models import Day
    from hopkey.server.figures.services import figures_take

    today = figures_take(now=now)
    days = {day.day: day for day in Day.objects.all()}
    live, never = today.live or 0, today.never_expires or 0
    for back in range(1, DAYS):
        day = days[(now - timedelta(days=back)).date()]
        live -= max(0, day.generated - day.deleted) // 2
        never -= back % 5 == 0
        day.users, day.teams = len(PEOPLE) - back // 11, (today.teams or 0) - back // 14
        day.live, day.never_expires = live, never
        day.expiring = max(0, (today.expiring or 0) + chance.randrange(-4, 5))
        day.unused = max(0, (today.unused or 0) - back // 12)
        day.save()


if __name__ == "__main__":
    sys.exit(main())
