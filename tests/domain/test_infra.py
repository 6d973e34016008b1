"""``/v1/infra/*``: the official server's wire for administration by programs, and who is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hopkey.server.accounts.models import OneTimeLink, User
from hopkey.server.api.infra.urls import urlpatterns
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.audit.selectors import AuditFilter, audit_list
from hopkey.server.automation import entry
from hopkey.server.automation.models import AutomationToken
from hopkey.server.automation.services import automation_token_delete, automation_token_generate
from hopkey.server.people.services import person_administrator_set, person_deactivate
from hopkey.server.tokens.format import token_generate
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.workspaces.invitations import invitation_create
from hopkey.server.workspaces.models import Membership, Role, Workspace
from tests.conftest import PASSWORD, People, person

pytestmark = [pytest.mark.database, pytest.mark.django_db]

BASE = "/v1/infra"


@pytest.fixture(autouse=True)
def _fresh_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_DOOR", entry.Door(0))


@pytest.fixture
def boss(people: People) -> User:
    return person("Boss", administrator=True)


def issue(creator: User, access: str = "full") -> str:
    return automation_token_generate(creator=creator, label="script", days=30, access=access, by=OPERATOR).text


class Program:
    """Calls with a token and nothing else."""

    def __init__(self, token: str | None, client: Client | None = None) -> None:
        self.headers = {} if token is None else {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        self.client = client or Client(enforce_csrf_checks=True)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        given: dict[str, Any] = {**self.headers, **headers}
        data = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(self.client, method.lower())(BASE + path, **data, **given)


@pytest.fixture
def call(boss: User) -> Program:
    return Program(issue(boss))


def test_invitations(call: Program, boss: User) -> None:
    made = call("POST", "/user-invitations", {"inviteeEmail": "New@Example.com"})
    assert (made.status_code, set(made.json())) == (201, {"invitationLink"})
    assert made.headers["Cache-Control"] == "no-store"
    link = made.json()["invitationLink"]
    assert "/welcome/" in link
    assert Client().get("/welcome/" + link.rsplit("/", 1)[1]).status_code in (200, 302)
    call("POST", "/user-invitations", {"inviteeEmail": "two@example.com"})
    listed = call("GET", "/user-invitations?skip=0&take=10").json()
    assert [item["inviteeEmail"] for item in listed] == ["two@example.com", "new@example.com"]
    assert set(listed[0]) == {"inviteeEmail", "invitedOn"}
    assert call("GET", "/user-invitations?skip=1&take=1").json() == listed[1:]
    gone = call("DELETE", "/user-invitations", {"inviteeEmails": ["new@example.com", "unknown@example.com"]})
    assert (gone.status_code, gone.json()) == (200, {"message": "true"})
    assert [link.email for link in OneTimeLink.objects.all()] == ["two@example.com"]
    taken = call("POST", "/user-invitations", {"inviteeEmail": "ANA@example.com"})
    assert (taken.status_code, taken.json()["message"]) == (409, "email_taken")


def test_users(call: Program, people: People, boss: User) -> None:
    listed = call("GET", "/users").json()
    assert [item["email"] for item in listed] == [f"{name}@example.com" for name in ("ana", "boss", "ed", "olga", "vi")]
    wire = {"uid", "displayName", "email", "photoURL", "isAdmin", "lastLoggedOn", "lastActiveOn"}
    assert all(wire <= set(item) for item in listed)
    assert call("GET", "/users?skip=1&take=2").json() == listed[1:3]
    assert [item["displayName"] for item in call("GET", "/users?searchString=OLG").json()] == ["Olga"]
    one = call("GET", f"/users/{people.vi.pk}").json()
    assert (one["displayName"], one["isAdmin"], one["photoURL"]) == ("Vi", False, None)
    changed = call("PATCH", f"/users/{people.vi.pk}", {"displayName": "Vivian"})
    assert (changed.status_code, changed.json()) == (200, {**one, "displayName": "Vivian"})
    assert call("PATCH", f"/users/{people.vi.pk}", {}).json() == changed.json()
    made = call("PATCH", f"/users/{people.vi.pk}/admin-status", {"isAdmin": True})
    assert (made.status_code, made.json()) == (200, {"message": "true"})
    assert User.objects.get(pk=people.vi.pk).is_administrator
    call("PATCH", f"/users/{people.vi.pk}/admin-status", {"isAdmin": False})
    assert not User.objects.get(pk=people.vi.pk).is_administrator
    gone = call("DELETE", f"/users/{people.vi.pk}")
    assert (gone.status_code, gone.json()) == (200, {"message": "true"})
    assert call("GET", f"/users/{people.vi.pk}").status_code == 404


def test_the_workspaces_of_a_user(call: Program, people: People) -> None:
    assert call("GET", f"/users/{people.ed.pk}/workspaces").json() == [
        {
            "id": people.team.pk,
            "name": "Orders",
            "role": "EDITOR",
            "owner_count": 1,
            "editor_count": 1,
            "viewer_count": 1,
            "member_count": 3,
        }
    ]


def test_deactivating_and_reactivating(call: Program, people: People) -> None:
    for method in ("PATCH", "POST"):
        off = call(method, f"/users/{people.ed.pk}/deactivate")
        assert (off.status_code, off.json()["isDeactivated"]) == (200, True)
        assert not User.objects.get(pk=people.ed.pk).is_active
        on = call(method, f"/users/{people.ed.pk}/reactivate")
        assert (on.status_code, on.json()["isDeactivated"]) == (200, False)
        assert User.objects.get(pk=people.ed.pk).is_active


def test_workspaces(call: Program, people: People, boss: User) -> None:
    listed = call("GET", "/workspaces").json()
    assert [(item["name"], item["member_count"]) for item in listed] == [("Orders", 3), ("Others", 1)]
    assert call("GET", "/workspaces?searchString=other").json() == listed[1:]
    made = call("POST", "/workspaces", {"name": "Payments", "userUid": people.ed.pk})
    assert made.status_code == 201
    team = made.json()["id"]
    assert [(item["email"], item["role"]) for item in made.json()["members"]] == [("ed@example.com", "OWNER")]
    mine = call("POST", "/workspaces", {"name": "Mine"}).json()
    assert [item["email"] for item in mine["members"]] == ["boss@example.com"]
    assert call("PATCH", f"/workspaces/{team}", {"name": "Billing"}).json()["name"] == "Billing"
    added = call("POST", f"/workspaces/{team}/user", {"userEmail": "VI@example.com", "role": "VIEWER"})
    assert (added.status_code, added.json()["role"]) == (201, "VIEWER")
    assert call("POST", f"/workspaces/{team}/user", {"userUid": people.ana.pk, "role": "OWNER"}).status_code == 201
    role = call("PATCH", f"/workspaces/{team}/user/{people.vi.pk}/role", {"role": "EDITOR"})
    assert (role.status_code, role.json()["role"]) == (200, "EDITOR")
    counts = {name: call("GET", f"/workspaces/{team}/{name}-count").json() for name in ("owners", "editors", "viewers")}
    assert counts == {"owners": {"count": 2}, "editors": {"count": 1}, "viewers": {"count": 0}}
    members = call("GET", f"/workspaces/{team}/members").json()
    assert [(item["email"], item["role"]) for item in members] == [
        ("ana@example.com", "OWNER"),
        ("ed@example.com", "OWNER"),
        ("vi@example.com", "EDITOR"),
    ]
    gone = call("DELETE", f"/workspaces/{team}/user/{people.vi.pk}")
    assert (gone.status_code, gone.json()) == (200, {"message": "true"})
    invited = invitation_create(
        team=Workspace.objects.get(pk=team), role=Role.VIEWER, inviter=None, by=OPERATOR, email="x@example.com"
    )
    (pending,) = call("GET", f"/workspaces/{team}/invitations").json()
    assert (pending["inviteeEmail"], pending["inviteeRole"]) == ("x@example.com", "VIEWER")
    assert call("GET", f"/workspaces/{team}").json()["invitations"] == [pending]
    assert call("DELETE", f"/workspaces/{team}/invitations/{invited.invitation.pk}").status_code == 200
    assert call("DELETE", f"/workspaces/{team}/invitations/{invited.invitation.pk}").status_code == 404
    assert call("DELETE", f"/workspaces/{team}").json() == {"message": "true"}
    assert call("GET", f"/workspaces/{team}").json()["message"] == "team/invalid_id"


def test_personal_workspaces_do_not_exist_here(call: Program, people: People) -> None:
    mine = people.ana.personal_workspace.pk
    assert mine not in str(call("GET", "/workspaces?take=100").json())
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "Taken"}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("POST", "/user", {"userUid": people.ed.pk, "role": "OWNER"}),
    ):
        assert call(method, f"/workspaces/{mine}{path}", body).status_code == 404


def test_the_rules_hold_as_everywhere(call: Program, people: People, boss: User) -> None:
    last = call("DELETE", f"/users/{people.ana.pk}")
    assert (last.status_code, last.json()["message"]) == (400, "team/only_one_owner")
    assert "Orders" in last.json()["detail"]
    for method, path, body in (
        ("DELETE", f"/users/{boss.pk}", None),
        ("PATCH", f"/users/{boss.pk}/deactivate", None),
        ("PATCH", f"/users/{boss.pk}/admin-status", {"isAdmin": False}),
    ):
        answer = call(method, path, body)
        assert (answer.status_code, answer.json()["message"]) == (400, "admin/only_one_admin_account_found")
    team = people.team.pk
    owner = call("DELETE", f"/workspaces/{team}/user/{people.ana.pk}")
    assert (owner.status_code, owner.json()["message"]) == (400, "team/only_one_owner")
    again = call("POST", f"/workspaces/{team}/user", {"userUid": people.ed.pk, "role": "OWNER"})
    assert (again.status_code, again.json()["message"]) == (400, "team_invite/already_member")
    assert Membership.objects.get(workspace=team, user=people.ed).role == Role.EDITOR


@pytest.mark.parametrize(
    ("method", "path", "body", "messages"),
    [
        ("POST", "/user-invitations", {}, ["inviteeEmail should not be empty"]),
        ("POST", "/user-invitations", {"inviteeEmail": 5}, ["inviteeEmail must be a string"]),
        ("POST", "/user-invitations", {"inviteeEmail": "a\0@b.com"}, ["inviteeEmail must be a string"]),
        (
            "POST",
            "/user-invitations",
            {"inviteeEmail": "a@example.com", "isAdmin": True},
            ["property isAdmin should not exist"],
        ),
        ("DELETE", "/user-invitations", {"inviteeEmails": []}, ["inviteeEmails must contain at least 1 elements"]),
        ("DELETE", "/user-invitations", {"inviteeEmails": "x"}, ["inviteeEmails must be an array"]),
        ("DELETE", "/user-invitations", {"inviteeEmails": [1]}, ["each value in inviteeEmails must be a string"]),
        ("GET", "/users?take=0", None, ["take must not be less than 1"]),
        ("GET", "/users?skip=-1&take=x", None, ["skip must not be less than 0", "take must be an integer number"]),
        ("GET", "/users?take=100000", None, ["take must not be greater than 10000"]),
        ("GET", "/users?limit=5", None, ["property limit should not exist"]),
        ("GET", "/users?searchString=", None, ["searchString must be longer than or equal to 1 characters"]),
        ("PATCH", "/users/x", {"displayName": ""}, ["displayName must be longer than or equal to 1 characters"]),
        ("PATCH", "/users/x/admin-status", {"isAdmin": "true"}, ["isAdmin must be a boolean value"]),
        ("POST", "/workspaces", {}, ["name should not be empty"]),
        (
            "POST",
            "/workspaces/x/user",
            {"userUid": "y", "role": "BOSS"},
            ["role must be one of the following values: OWNER, EDITOR, VIEWER"],
        ),
        ("POST", "/workspaces/x/user", {"role": "OWNER"}, ["either userUid or userEmail should not be empty"]),
    ],
)
def test_bad_requests_get_the_official_answers(
    call: Program, method: str, path: str, body: Any, messages: list[str]
) -> None:
    answer = call(method, path, body)
    assert (answer.status_code, answer.json()) == (
        400,
        {"message": messages, "error": "Bad Request", "statusCode": 400},
    )


def test_unknown_things_bodies_of_another_kind_and_other_methods(call: Program, people: People) -> None:
    for path in ("/users/nobody", "/users/nobody/workspaces", "/users/ana@example.com"):
        assert call("GET", path).json()["message"] == "user/not_found"
    assert call("DELETE", "/users/nobody").status_code == 404
    assert call("POST", "/workspaces", {"name": "X", "userUid": "nobody"}).status_code == 404
    assert call("DELETE", f"/workspaces/{people.team.pk}/user/{people.olga.pk}").status_code == 404
    assert call("POST", "/user-invitations", {"inviteeEmail": "nonsense"}).json()["message"] == "invalid/email"
    raw = {"content_type": "text/plain", **call.headers}
    assert call.client.post(f"{BASE}/workspaces", b'{"name": "X"}', **raw).status_code == 415
    for body in (b"{", b"[]", b"[" * 30_000, b"\xff"):
        answer = call.client.post(f"{BASE}/workspaces", body, content_type="application/json", **call.headers)
        assert answer.status_code == 400
    big = call.client.post(f"{BASE}/workspaces", b"x" * 70_000, content_type="application/json", **call.headers)
    assert big.status_code == 413
    other = call("PUT", "/users")
    assert (other.status_code, other.headers["Allow"]) == (405, "GET")
    for path in ("/users/%00", "/users?searchString=%00"):
        assert call("GET", path).status_code in (400, 404)


ROUTES = [str(item.pattern) for item in urlpatterns]
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


def filled(route: str) -> str:
    for name in ("uid", "workspace_id", "invitation_id"):
        route = route.replace(f"<str:{name}>", "x")
    return f"/{route}"


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_refuses_everybody_who_holds_no_good_token(boss: User, people: People, route: str) -> None:
    """Missing, expired, and whatever else: nothing says more, and a session opens nothing."""
    path = filled(route)
    invalid = {"message": "infra_token/invalid_token", "error": "Unauthorized", "statusCode": 401}
    deleted, expired, demoted, inactive = (issue(boss) for _ in range(4))
    automation_token_delete(token_id=AutomationToken.objects.order_by("pk")[0].pk, by=OPERATOR)
    AutomationToken.objects.filter(digest=_digest(expired)).update(expires_at=timezone.now())
    former, leaver = person("Former", administrator=True), person("Leaver", administrator=True)
    AutomationToken.objects.filter(digest=_digest(demoted)).update(creator=former)
    AutomationToken.objects.filter(digest=_digest(inactive)).update(creator=leaver)
    person_administrator_set(user=former, administrator=False, by=OPERATOR)
    person_deactivate(user=leaver, by=OPERATOR)
    personal = token_generate_for(owner=boss, label="personal", days=30, by=OPERATOR).text
    unknown, malformed = token_generate("hki_").text, "hki_nonsense"
    bodies = set()
    for token in (deleted, demoted, inactive, personal, unknown, malformed):
        for method in METHODS:
            answer = Program(token)(method, path, {"name": "x"} if method != "GET" else None)
            assert (answer.status_code, answer.json()) == (401, invalid)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="hopkey", error="invalid_token"'
            bodies.add(answer.content)
    assert len(bodies) == 1
    assert Program(expired)("GET", path).json() == {**invalid, "message": "infra_token/expired"}
    missing = Program(None)("GET", path)
    assert missing.json() == {**invalid, "message": "infra_token/authorization_token_missing"}
    assert missing.headers["WWW-Authenticate"] == 'Bearer realm="hopkey"'
    signed_in = Client(enforce_csrf_checks=True)
    signed_in.force_login(boss, backend="allauth.account.auth_backends.AuthenticationBackend")
    for method in METHODS:
        answer = Program(None, signed_in)(method, path, {} if method != "GET" else None)
        assert answer.json()["message"] == "infra_token/authorization_token_missing"


@pytest.mark.parametrize("route", ROUTES)
def test_access_is_what_the_token_says_on_every_route(boss: User, route: str) -> None:
    read, scim = Program(issue(boss, "read")), Program(issue(boss, "scim"))
    for method in METHODS:
        body = {} if method != "GET" else None
        answer = read(method, filled(route), body)
        assert (answer.status_code == 403) == (method != "GET"), (method, answer.status_code)
        refused = scim(method, filled(route), body)
        assert (refused.status_code, refused.json()["message"]) == (403, "infra_token/insufficient_access")
        assert refused.headers["WWW-Authenticate"].endswith('error="insufficient_scope"')


def _digest(text: str) -> bytes:
    from hopkey.server.tokens.format import token_digest

    return token_digest(text)


def test_a_doubled_v1_works_too(call: Program) -> None:
    answer = call.client.get("/v1/v1/infra/users", **call.headers)
    assert answer.json() == call("GET", "/users").json()


def test_too_many_guesses(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_DOOR", entry.Door(2))
    good = Program(issue(boss))
    statuses = [Program("guess")("GET", "/users").status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    last = Program("guess")("GET", "/users")
    assert set(last.json()) == {"message", "statusCode"}
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert good("GET", "/users").status_code == 200


def test_everything_it_changes_is_audited_with_the_token_as_actor(call: Program, people: People, boss: User) -> None:
    public_id = AutomationToken.objects.get().public_id
    before = AuditEvent.objects.order_by("-pk")[0].pk
    call("POST", "/user-invitations", {"inviteeEmail": "new@example.com"}, HTTP_USER_AGENT="script/1")
    call("DELETE", "/user-invitations", {"inviteeEmails": ["new@example.com"]})
    call("PATCH", f"/users/{people.vi.pk}", {"displayName": "Vivian"})
    call("PATCH", f"/users/{people.vi.pk}/admin-status", {"isAdmin": True})
    call("PATCH", f"/users/{people.vi.pk}/deactivate")
    call("PATCH", f"/users/{people.vi.pk}/reactivate")
    call("DELETE", f"/users/{people.vi.pk}")
    team = call("POST", "/workspaces", {"name": "New"}).json()["id"]
    call("PATCH", f"/workspaces/{team}", {"name": "Newer"})
    call("POST", f"/workspaces/{team}/user", {"userUid": people.ed.pk, "role": "VIEWER"})
    call("PATCH", f"/workspaces/{team}/user/{people.ed.pk}/role", {"role": "EDITOR"})
    call("DELETE", f"/workspaces/{team}/user/{people.ed.pk}")
    call("DELETE", f"/workspaces/{team}")
    events = list(AuditEvent.objects.filter(pk__gt=before).order_by("pk"))
    assert [event.event for event in events] == [
        Event.USER_INVITED,
        Event.USER_INVITE_REVOKED,
        Event.USER_CHANGED,
        Event.USER_ADMINISTRATOR_SET,
        Event.USER_DEACTIVATED,
        Event.USER_REACTIVATED,
        Event.USER_DEACTIVATED,
        Event.USER_DELETED,
        Event.TEAM_CREATED,
        Event.TEAM_RENAMED,
        Event.MEMBER_ADDED,
        Event.MEMBER_ROLE_CHANGED,
        Event.MEMBER_REMOVED,
        Event.TEAM_DELETED,
    ]
    assert {event.actor_id for event in events} == {f"hki_{public_id}"}
    assert {event.actor_label for event in events} == {"automation token “script” of boss@example.com"}
    assert events[0].agent == "script/1"
    assert {event.address for event in events} == {"127.0.0.1"}
    found = set(audit_list(AuditFilter(subject=public_id)).values_list("pk", flat=True))
    assert found > {event.pk for event in events}, "the public id finds what was done with the token, and its making"


def test_an_automation_token_opens_nothing_else(boss: User) -> None:
    token = {"HTTP_AUTHORIZATION": f"Bearer {issue(boss)}", "HTTP_HOST": "localhost"}
    assert Client().get("/v1/access-tokens/list?offset=0&limit=1", **token).status_code == 401  # type: ignore[arg-type]
    for page in ("/", "/console", "/console/automation", "/profile"):
        assert Client().get(page, **token).status_code == 302  # type: ignore[arg-type]


def test_the_console_page_takes_few_queries_and_pages(boss: User, django_assert_max_num_queries: Any) -> None:
    client = Client()
    client.force_login(boss, backend="allauth.account.auth_backends.AuthenticationBackend")
    for _ in range(45):
        issue(boss)
    with django_assert_max_num_queries(10):
        page = client.get("/console/automation?page=2").content.decode()
    assert "Page 2 of 3" in page
    assert page.count('<dialog id="delete-') == 20


def test_the_console_page(boss: User, people: People) -> None:
    boss.set_password(PASSWORD)
    boss.save()
    admin, other = Client(), Client()
    admin.force_login(boss, backend="allauth.account.auth_backends.AuthenticationBackend")
    other.force_login(people.ana, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert other.get("/console/automation").status_code == 404
    assert other.post("/console/automation/new", {}).status_code == 404
    page = admin.get("/console/automation")
    assert "No automation tokens yet" in page.content.decode()
    once = page.context["once"]
    form = {"label": "idp", "access": "scim", "expiry": "90", "networks": "127.0.0.0/8, ::1", "once": once}
    bad = admin.post("/console/automation/new", {**form, "label": "x"})
    assert (bad.status_code, AutomationToken.objects.count()) == (400, 0)
    form["once"] = bad.context["once"]
    made = admin.post("/console/automation/new", form)
    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    text = made.context["text"]
    assert made.content.decode().count(text) == 2, "the token, and the command with it"
    assert admin.post("/console/automation/new", form).status_code == 302
    token = AutomationToken.objects.get()
    assert (token.creator, token.access, token.networks) == (boss, "scim", ["127.0.0.0/8", "::1/128"])
    listed = admin.get("/console/automation").content.decode()
    assert text not in listed
    assert f"hki_{token.public_id}" in listed
    found = admin.post("/console/audit/search", {"subject": text})
    assert text not in found["Location"]
    assert token.public_id in found["Location"]
    assert other.post(f"/console/automation/{token.pk}/delete").status_code == 404
    assert "refused at once" in admin.get(f"/console/automation/{token.pk}/delete").content.decode()
    assert admin.post(f"/console/automation/{token.pk}/delete").status_code == 302
    assert not AutomationToken.objects.exists()
    assert admin.get(f"/console/automation/{token.pk}/delete").status_code == 404
