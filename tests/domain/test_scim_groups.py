"""``/scim/v2/Groups``: groups lead into teams; who is in them has a role there, and nobody else loses one."""

from __future__ import annotations

from typing import Any

import pytest

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.automation import entry
from hopkey.server.automation.services import automation_token_generate
from hopkey.server.errors import DomainError
from hopkey.server.people.services import person_delete
from hopkey.server.provisioning.groups import group_link, group_name_read
from hopkey.server.provisioning.models import Group, Standing
from hopkey.server.workspaces.models import Membership, Role, Workspace
from hopkey.server.workspaces.services import member_add, team_create, team_delete
from tests.conftest import People, person
from tests.support.scim import GROUP, Provider

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _fresh_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_DOOR", entry.Door(0))


@pytest.fixture
def boss(db: None) -> User:
    return person("Boss", administrator=True)


@pytest.fixture
def idp(boss: User) -> Provider:
    made = automation_token_generate(creator=boss, label="idp", days=30, access="scim", by=OPERATOR)
    return Provider(made.text)


@pytest.fixture
def nora(idp: Provider) -> str:
    return str(idp.user("nora@example.com")["id"])


@pytest.fixture
def olav(idp: Provider) -> str:
    return str(idp.user("olav@example.com")["id"])


def roles(team: str) -> dict[str, str]:
    rows = Membership.objects.filter(workspace__name=team, workspace__kind="team")
    return {email.partition("@")[0]: role for email, role in rows.values_list("user__email", "role")}


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Orders", ("Orders", Role.VIEWER)),
        ("Orders:editor", ("Orders", Role.EDITOR)),
        ("Orders: Owners", ("Orders", Role.OWNER)),
        ("EU:Orders:viewers", ("EU:Orders", Role.VIEWER)),
        ("Orders:others", ("Orders:others", Role.VIEWER)),
        ("Video Editors", ("Video Editors", Role.VIEWER)),
        ("Owners", ("Owners", Role.VIEWER)),
    ],
)
def test_what_a_groups_name_means(name: str, meaning: tuple[str, Role]) -> None:
    assert group_name_read(name) == meaning


def test_a_group_makes_a_team_and_its_members_viewers(idp: Provider, nora: str, boss: User) -> None:
    made = idp.group("Orders", nora, externalId="G1")
    assert roles("Orders") == {"boss": "OWNER", "nora": "VIEWER"}
    assert (
        made["members"] == [{"value": nora, "$ref": f"http://testserver/scim/v2/Users/{nora}", "type": "User"}]
        or made["members"][0]["value"] == nora
    )
    assert (made["externalId"], made["meta"]["resourceType"]) == ("G1", "Group")
    assert idp("GET", f"/Groups/{made['id']}").json() == made
    (group,) = idp("GET", f"/Users/{nora}").json()["groups"]
    assert (group["value"], group["display"]) == (made["id"], "Orders")


def test_groups_of_one_team_and_the_highest_role(idp: Provider, nora: str, olav: str) -> None:
    viewers, editors = idp.group("Orders", nora, olav), idp.group("Orders:editors", nora)
    owners = idp.group("orders:owner", nora)
    assert Workspace.objects.filter(kind="team").count() == 1
    assert roles("Orders") == {"boss": "OWNER", "nora": "OWNER", "olav": "VIEWER"}
    assert idp("DELETE", f"/Groups/{owners['id']}").status_code == 204
    assert roles("Orders")["nora"] == "EDITOR"
    idp.patch(f"/Groups/{editors['id']}", {"op": "remove", "path": "members"})
    assert roles("Orders")["nora"] == "VIEWER"
    idp("DELETE", f"/Groups/{viewers['id']}")
    assert roles("Orders") == {"boss": "OWNER"}
    assert not Standing.objects.exists()


