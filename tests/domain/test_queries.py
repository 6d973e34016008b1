"""How many queries a thing takes, however large it is. Counted on SQLite; PostgreSQL gets the same statements."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.gate.store_sqlite import SqliteStore
from hopkey.server.workspaces import content, selectors
from hopkey.server.workspaces.services import team_create
from tests.conftest import People, person
from tests.domain.test_access_matrix import gate_store
from tests.support import samples


@pytest.mark.django_db(transaction=True)
def test_a_collection_takes_the_same_number_of_queries_however_many_folders_it_has(tmp_path: Path) -> None:
    boss = person("Boss")
    team = team_create(name="This", owner=boss, by=OPERATOR)
    folders = [samples.collection(f"F{i}", samples.request()) for i in range(40)]
    big = samples.collection("Big", folders=folders)
    ids = [
        content.collection_import(workspace=team, data=json.dumps(item).encode(), by=OPERATOR)[0].pk
        for item in (samples.collection("Small", samples.request()), big)
    ]
    store = gate_store(tmp_path)
    assert isinstance(store, SqliteStore)
    counts = []
    for identity in ids:
        seen: list[str] = []
        store._build = sqlite3.connect(store._path, isolation_level=None, check_same_thread=False)
        store._build.set_trace_callback(seen.append)
        asyncio.run(store.answer("collection", identity, lambda *_: True))
        counts.append(len([item for item in seen if item.startswith("SELECT")]))
    assert counts == [4, 4]


def test_a_tree_takes_two_queries(people: People, django_assert_num_queries: object) -> None:
    folders = [samples.collection(f"F{i}", samples.request(), folders=[samples.collection("G")]) for i in range(20)]
    data = json.dumps(samples.collection("Big", folders=folders)).encode()
    (top,) = content.collection_import(workspace=people.team, data=data, by=OPERATOR)
    with django_assert_num_queries(2):  # type: ignore[operator]
        tree = selectors.tree_get(top)
    assert (len(tree.folders), tree.request_count) == (20, 20)
