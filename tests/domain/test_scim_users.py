"""``/scim/v2/Users``: people provisioned, changed, deactivated and deleted, in the dialects of Entra and Okta."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from hopkey.server.accounts.links import password_link_issue
from hopkey.server.accounts.models import OidcIdentity, User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.automation import entry
from hopkey.server.automation.models import AutomationToken
from hopkey.server.automation.services import automation_token_delete, automation_token_generate
from hopkey.server.people.services import person_administrator_set, person_deactivate, person_reactivate
from hopkey.server.tokens.format import token_digest, token_generate
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.workspaces.models import Membership, Workspace
from tests.conftest import PASSWORD, People, person
from tests.support.scim import USER, Provider

pytestmark = [pytest.mark.database, pytest.mark.django_db]

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.fixture(autouse=True)
def _fresh_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_DOOR", entry.Door(0))


@pytest.fixture
def boss(db: None) -> User:
    return person("Boss", administrator=True)


def issue(creator: User, access: str = "scim") -> str:
    return automation_token_generate(creator=creator, label="idp", days=30, access=access, by=OPERATOR).text


@pytest.fixture
def idp(boss: User) -> Provider:
    return Provider(issue(boss))


def test_a_person_as_okta_creates_and_reads_one(idp: Provider) -> None:
    sent = {
        "schemas": [USER],
        "userName": "Nora.Lind@Example.com",
        "name": {"givenName": "Nora", "familyName": "Lind"},
        "emails": [{"primary": True, "value": "nora.lind@example.com", "type": "work"}],
        "displayName": "Nora Lind",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    made = idp("POST", "/Users", sent)
    assert (made.status_code, made.headers["Content-Type"]) == (201, "application/scim+json")
    data = made.json()
    assert made.headers["Location"] == data["meta"]["location"]
    assert data["meta"]["location"].endswith(f"/scim/v2/Users/{data['id']}")
    assert (data["userName"], data["active"], data["externalId"]) == (
        "nora.lind@example.com",
        True,
        "00ujl29u0le5T6Aj10h7",
    )
    assert "password" not in data
    assert idp("GET", f"/Users/{data['id']}").json() == data
    user = User.objects.get(pk=data["id"])
    assert (user.name, user.is_administrator, user.has_usable_password()) == ("Nora Lind", False, False)
    assert Workspace.objects.filter(owner=user).exists()


def test_the_shown_name_is_put_together_where_none_is_said(idp: Provider) -> None:
    for fields, name in (
        ({"displayName": "Di", "name": {"formatted": "X"}}, "Di"),
        ({"name": {"formatted": "For Matted", "givenName": "G"}}, "For Matted"),
        ({"name": {"givenName": "Given", "familyName": "Family"}}, "Given Family"),
        ({}, "p3"),
    ):
        number = User.objects.filter(email__startswith="p").count()
        made = idp.user(f"p{number}@example.com", **fields)
        assert User.objects.get(pk=made["id"]).name == name


@pytest.mark.parametrize(
    ("fields", "status", "scim_type"),
    [
        ({"userName": "ana"}, 400, "invalidValue"),
        ({"userName": ""}, 400, "invalidValue"),
        ({"userName": None}, 400, "invalidValue"),
        ({"userName": 5}, 400, "invalidValue"),
        ({"userName": "BOSS@example.com"}, 409, "uniqueness"),
        ({"active": "perhaps"}, 400, "invalidValue"),
        ({"emails": "x@example.com"}, 400, "invalidValue"),
        ({"externalId": "x" * 201}, 400, "invalidValue"),
        ({"name": {"givenName": "x" * 101}}, 400, "invalidValue"),
        ({"name": {"givenName": "a\0b"}}, 400, "invalidValue"),
        ({"displayName": "a\u0007b"}, 400, "invalidValue"),
        ({"emails": [{"value": f"{number}@example.com"} for number in range(21)]}, 400, "invalidValue"),
    ],
)
def test_bad_people_are_refused_in_the_shape_of_scim(
    idp: Provider, fields: dict[str, Any], status: int, scim_type: str
) -> None:
    before = User.objects.count()
    answer = idp("POST", "/Users", {"schemas": [USER], "userName": "new@example.com", **fields})
    data = answer.json()
    assert (answer.status_code, data["scimType"], data["status"]) == (status, scim_type, str(status)), data
    assert (data["schemas"], User.objects.count()) == ([ERROR], before)
    assert data["detail"]


def test_people_are_found(idp: Provider, people: People) -> None:
    idp.user(
        "nora@example.com",
        externalId="E1",
        name={"givenName": "Nora", "familyName": "Lind"},
        emails=[{"value": "Nora.Lind@Corp.example", "type": "work", "primary": True}, {"value": "n@home.example"}],
    )
    idp.user("olav@example.com", externalId="e1", active=False)
    for query, names in {
        'filter=userName eq "NORA@example.com"': ["nora@example.com"],
        'filter=userName eq "nobody@example.com"': [],
        'filter=externalId eq "E1"': ["nora@example.com"],
        'filter=emails eq "nora.lind@corp.example"': ["nora@example.com"],
        'filter=emails.value eq "n@home.example"': ["nora@example.com"],
        'filter=emails[type eq "work"].value eq "nora.lind@corp.example"': ["nora@example.com"],
        'filter=emails[type eq "work" and value eq "n@home.example"]': [],
        'filter=emails[type eq "work" and value eq "ana@example.com"]': ["ana@example.com"],
        'filter=emails.value eq "nora@example.com"': [],
        "filter=active eq false": ["olav@example.com"],
        'filter=active eq "False"': ["olav@example.com"],
        'filter=name.familyName eq "lind" and active eq true': ["nora@example.com"],
        'filter=userName sw "ola" or userName sw "nor"': ["nora@example.com", "olav@example.com"],
        'filter=userName co "@example.com" and not (active eq true)': ["olav@example.com"],
        'filter=displayName eq "Ana"': ["ana@example.com"],
        "filter=externalId pr": ["nora@example.com", "olav@example.com"],
        'filter=urn:ietf:params:scim:schemas:core:2.0:User:userName eq "ana@example.com"': ["ana@example.com"],
        'filter=meta.lastModified lt "2020-01-01T00:00:00Z"': [],
    }.items():
        assert sorted(idp.found("Users", query)) == names, query
    everybody = idp("GET", "/Users").json()
    assert everybody["totalResults"] == len(everybody["Resources"]) == User.objects.count()
    pages = [idp("GET", f"/Users?startIndex={start}&count=3").json() for start in (1, 4, 7, 10)]
    assert [len(page["Resources"]) for page in pages] == [3, 3, 1, 0]
    assert [page["startIndex"] for page in pages] == [1, 4, 7, 10]
    assert [item for page in pages for item in page["Resources"]] == everybody["Resources"]
    none = idp("GET", "/Users?count=0").json()
    assert (none["totalResults"], none["Resources"], none["itemsPerPage"]) == (7, [], 0)
    assert idp("GET", "/Users?startIndex=-5&count=-1").json()["Resources"] == []
    slim = idp("GET", '/Users?filter=externalId eq "E1"&attributes=userName').json()["Resources"]
    assert set(slim[0]) == {"schemas", "id", "userName"}
    posted = idp("POST", "/Users/.search", {"schemas": [], "filter": 'externalId eq "E1"'})
    assert [item["userName"] for item in posted.json()["Resources"]] == ["nora@example.com"]


@pytest.mark.parametrize(
    "query",
    [
        "filter=nonsense",
        'filter=userName eq "x',
        'filter=password eq "x"',
        'filter=nickName eq "x"',
        'filter=userName gt "x"',
        "filter=userName eq 5",
        'filter=meta.created gt "yesterday"',
        "filter=" + "x" * 3000,
        'filter=active[type eq "x"]',
    ],
)
def test_filters_that_cannot_be_answered_are_refused(idp: Provider, query: str) -> None:
    answer = idp("GET", f"/Users?{query}")
    assert (answer.status_code, answer.json()["schemas"]) == (400, [ERROR])
    assert answer.json()["scimType"] in ("invalidFilter", "invalidSyntax")


def test_a_deep_filter_is_answered_or_refused_and_breaks_nothing(idp: Provider) -> None:
    for query in (
        "(" * 900 + "active pr" + ")" * 900,
        "not (" * 330 + "active pr" + ")" * 330,
        " or ".join(['userName eq "x"'] * 105),
        " and ".join(['(active pr or name.givenName eq "x")'] * 50),
        "".join(f'(id eq "{number}" or active eq true and ' for number in range(50)) + "active pr" + ")" * 50,
    ):
        assert idp("GET", "/Users?filter=" + query).status_code in (200, 400), query


def test_bad_pages_bodies_and_methods(idp: Provider) -> None:
    for query in ("startIndex=x", "count=1e3", "count=99999999999"):
        assert idp("GET", f"/Users?{query}").json()["scimType"] == "invalidValue"
    assert idp("GET", "/Users?filter=userName eq %22%00%22").status_code == 400
    raw = {"content_type": "application/scim+json", **idp.headers}
    for body in (b"{", b"[]", b"[" * 50_000, b"\xff"):
        assert idp.client.post("/scim/v2/Users", body, **raw).json()["scimType"] == "invalidSyntax"
    form = idp.client.post("/scim/v2/Users", {"userName": "x@example.com"}, **idp.headers)
    assert form.status_code == 415
    big = idp.client.post("/scim/v2/Users", b"x" * (4 * 1024 * 1024 + 1), **raw)
    assert big.status_code == 413
    other = idp("DELETE", "/Users")
    assert (other.status_code, other.headers["Allow"]) == (405, "GET, POST")
    assert idp("GET", "/Me").status_code == idp("POST", "/Bulk", {}).status_code == 501
    assert idp("GET", "/Users/%00").status_code in (400, 404)
    for path in ("/Users/nobody", "/Nothing"):
        answer = idp("GET", path)
        assert (answer.status_code, answer.json()["schemas"]) == (404, [ERROR])


OFF: dict[str, list[dict[str, Any]]] = {
    "RFC 7644": [{"op": "replace", "path": "active", "value": False}],
    "Okta": [{"op": "replace", "value": {"active": False}}],
    "Entra": [{"op": "Replace", "path": "active", "value": "False"}],
    "Entra, wrapped": [{"op": "Replace", "path": "active", "value": [{"$ref": None, "value": "False"}]}],
    "Entra, without path": [{"op": "Add", "value": {"active": "False", "name.givenName": "G"}}],
    "case": [{"op": "REPLACE", "path": "Active", "value": False}],
}


@pytest.mark.parametrize("dialect", OFF)
def test_deactivating_in_every_dialect_and_back(idp: Provider, dialect: str) -> None:
    made = idp.user("nora@example.com")
    path = f"/Users/{made['id']}"
    answer = idp.patch(path, *OFF[dialect])
    assert (answer.status_code, answer.json()["active"]) == (200, False), answer.content
    user = User.objects.get(pk=made["id"])
    assert (user.is_active, user.session_epoch) == (False, 1)
    on = idp.patch(path, {"op": "Replace", "path": "active", "value": "True"})
    assert on.json()["active"] is True
    assert User.objects.get(pk=made["id"]).is_active


def test_patching_names_addresses_and_ids_and_what_is_unknown(idp: Provider) -> None:
    made = idp.user("nora@example.com", name={"givenName": "Nora", "familyName": "Lind"})
    path = f"/Users/{made['id']}"
    data = idp.patch(
        path,
        {"op": "Replace", "path": "name.familyName", "value": "Berg"},
        {"op": "Add", "path": 'emails[type eq "work"].value', "value": "nora.berg@corp.example"},
        {"op": "Replace", "path": "externalId", "value": "E9"},
        {"op": "Add", "path": "title", "value": "Lead"},
        {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "D"},
        {"op": "Replace", "path": "userName", "value": "Nora.Berg@example.com"},
    ).json()
    assert (data["userName"], data["externalId"]) == ("nora.berg@example.com", "E9")
    assert data["name"] == {"givenName": "Nora", "familyName": "Berg"}
    assert data["emails"] == [{"type": "work", "value": "nora.berg@corp.example"}]
    assert User.objects.get(pk=made["id"]).name == "Nora Berg", "the shown name follows its parts"
    shown = idp.patch(path, {"op": "replace", "value": {"id": made["id"], "displayName": "Nora B."}})
    assert shown.json()["displayName"] == "Nora B."
    assert User.objects.get(pk=made["id"]).name == "Nora B."
    changed = AuditEvent.objects.filter(event=Event.USER_CHANGED).order_by("pk")[0]
    assert changed.detail == {"email": "nora.berg@example.com", "before": "nora@example.com"}


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "groups", "value": []}, "mutability"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "frobnicate", "path": "active", "value": True}, "invalidValue"),
        ({"op": "replace", "path": "name[", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "active", "value": "maybe"}, "invalidValue"),
        ({"op": "replace", "path": "userName", "value": "nonsense"}, "invalidValue"),
        ({"op": "replace", "path": "userName", "value": "boss@example.com"}, "uniqueness"),
        ({"op": "replace", "path": "userName"}, "invalidValue"),
    ],
)
def test_bad_operations_change_nothing(idp: Provider, operation: dict[str, Any], scim_type: str) -> None:
    made = idp.user("nora@example.com", displayName="Nora")
    answer = idp.patch(f"/Users/{made['id']}", {"op": "replace", "path": "displayName", "value": "X"}, operation)
    assert (answer.status_code in (400, 409), answer.json()["scimType"]) == (True, scim_type), answer.content
    assert idp("GET", f"/Users/{made['id']}").json() == made


def test_replacing_a_person(idp: Provider) -> None:
    made = idp.user("nora@example.com", externalId="E1", name={"givenName": "Nora"}, displayName="Nora", active=False)
    whole = {"schemas": [USER], "id": "other", "userName": "nora@example.com", "name": {"familyName": "Lind"}}
    data = idp("PUT", f"/Users/{made['id']}", whole).json()
    assert (data["id"], data["name"], data["active"]) == (made["id"], {"familyName": "Lind"}, False)
    assert "externalId" not in data
    assert User.objects.get(pk=made["id"]).name == "Lind"
    assert idp("PUT", f"/Users/{made['id']}", {**whole, "active": True}).json()["active"] is True
    assert idp("PUT", f"/Users/{made['id']}", {"schemas": [USER]}).status_code == 400
    assert idp("PUT", "/Users/nobody", whole).status_code == 404


def test_deleting_ends_everything_and_destroys_no_work(idp: Provider, people: People, boss: User) -> None:
    person_administrator_set(user=people.ana, administrator=True, by=OPERATOR)
    people.ana.refresh_from_db()
    people.ana.set_password(PASSWORD)
    people.ana.save()
    token_generate_for(owner=people.ana, label="pipeline", days=30, by=OPERATOR)
    OidcIdentity.objects.create(user=people.ana, issuer="https://id.example.com", subject="1")
    Authenticator.objects.create(user=people.ana, type="totp", data={})
    password_link_issue(user=people.ana, by=OPERATOR)
    mine = Provider(issue(people.ana))
    Membership.objects.create(workspace=people.other, user=people.ana, role="EDITOR")
    gone = idp("DELETE", f"/Users/{people.ana.pk}")
    assert (gone.status_code, gone.content) == (204, b"")
    ana = User.objects.get(pk=people.ana.pk)
    assert (ana.is_active, ana.is_administrator, ana.has_usable_password()) == (False, False, False)
    keys = (ana.identities, Authenticator.objects.filter(user_id=ana.pk), ana.links)
    assert [item.exists() for item in keys] == [False, False, False]
    assert not Token.objects.filter(owner=ana).exists()
    assert mine("GET", "/Users").status_code == 401
    assert [item.workspace.name for item in Membership.objects.filter(user=ana)] == ["Orders"], "as its only owner"
    event = AuditEvent.objects.get(event=Event.USER_WITHDRAWN)
    assert event.detail == {"tokens": 1, "owns": ["Orders"]}
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"schemas": [USER], "userName": "ana@example.com"})):
        assert idp(method, f"/Users/{ana.pk}", body).status_code == 404
    assert idp.found("Users", 'filter=userName eq "ana@example.com"') == []
    assert Workspace.objects.filter(owner=ana).exists()


def test_who_was_deleted_comes_back_to_the_account_without_its_keys(idp: Provider, people: People) -> None:
    people.ed.set_password(PASSWORD)
    people.ed.save()
    idp("DELETE", f"/Users/{people.ed.pk}")
    back = idp.user("ED@example.com", externalId="new")
    assert (back["id"], back["active"], back["externalId"]) == (people.ed.pk, True, "new")
    ed = User.objects.get(pk=people.ed.pk)
    assert (ed.is_active, ed.has_usable_password(), Membership.objects.filter(user=ed).count()) == (True, False, 0)
    assert not Client().login(username="ed@example.com", password=PASSWORD)
    again = idp("POST", "/Users", {"schemas": [USER], "userName": "ed@example.com"})
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")


def test_an_account_that_was_only_deactivated_is_no_free_name(idp: Provider, people: People) -> None:
    person_deactivate(user=people.ed, by=OPERATOR)
    answer = idp("POST", "/Users", {"schemas": [USER], "userName": "ed@example.com"})
    assert (answer.status_code, User.objects.get(pk=people.ed.pk).is_active) == (409, False)
    idp("DELETE", f"/Users/{people.vi.pk}")
    person_reactivate(user=people.vi, by=OPERATOR)
    assert idp("GET", f"/Users/{people.vi.pk}").json()["active"] is True, "brought back into view by hand"


def test_the_last_administrator_stays(idp: Provider, boss: User) -> None:
    for answer in (
        idp.patch(f"/Users/{boss.pk}", {"op": "replace", "path": "active", "value": False}),
        idp("DELETE", f"/Users/{boss.pk}"),
    ):
        assert (answer.status_code, answer.json()["schemas"]) == (409, [ERROR])
        assert "last administrator" in answer.json()["detail"]
    assert User.objects.get(pk=boss.pk).is_active


def test_a_provisioning_token_does_not_become_an_administrator(idp: Provider, boss: User) -> None:
    """Who could change an administrator's address could have a code mailed there, and sign in."""
    path = f"/Users/{boss.pk}"
    rename = {"op": "replace", "path": "userName", "value": "thief@example.com"}
    answer = idp.patch(path, rename, {"op": "replace", "path": "displayName", "value": "B"})
    assert (answer.status_code, answer.json()["scimType"]) == (403, "mutability")
    assert User.objects.get(pk=boss.pk).email == "boss@example.com"
    put = idp("PUT", path, {"schemas": [USER], "userName": "thief@example.com"})
    assert put.status_code == 403
    made = idp.user("nora@example.com", isAdmin=True, isAdministrator=True, roles=[{"value": "administrator"}])
    assert not User.objects.get(pk=made["id"]).is_administrator
    assert Provider(issue(boss, "full")).patch(path, rename).status_code == 200