ADD: dict[str, list[dict[str, Any]]] = {
    "RFC 7644": [{"op": "add", "path": "members", "value": [{"value": "NORA"}]}],
    "one value": [{"op": "add", "path": "members", "value": {"value": "NORA"}}],
    "Entra": [{"op": "Add", "path": "members", "value": [{"$ref": None, "value": "NORA"}]}],
    "without path": [{"op": "add", "value": {"members": [{"value": "NORA"}]}}],
    "twice": [{"op": "add", "path": "members", "value": [{"value": "NORA"}, {"value": "NORA", "display": "N"}]}],
    "replace": [{"op": "replace", "path": "members", "value": [{"value": "NORA"}, {"value": "OLAV"}]}],
    "Okta": [
        {
            "op": "replace",
            "value": {"id": "x", "displayName": "Orders", "members": [{"value": "NORA"}, {"value": "OLAV"}]},
        }
    ],
}
REMOVE: dict[str, list[dict[str, Any]]] = {
    "RFC 7644": [{"op": "remove", "path": 'members[value eq "NORA"]'}],
    "Entra": [{"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "NORA"}]}],
    "replace": [{"op": "replace", "path": "members", "value": [{"value": "OLAV"}]}],
    "all, then one": [
        {"op": "remove", "path": "members"},
        {"op": "add", "path": "members", "value": [{"value": "OLAV"}]},
    ],
}


def spoken(operations: list[dict[str, Any]], nora: str, olav: str) -> list[dict[str, Any]]:
    import json

    return list(json.loads(json.dumps(operations).replace("NORA", nora).replace("OLAV", olav)))


@pytest.mark.parametrize("dialect", ADD)
def test_adding_members_in_every_dialect(idp: Provider, nora: str, olav: str, dialect: str) -> None:
    made = idp.group("Orders", olav)
    answer = idp.patch(f"/Groups/{made['id']}", *spoken(ADD[dialect], nora, olav))
    assert answer.status_code in (200, 204), answer.content
    members = idp("GET", f"/Groups/{made['id']}").json()["members"]
    assert sorted(item["value"] for item in members) == sorted([nora, olav])
    assert roles("Orders") == {"boss": "OWNER", "nora": "VIEWER", "olav": "VIEWER"}


@pytest.mark.parametrize("dialect", REMOVE)
def test_removing_members_in_every_dialect(idp: Provider, nora: str, olav: str, dialect: str) -> None:
    made = idp.group("Orders", nora, olav)
    answer = idp.patch(f"/Groups/{made['id']}", *spoken(REMOVE[dialect], nora, olav))
    assert answer.status_code in (200, 204), answer.content
    assert roles("Orders") == {"boss": "OWNER", "olav": "VIEWER"}
    again = idp.patch(f"/Groups/{made['id']}", *spoken(REMOVE[dialect], nora, olav))
    assert again.status_code in (200, 204), "removing who is not there is no error"


def test_members_who_come_and_go_are_taken_in_order_and_refused_whole(idp: Provider, nora: str, olav: str) -> None:
    path = f"/Groups/{idp.group('Orders', olav)['id']}"
    add, remove = ({"op": op, "path": "members", "value": [{"value": nora}]} for op in ("add", "remove"))
    assert idp.patch(path, add, remove).status_code == 204
    assert "nora" not in roles("Orders")
    assert idp.patch(path, remove, add).status_code == 204
    assert roles("Orders")["nora"] == "VIEWER"
    for bad in ({"value": "nobody"}, {"value": nora, "type": "Group"}, {"display": "x"}, {"value": 5}):
        gone = {"op": "remove", "path": f'members[value eq "{olav}"]'}
        answer = idp.patch(path, gone, {"op": "add", "path": "members", "value": [bad]})
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue"), bad
        assert roles("Orders")["olav"] == "VIEWER"


def test_a_role_given_by_hand_is_never_lowered_and_comes_back(idp: Provider, people: People, nora: str) -> None:
    first = idp.group("Orders EU", nora)
    group = Group.objects.get(pk=first["id"])
    group_link(group=group, team=people.team, role=Role.VIEWER, by=OPERATOR)
    assert roles("Orders") == {"ana": "OWNER", "ed": "EDITOR", "vi": "VIEWER", "nora": "VIEWER"}
    assert roles("Orders EU") == {"boss": "OWNER"}
    members = [{"value": item} for item in (nora, people.ana.pk, people.ed.pk)]
    idp.patch(f"/Groups/{group.pk}", {"op": "replace", "path": "members", "value": members})
    assert roles("Orders") == {"ana": "OWNER", "ed": "EDITOR", "vi": "VIEWER", "nora": "VIEWER"}
    group.refresh_from_db()
    group_link(group=group, team=people.team, role=Role.OWNER, by=OPERATOR)
    assert roles("Orders") == {"ana": "OWNER", "ed": "OWNER", "vi": "VIEWER", "nora": "OWNER"}
    idp.patch(f"/Groups/{group.pk}", {"op": "remove", "path": "members"})
    assert roles("Orders") == {"ana": "OWNER", "ed": "EDITOR", "vi": "VIEWER"}


def test_a_team_made_by_hand_is_not_taken_over_by_a_name(idp: Provider, people: People, nora: str) -> None:
    idp.group("Orders:owner", nora)
    assert Workspace.objects.filter(kind="team", name="Orders").count() == 2
    assert not Membership.objects.filter(workspace=people.team, user_id=nora).exists()
    own = Group.objects.get().team
    own.name = "Others"  # an owner renames the provider's team like somebody else's
    own.save()
    idp.group("Others:owner", nora)
    assert not Membership.objects.filter(workspace=people.other, user_id=nora).exists()


def test_renaming(idp: Provider, nora: str) -> None:
    made, other = idp.group("Orders", nora), idp.group("Orders:editor")
    path = f"/Groups/{made['id']}"
    assert idp.patch(path, {"op": "replace", "path": "displayName", "value": "Sales"}).json()["displayName"] == "Sales"
    assert roles("Sales") == {"boss": "OWNER", "nora": "VIEWER"}
    renamed = idp("PUT", f"/Groups/{other['id']}", {"schemas": [GROUP], "displayName": "Sales:editor"})
    assert renamed.status_code == 200
    assert Workspace.objects.filter(kind="team").count() == 1
    taken = idp.patch(path, {"op": "replace", "path": "displayName", "value": "SALES:EDITOR"})
    assert (taken.status_code, taken.json()["scimType"]) == (409, "uniqueness")
    idp.patch(path, {"op": "replace", "path": "displayName", "value": "Sales:owner"})
    assert roles("Sales")["nora"] == "OWNER"
    assert idp("GET", path).json()["members"][0]["value"] == nora
    idp("PUT", path, {"schemas": [GROUP], "displayName": "Sales:owner"})
    assert roles("Sales")["nora"] == "OWNER", "members left out are not removed"
    idp("PUT", path, {"schemas": [GROUP], "displayName": "Sales:owner", "members": []})
    assert "nora" not in roles("Sales")


def test_a_team_keeps_an_owner(idp: Provider, nora: str, olav: str, boss: User) -> None:
    made = idp.group("Orders:owner", nora)
    path = f"/Groups/{made['id']}"
    team = Group.objects.get().team
    Membership.objects.filter(workspace=team, user=boss).delete()  # Nora owns it alone now, by the group
    for answer in (
        idp.patch(path, {"op": "remove", "path": "members"}),
        idp.patch(path, {"op": "replace", "path": "displayName", "value": "Orders"}),
        idp("DELETE", path),
        idp("PUT", path, {"schemas": [GROUP], "displayName": "Orders:owner", "members": [], "externalId": "E"}),
    ):
        assert (answer.status_code, "keeps an owner" in answer.json()["detail"]) == (409, True)
        assert roles("Orders") == {"nora": "OWNER"}
    assert idp("GET", path).json() == made, "nothing of what was refused stayed"
    turns = {"op": "replace", "path": "members", "value": [{"value": olav}]}
    assert idp.patch(path, turns).status_code == 200, "owners may take turns"
    assert roles("Orders") == {"olav": "OWNER"}
    off = idp.patch(f"/Users/{olav}", {"op": "replace", "path": "active", "value": False})
    assert off.status_code == 200, "deactivating is never refused for a team"
    assert idp("DELETE", f"/Users/{olav}").status_code == 204
    assert roles("Orders") == {"olav": "OWNER"}
    assert not Group.objects.get().members.exists()


@pytest.mark.parametrize(
    ("fields", "status", "scim_type"),
    [
        ({"displayName": ""}, 400, "invalidValue"),
        ({"displayName": None}, 400, "invalidValue"),
        ({"displayName": ":owner"}, 400, "invalidValue"),
        ({"displayName": "x" * 151}, 400, "invalidValue"),
        ({"displayName": "a\0b"}, 400, "invalidValue"),
        ({"displayName": "TAKEN"}, 409, "uniqueness"),
        ({"members": [{"value": "nobody"}]}, 400, "invalidValue"),
        ({"members": [{"display": "x"}]}, 400, "invalidValue"),
        ({"members": [{"value": "x", "type": "Group"}]}, 400, "invalidValue"),
        ({"members": [{"value": "a\0b"}]}, 400, "invalidValue"),
        ({"externalId": "x" * 201}, 400, "invalidValue"),
    ],
)
def test_bad_groups_are_refused_whole(idp: Provider, fields: dict[str, Any], status: int, scim_type: str) -> None:
    idp.group("Taken")
    answer = idp("POST", "/Groups", {"schemas": [GROUP], "displayName": "New", **fields})
    assert (answer.status_code, answer.json()["scimType"]) == (status, scim_type), answer.content
    assert (Group.objects.count(), Workspace.objects.filter(kind="team").count()) == (1, 1)


def test_groups_are_found_with_and_without_members(idp: Provider, nora: str, olav: str) -> None:
    orders, sales = idp.group("Orders", nora, externalId="G1"), idp.group("Sales", olav, nora)
    for query, names in {
        'filter=displayName eq "ORDERS"': ["Orders"],
        'filter=externalId eq "G1"': ["Orders"],
        f'filter=id eq "{sales["id"]}" and members eq "{nora}"': ["Sales"],
        f'filter=members.value eq "{olav}"': ["Sales"],
        f'filter=members[value eq "{olav}"]': ["Sales"],
        f'filter=not (members eq "{olav}")': ["Orders"],
        "count=1": ["Orders"],
        "startIndex=2": ["Sales"],
    }.items():
        assert idp.found("Groups", query) == names, query
    for query in ("excludedAttributes=members", "attributes=displayName", "attributes=id,displayName"):
        for item in idp("GET", f"/Groups?{query}").json()["Resources"]:
            assert "members" not in item
        assert "members" not in idp("GET", f"/Groups/{orders['id']}?{query}").json()
    assert "members" in idp("GET", f"/Groups/{orders['id']}?attributes=members").json()
    assert idp("GET", "/Groups/nobody").status_code == 404
    assert idp("GET", "/Groups?filter=members.type eq %22User%22").json()["scimType"] == "invalidFilter"


def test_what_goes_takes_its_rows_along(idp: Provider, nora: str, olav: str) -> None:
    made = idp.group("Orders", nora, olav)
    person_delete(user=User.objects.get(pk=olav), by=OPERATOR)
    assert [item["value"] for item in idp("GET", f"/Groups/{made['id']}").json()["members"]] == [nora]
    team_delete(team=Group.objects.get().team, by=OPERATOR)
    assert idp("GET", f"/Groups/{made['id']}").status_code == 404
    assert not Standing.objects.exists()


def test_a_group_of_many_costs_few_queries(idp: Provider, django_assert_max_num_queries: Any) -> None:
    ids = [person(f"P{number}").pk for number in range(120)]
    with django_assert_max_num_queries(60):
        made = idp.group("Many", *ids)
    with django_assert_max_num_queries(60):
        idp.patch(f"/Groups/{made['id']}", {"op": "replace", "path": "members", "value": [{"value": ids[0]}]})
    assert len(roles("Many")) == 2


def test_everything_is_audited(idp: Provider, nora: str) -> None:
    before = AuditEvent.objects.order_by("-pk")[0].pk
    made = idp.group("Orders", nora)
    idp.patch(f"/Groups/{made['id']}", {"op": "replace", "value": {"displayName": "Sales:editor", "externalId": "E"}})
    idp("DELETE", f"/Groups/{made['id']}")
    events = AuditEvent.objects.filter(pk__gt=before).order_by("pk")
    assert [item.event for item in events] == [
        Event.TEAM_CREATED,
        Event.GROUP_CREATED,
        Event.MEMBER_ADDED,
        Event.TEAM_RENAMED,
        Event.GROUP_CHANGED,
        Event.MEMBER_ROLE_CHANGED,
        Event.GROUP_DELETED,
        Event.MEMBER_REMOVED,
    ]
    assert all(item.actor_id.startswith("hki_") for item in events)


def test_linking_keeps_owners_too(idp: Provider, nora: str, boss: User) -> None:
    idp.group("Orders:owner", nora)
    group = Group.objects.get()
    Membership.objects.filter(workspace=group.team, user=boss).delete()
    other = team_create(name="Other", owner=boss, by=OPERATOR)
    member_add(team=other, user=User.objects.get(pk=nora), role=Role.EDITOR, by=OPERATOR)
    with pytest.raises(DomainError) as caught:
        group_link(group=group, team=other, role=Role.VIEWER, by=OPERATOR)
    assert caught.value.code == "last_owner"
    assert (roles("Orders"), roles("Other")) == ({"nora": "OWNER"}, {"boss": "OWNER", "nora": "EDITOR"})
