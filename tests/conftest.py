"""Fixtures of the tests that use Django in this process: on SQLite in memory, or on the PostgreSQL of
HOPKEY_DATABASE_URL (tests/run.py does both).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.db import connection

from hopkey.server import config
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.people.services import person_create
from hopkey.server.workspaces.models import Role, Workspace
from hopkey.server.workspaces.services import member_add, team_create

PASSWORD = "correct-horse-battery"


Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Settings by environment variable for one test: ``configure(HOPKEY_SIGNUP="invitation")``."""

    def apply(**environ: str) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        config.current.cache_clear()

    yield apply
    monkeypatch.undo()
    config.current.cache_clear()


@dataclass(frozen=True)
class People:
    """Ana owns the team, Ed edits, Vi views, Olga is in another team."""

    ana: User
    ed: User
    vi: User
    olga: User
    team: Workspace
    other: Workspace


@pytest.fixture(autouse=True)
def _flushable(request: pytest.FixtureRequest) -> Iterator[None]:
    """Django empties every table after a transactional test, which our triggers forbid: they go before it, and come
    back with the post_migrate signal that ends it.
    """
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%hopkey%'")
            statements = [f"DROP TRIGGER {name} ON {table}" for name, table in cursor.fetchall()]
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            statements = [f"DROP TRIGGER {name}" for (name,) in cursor.fetchall()]
        for statement in statements:
            cursor.execute(statement)


def person(name: str, *, password: str | None = None, administrator: bool = False) -> User:
    return person_create(
        email=f"{name.lower()}@example.com", name=name, password=password, is_administrator=administrator, by=OPERATOR
    )


@pytest.fixture
def people(db: None) -> People:
    ana, ed, vi, olga = (person(name) for name in ("Ana", "Ed", "Vi", "Olga"))
    team = team_create(name="Orders", owner=ana, by=OPERATOR)
    member_add(team=team, user=ed, role=Role.EDITOR, by=OPERATOR)
    member_add(team=team, user=vi, role=Role.VIEWER, by=OPERATOR)
    return People(ana, ed, vi, olga, team, team_create(name="Others", owner=olga, by=OPERATOR))
