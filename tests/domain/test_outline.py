"""The outline of a collection, its list, and the palette."""

from __future__ import annotations

import json

import pytest

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.workspaces import content
from hopkey.server.workspaces.models import Collection, Request
from hopkey.server.workspaces.outline import Step, outline_get
from hopkey.server.workspaces.selectors import collection_summaries
from tests.conftest import People
from tests.domain.test_pages import client_of
from tests.support import samples


def add(people: People, data: dict[str, object]) -> Collection:
    return content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)[0]


@pytest.mark.database
def test_folders_come_first_and_are_counted_with_what_lies_below(
    people: People, django_assert_num_queries: object
) -> None:
    inner = samples.collection("Inner", samples.request("deep", method="PATCH", endpoint="<<url>>/x"))
    outer = samples.collection("Outer", samples.request("middle"), folders=[inner])
    top = add(people, samples.collection("Top", samples.request("first"), samples.request("second"), folders=[outer]))
    with django_assert_num_queries(2):  # type: ignore[operator]
        outline = outline_get(top)
    assert (outline.folder_count, outline.request_count) == (2, 4)
    assert [(line.step, line.title, line.count) for line in outline.lines] == [
        (Step.OPEN, "Outer", 2),
        (Step.OPEN, "Inner", 1),
        (Step.REQUEST, "deep", 0),
        (Step.CLOSE, "", 0),
        (Step.REQUEST, "middle", 0),
        (Step.CLOSE, "", 0),
        (Step.REQUEST, "first", 0),
        (Step.REQUEST, "second", 0),
    ]
    assert (outline.lines[2].method, outline.lines[2].endpoint) == ("PATCH", "<<url>>/x")
    folder = Collection.objects.get(title="Outer")
    assert [line.title for line in outline_get(folder).lines] == ["Inner", "deep", "", "middle"]


def test_a_deep_tree_is_outlined(people: People) -> None:
    deep = samples.collection("leaf", samples.request())
    for number in range(60):
        deep = samples.collection(f"level {number}", folders=[deep])
    top = add(people, deep)
    outline = outline_get(top)
    assert (outline.folder_count, outline.request_count) == (60, 1)
    assert [line.step for line in outline.lines].count(Step.CLOSE) == 60
    assert client_of(people.vi).get(f"/workspaces/{people.team.pk}/collections/{top.pk}").status_code == 200


def test_a_stored_request_that_is_no_json_still_has_its_line(people: People) -> None:
    top = add(people, samples.collection("Top", samples.request("odd")))
    Request.objects.update(body='{"method": 5')
    assert [(line.title, line.method) for line in outline_get(top).lines] == [("odd", "GET")]


@pytest.mark.database
def test_the_list_counts_each_collection_alone(people: People) -> None:
    add(people, samples.collection("One", samples.request(), folders=[samples.collection("F", samples.request())]))
    add(people, samples.collection("Two"))
    found = [(row.title, row.folder_count, row.request_count) for row in collection_summaries(people.team)]
    assert found == [("One", 1, 2), ("Two", 0, 0)]


def test_a_collection_is_found_in_its_own_workspace_only(people: People) -> None:
    top = add(people, samples.collection("Top"))
    client = client_of(people.olga)
    for path in (f"/workspaces/{people.team.pk}", f"/workspaces/{people.other.pk}"):
        assert client.get(f"{path}/collections/{top.pk}").status_code == 404


def places(people: People, who: str, workspace: str) -> list[dict[str, str]]:
    answer = client_of(getattr(people, who)).get("/palette", {"workspace": workspace})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return list(answer.json()["items"])


@pytest.mark.database
def test_the_palette_names_only_what_its_reader_may_see(people: People) -> None:
    top = add(people, samples.collection("Smoke test"))
    mine = places(people, "vi", people.team.pk)
    assert {"group": "Collections", "text": "Smoke test"}.items() <= next(
        item for item in mine if item["text"] == "Smoke test"
    ).items()
    assert f"/workspaces/{people.team.pk}/collections/{top.pk}" in {item["url"] for item in mine}
    assert "Console" not in {item["group"] for item in mine}
    assert f"/workspaces/{people.team.pk}/tokens" not in {item["url"] for item in mine}
    assert f"/workspaces/{people.team.pk}/tokens" in {item["url"] for item in places(people, "ana", people.team.pk)}
    text = json.dumps(places(people, "olga", people.team.pk))
    assert people.team.pk not in text
    assert "Smoke test" not in text
    people.ana.is_administrator = True
    people.ana.save()
    assert "Console" in {item["group"] for item in places(people, "ana", "")}


def test_every_place_of_the_palette_answers_or_is_an_administrators(people: People) -> None:
    client = client_of(people.ana)
    for item in places(people, "ana", people.team.pk):
        assert client.get(item["url"]).status_code == 200, item


def test_the_rail_remembers_the_last_workspace_and_forgets_one_that_was_left(people: People) -> None:
    client = client_of(people.ed)
    client.get(f"/workspaces/{people.ed.personal_workspace.pk}")
    rail = client.get("/profile").content.decode().split("</aside>")[0]
    assert f'<a href="/workspaces/{people.ed.personal_workspace.pk}" aria-current="true">' in rail
    client.get(f"/workspaces/{people.team.pk}")
    assert f'<a href="/workspaces/{people.team.pk}" aria-current="true">' in client.get("/profile").content.decode()
    people.ed.memberships.all().delete()
    assert people.team.pk not in client.get("/profile").content.decode()
    client.get(f"/workspaces/{people.team.pk}")
    assert people.team.pk not in client.get("/profile").content.decode(), "a page refused is not remembered"