def test_who_holds_no_good_token_gets_scims_401(boss: User) -> None:
    deleted, expired = issue(boss), issue(boss)
    automation_token_delete(token_id=AutomationToken.objects.get(digest=token_digest(deleted)).pk, by=OPERATOR)
    AutomationToken.objects.filter(digest=token_digest(expired)).update(expires_at=timezone.now())
    former = person("Former", administrator=True)
    demoted = issue(former)
    person_administrator_set(user=former, administrator=False, by=OPERATOR)
    personal = token_generate_for(owner=boss, label="personal", days=30, by=OPERATOR).text
    bodies = set()
    for token in (deleted, demoted, personal, token_generate("hki_").text, "nonsense"):
        for method, path in (
            ("GET", "/Users"),
            ("POST", "/Groups"),
            ("DELETE", f"/Users/{boss.pk}"),
            ("GET", "/Schemas"),
        ):
            answer = Provider(token)(method, path, {} if method == "POST" else None)
            assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/scim+json")
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="hopkey", error="invalid_token"'
            bodies.add(answer.content)
    assert len(bodies) == 1
    assert "expired" in Provider(expired)("GET", "/Users").json()["detail"]
    assert Provider(None)("GET", "/ServiceProviderConfig").headers["WWW-Authenticate"] == 'Bearer realm="hopkey"'
    signed_in = Client()
    signed_in.force_login(boss, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert signed_in.get("/scim/v2/Users").status_code == 401
    for access, status in (("read", 403), ("scim", 200), ("full", 200)):
        assert Provider(issue(boss, access))("GET", "/Users").status_code == status


def test_guesses_are_slowed_and_a_good_token_is_not(idp: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_DOOR", entry.Door(1))
    assert [Provider("guess")("GET", "/Users").status_code for _ in range(3)] == [401, 429, 429]
    assert int(Provider("guess")("GET", "/Users").headers["Retry-After"]) >= 1
    assert idp("GET", "/Users").status_code == 200


def test_everything_is_audited_with_the_token_as_actor(idp: Provider, boss: User) -> None:
    before = AuditEvent.objects.order_by("-pk")[0].pk
    made = idp.user("nora@example.com")
    idp.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": False, "displayName": "N"}})
    idp("DELETE", f"/Users/{made['id']}")
    events = list(AuditEvent.objects.filter(pk__gt=before).order_by("pk"))
    assert [item.event for item in events] == [
        Event.USER_CREATED,
        Event.USER_CHANGED,
        Event.USER_DEACTIVATED,
        Event.USER_WITHDRAWN,
    ]
    assert {item.actor_id for item in events} == {f"hki_{AutomationToken.objects.get().public_id}"}
