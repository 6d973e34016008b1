"""A company of eleven people for the pictures of the console: `python demo/company.py`, into an empty data directory.

Everything is made by the use cases; only moments are moved into the past afterwards, and the days that nobody counted
are filled in. The same every time, but for ids and tokens.
"""

from __future__ import annotations

import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).parent))

import run as demo

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

    from hopkey.server.audit.actor import OPERATOR
    from hopkey.server.people.services import person_create
    from hopkey.server.tokens.models import Token
    from hopkey.server.tokens.services import token_generate_for
    from hopkey.server.workspaces.models import Role, Workspace
    from hopkey.server.workspaces.services import member_add, team_create

    now = timezone.now()
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
    for number in range(TOKENS):
        days = chance.choice((7, 30, 30, 60, 90, 90, None))
        label = f"{chance.choice(JOBS)} {chance.choice(PLACES)}"
        token = token_generate_for(owner=chance.choice(people), label=label, days=days, by=OPERATOR).token
        age = timedelta(days=chance.uniform(0, 0.95 * (days or 200)), minutes=number)
        ends = None if days is None else now - age + timedelta(days=days)
        Token.objects.filter(pk=token.pk).update(created_at=now - age, expires_at=ends)
        use(token.pk, now - age, now, chance)
    days_fill(now, chance)


def use(token_id: int, since: datetime, now: datetime, chance: random.Random) -> None:
    from hopkey.server.tokens.models import Use

    row = Use.objects.filter(token_id=token_id)
    if chance.random() < 0.15:
        row.update(idle_since=since)
        return
    at = max(since, now - timedelta(hours=chance.expovariate(1 / 90)))
    address = f"10.{chance.choice((20, 24, 31))}.{chance.randrange(8)}.{chance.randrange(2, 250)}"
    row.update(used_at=at, idle_since=at, address=address, agent=chance.choice(AGENTS))


def days_fill(now: datetime, chance: random.Random) -> None:
    """The thirty days before, as if the server had counted them."""
    from hopkey.server.figures.models import Day
    from hopkey.server.figures.services import DAYS, figures_take

    today = figures_take(now=now)
    live, never = today.live or 0, today.never_expires or 0
    for back in range(1, DAYS):
        day = now - timedelta(days=back)
        working = day.weekday() < 5
        generated = chance.choice((0, 2, 3, 5, 8)) if working else 0
        deleted = chance.choice((0, 0, 1, 2, 3)) if working else 0
        live -= max(0, generated - deleted) // 2
        never -= back % 5 == 0
        values = {
            "at": day,
            "users": len(PEOPLE) - back // 11,
            "teams": (today.teams or 0) - back // 14,
            "live": live,
            "never_expires": never,
            "expiring": max(0, (today.expiring or 0) + chance.randrange(-4, 5)),
            "unused": max(0, (today.unused or 0) - back // 12),
            "generated": generated,
            "deleted": deleted,
            "refused": chance.randrange(4, 40) if working else chance.randrange(0, 9),
        }
        Day.objects.update_or_create(day=day.date(), defaults=values)
    Day.objects.filter(day=now.date()).update(generated=4, deleted=1, refused=17)


if __name__ == "__main__":
    sys.exit(main())
