"""Role x resource x owner's state x restriction: the ORM's answer and the gate's are the same, and are these."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path

import pytest
from django.utils import timezone

from hopkey.server.access.rules import may_read
from hopkey.server.access.selectors import token_may_read, token_verify
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.config import current
from hopkey.server.gate.store import Store
from hopkey.server.gate.store_postgresql import PostgresqlStore
from hopkey.server.gate.store_sqlite import SqliteStore
from hopkey.server.tokens.format import token_digest
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.tokens.verify import Refusal, TokenRecord, verify
from hopkey.server.workspaces import content
from hopkey.server.workspaces.models import Collection, Role, Workspace
from hopkey.server.workspaces.services import member_add, team_create
from tests.conftest import person
from tests.support import samples

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

ROLES = (Role.OWNER, Role.EDITOR, Role.VIEWER, None)
STATES = ("active", "deactivated", "expired")
RESTRICTIONS = ("none", "this team", "another team")


def expected(role: Role | None, state: str, restriction: str, resource: str) -> str:
    if state == "deactivated":
        return "owner_inactive"
    if state == "expired":
        return "expired"
    if resource == "personal" or role is None or restriction == "another team":
        return "hidden"
    return "read"


def gate_store(tmp_path: Path) -> Store:
    """The gate's own view of the database of this test."""
    from django.db import connection

    if connection.vendor == "postgresql":
        base = current().database_url.rsplit("/", 1)[0]
        return PostgresqlStore(f"{base}/{connection.settings_dict['NAME']}")
    path = tmp_path / "copy.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    return SqliteStore(path)


def test_the_whole_matrix(tmp_path: Path) -> None:
    resources: dict[str, tuple[str, str, Workspace]] = {}
    boss = person("Boss")
    team = team_create(name="This", owner=boss, by=OPERATOR)
    another = team_create(name="Another", owner=boss, by=OPERATOR)
    inner = samples.collection("Inner", samples.request())
    data = json.dumps(samples.collection("Top", samples.request(), folders=[inner])).encode()
    top = content.collection_import(workspace=team, data=data, by=OPERATOR)[0]
    folder = Collection.objects.get(parent=top)
    environment = content.environment_import(
        workspace=team, data=json.dumps(samples.environment("E", a="b")).encode(), by=OPERATOR
    )
    resources["collection"] = ("collection", top.pk, team)
    resources["folder"] = ("collection", folder.pk, team)
    resources["environment"] = ("environment", environment.pk, team)
    cases: list[tuple[str, str, str, str, Workspace, str]] = []
    for number, (role, state, restriction) in enumerate(itertools.product(ROLES, STATES, RESTRICTIONS)):
        user = person(f"P{number}")
        if role is not None:
            member_add(team=team, user=user, role=role, by=OPERATOR)
        member_add(team=another, user=user, role=Role.VIEWER, by=OPERATOR)
        chosen = {"none": None, "this team": [team.pk], "another team": [another.pk]}[restriction]
        if role is None and restriction == "this team":
            continue  # cannot be generated: see test_tokens
        made = token_generate_for(owner=user, label="matrix", days=30, team_ids=chosen, by=OPERATOR)
        if state == "expired":
            type(made.token).objects.filter(pk=made.token.pk).update(expires_at=timezone.now())
        if state == "deactivated":
            type(user).objects.filter(pk=user.pk).update(is_active=False)
        mine = content.collection_import(workspace=user.personal_workspace, data=data, by=OPERATOR)[0]
        here = {**resources, "personal": ("collection", mine.pk, user.personal_workspace)}
        for name, (kind, identity, workspace) in here.items():
            cases.append((made.text, kind, identity, expected(role, state, restriction, name), workspace, name))
    assert len(cases) == 4 * (4 * 3 * 3 - 3)
    by_orm = [orm_answer(text, workspace) for text, _, _, _, workspace, _ in cases]
    by_gate = asyncio.run(gate_answers(gate_store(tmp_path), [case[:3] for case in cases]))
    wanted = [case[3] for case in cases]
    assert by_orm == wanted
    assert by_gate == wanted
    assert set(wanted) == {"owner_inactive", "expired", "hidden", "read"}


def orm_answer(text: str, workspace: Workspace) -> str:
    found = token_verify(text, now=timezone.now().timestamp(), address="")
    if isinstance(found, Refusal):
        return found.value
    return "read" if token_may_read(found, workspace) else "hidden"


async def gate_answers(store: Store, cases: list[tuple[str, str, str]]) -> list[str]:
    results = []
    for text, kind, identity in cases:
        digest = token_digest(text)
        _, record = await store.token(digest)
        refusal = verify(record, digest=digest, now=timezone.now().timestamp(), address="")
        if refusal is not None or record is None:
            results.append((refusal or Refusal.UNKNOWN).value)
            continue
        _, answer = await store.answer(kind, identity, allowed_by(record))
        results.append("hidden" if answer is None else "read")
    await store.close()
    return results


def allowed_by(record: TokenRecord):  # type: ignore[no-untyped-def]
    return lambda workspace_id, is_team: may_read(record, workspace_id=workspace_id, is_team=is_team)
