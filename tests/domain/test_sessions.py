"""Recent sign-in, and sessions per device."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hopkey.server.accounts import links, sessions
from hopkey.server.accounts.devices import device_words
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.people import services as people_services
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.workspaces import invitations
from hopkey.server.workspaces.models import Role
from tests.conftest import PASSWORD, Configure, People, person

pytestmark = pytest.mark.database

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Mobile/15E148 Safari/604.1"
)
SAME = {"HTTP_ORIGIN": "http://localhost", "HTTP_SEC_FETCH_SITE": "same-origin"}


def signed_in(email: str, agent: str = FIREFOX, **extra: Any) -> Client:
    client = Client(HTTP_HOST="localhost", HTTP_USER_AGENT=agent, **extra)
    answer = client.post("/sign-in", {"login": email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def age(client: Client, minutes: float) -> None:
    """Let the sign-in of this client be some minutes ago."""
    session = client.session
    session["confirmed_at"] = time.time() - minutes * 60
    session.save()


def fields_of(page: bytes) -> dict[str, str]:
    """The hidden fields of a form, as a browser would send them."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.decode())
    return {html.unescape(name): html.unescape(value) for name, value in found}


@pytest.fixture
def ana(db: None) -> User:
    return person("Ana", password=PASSWORD, administrator=True)


FORM = {"label": "nightly & <build>", "expiry": "30", "reach": "all", "once": "n1"}


def test_generating_and_deleting_a_token_ask_for_a_recent_sign_in_and_lose_nothing(ana: User) -> None:
    client = signed_in("ana@example.com")
    age(client, 61)
    asked = client.post("/profile/tokens/new", FORM)
    assert asked.status_code == 403
    assert b"Confirm that it is you" in asked.content
    assert not Token.objects.exists()
    fields = fields_of(asked.content)
    assert {name: fields[name] for name in FORM} == FORM
    wrong = client.post("/confirm", {**fields, "confirm-password": "not this one", "confirm-with": "password"})
    assert wrong.status_code == 400
    assert fields_of(wrong.content)["label"] == FORM["label"], "what was typed is still there"
    assert not Token.objects.exists()
    right = client.post("/confirm", {**fields, "confirm-password": PASSWORD, "confirm-with": "password"})
    assert (right.status_code, right.headers["Location"]) == (307, "/profile/tokens/new")
    made = client.post("/profile/tokens/new", {**fields, "confirm-password": PASSWORD})
    assert made.status_code == 201
    token = Token.objects.get()
    assert token.label == FORM["label"]
    age(client, 61)
    assert client.get(f"/profile/tokens/{token.pk}/delete").status_code == 200, "looking is free"
    assert client.post(f"/profile/tokens/{token.pk}/delete").status_code == 403
    assert Token.objects.exists()
    events = list(AuditEvent.objects.filter(event__startswith="session.confirm").values_list("event", flat=True))
    assert events == [Event.SESSION_CONFIRMED, Event.SESSION_CONFIRM_FAILED]


def test_the_json_api_says_so_with_a_code(ana: User) -> None:
    client = signed_in("ana@example.com", **SAME)
    body = {"label": "from json", "expiryInDays": 7}
    assert client.post("/v1/access-tokens/create", body, content_type="application/json").status_code == 201
    token = Token.objects.get()
    age(client, 61)
    for answer in (
        client.post("/v1/access-tokens/create", body, content_type="application/json"),
        client.delete(f"/v1/access-tokens/revoke?id={token.pk}"),
    ):
        assert (answer.status_code, answer.json()["message"]) == (403, "reauthentication_required")
    assert client.get("/v1/access-tokens/list?offset=0&limit=5").status_code == 200
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/console/users/invite", {"email": "new@example.com"}),
        ("/console/policy", {"max_days": "7"}),
        ("/console/tokens/delete", {"ids": "1"}),
        ("/console/audit/verify", {}),
    ],
)
def test_every_change_in_the_console_asks(ana: User, path: str, data: dict[str, str]) -> None:
    client = signed_in("ana@example.com")
    age(client, 61)
    assert b"Confirm that it is you" in client.post(path, data).content
    somebody = person("Bo", password=PASSWORD)
    stranger = signed_in(somebody.email)
    age(stranger, 61)
    assert stranger.post(path, data).status_code == 404, "for others there is no such page, confirmed or not"


def test_what_is_secret_never_stands_in_the_page_that_asks(ana: User) -> None:
    client = signed_in("ana@example.com")
    age(client, 61)
    token = token_generate_for(owner=ana, label="pasted", days=7, by=OPERATOR).text
    form = {"text": token, "everything": "1"}
    asked = client.post("/console/tokens/delete", form, HTTP_REFERER="http://localhost/console/tokens")
    assert (asked.status_code, asked.headers["Location"]) == (302, "/confirm?next=%2Fconsole%2Ftokens")
    assert token not in client.get(asked.headers["Location"]).content.decode()


def test_searching_the_console_changes_nothing_and_asks_nothing(ana: User) -> None:
    client = signed_in("ana@example.com")
    age(client, 61)
    for path in ("/tokens/search", "/audit/search"):
        assert client.post(f"/console{path}", {"text": "x", "subject": "x"}).headers["Location"].startswith("/console/")
    for path in ("/tokens/delete", "/policy", "/users/invite", f"/users/{ana.pk}/sign-out"):
        assert client.post(f"/console{path}", {"id": "1"}).status_code == 403


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", ""])
def test_confirming_leads_only_to_our_own_pages(ana: User, target: str) -> None:
    client = signed_in("ana@example.com")
    given = {"confirm-with": "password", "confirm-password": PASSWORD, "confirm-path": target, "confirm-again": "yes"}
    answer = client.post("/confirm", given)
    assert (answer.status_code, answer.headers["Location"]) == (307, "/")


def test_guessing_the_password_to_confirm_is_slowed(ana: User) -> None:
    client = signed_in("ana@example.com")
    age(client, 61)
    given = {"confirm-with": "password", "confirm-path": "/"}
    codes = [client.post("/confirm", {**given, "confirm-password": f"guess {i}"}).status_code for i in range(7)]
    assert codes == [400] * 5 + [429] * 2
    assert client.post("/confirm", {**given, "confirm-password": PASSWORD}).status_code == 429
    assert client.post("/profile/tokens/new", FORM).status_code == 403


def test_a_session_without_a_date_is_not_recent_and_zero_minutes_never_ask(ana: User, configure: Configure) -> None:
    client = signed_in("ana@example.com")
    session = client.session
    del session["confirmed_at"]
    session.save()
    assert client.post("/profile/tokens/new", FORM).status_code == 403
    age(client, -10)
    assert client.post("/profile/tokens/new", FORM).status_code == 403, "a date to come is none"
    configure(HOPKEY_RECENT_MINUTES="0")
    assert client.post("/profile/tokens/new", FORM).status_code == 201


def test_sessions_by_links_and_invitations_are_recent_and_listed(people: People, configure: Configure) -> None:
    configure(HOPKEY_SIGNUP="invitation")
    link = links.password_link_issue(user=people.ana, by=OPERATOR).rsplit("/", 1)[1]
    first = Client(HTTP_HOST="localhost", HTTP_USER_AGENT=PHONE)
    first.get(f"/welcome/{link}")
    assert first.post("/welcome", {"password": PASSWORD}).status_code == 302
    invited = invitations.invitation_create(team=people.team, role=Role.VIEWER, inviter=people.ana, by=OPERATOR)
    second = Client(HTTP_HOST="localhost", HTTP_USER_AGENT=FIREFOX)
    second.get(f"/join/{invited.url.rsplit('/', 1)[1]}")
    joined = second.post("/join", {"email": "new@example.com", "name": "New", "password": PASSWORD})
    assert joined.headers["Location"] == f"/workspaces/{people.team.pk}"
    for client, email, words in (
        (first, "ana@example.com", "Safari on iPhone"),
        (second, "new@example.com", "Firefox"),
    ):
        assert client.post("/profile/tokens/new", FORM).status_code == 201
        page = client.get("/profile/security").content.decode()
        assert words in page
        assert "this one" in page
        assert UserSession.objects.filter(user__email=email).count() == 1
    details = list(AuditEvent.objects.filter(event=Event.SIGNED_IN).order_by("id").values_list("detail", flat=True))
    assert details == [{"with": ["link"]}, {"with": ["invitation"]}]


def test_signing_out_there_ends_that_session_at_once(ana: User) -> None:
    here, there = signed_in("ana@example.com"), signed_in("ana@example.com", PHONE)
    devices = sessions.session_list(user=ana, key=here.session.session_key or "")
    assert [(device.words, device.here) for device in devices] == [
        ("Firefox on Linux", True),
        ("Safari on iPhone", False),
    ]
    assert devices[0].methods == ("password",)
    assert here.post(f"/profile/security/sessions/{devices[1].id}/end").status_code == 302
    assert there.get("/profile").headers["Location"].startswith("/sign-in")
    assert there.get("/v1/access-tokens/list?offset=0&limit=1").status_code == 401
    assert here.get("/profile").status_code == 200
    assert here.post(f"/profile/security/sessions/{devices[1].id}/end").status_code == 302, "twice does no harm"
    event = AuditEvent.objects.get(event=Event.SESSION_ENDED)
    assert event.detail == {"device": "Safari on iPhone", "address": "127.0.0.1"}


def test_signing_out_everywhere_else_keeps_this_one(ana: User) -> None:
    here, *others = (signed_in("ana@example.com") for _ in range(4))
    age(here, 100_000)
    answer = here.post("/profile/security/sessions/end-others", follow=True)
    assert "3 sessions ended" in answer.content.decode()
    assert all(other.get("/profile").status_code == 302 for other in others)
    assert here.get("/profile").status_code == 200


def test_nobody_ends_the_sessions_of_others(ana: User) -> None:
    bo = person("Bo", password=PASSWORD)
    mine, theirs = signed_in("ana@example.com"), signed_in(bo.email)
    row = UserSession.objects.get(user=ana)
    theirs.post(f"/profile/security/sessions/{row.pk}/end")
    theirs.post("/profile/security/sessions/end-others")
    assert mine.get("/profile").status_code == 200
    assert "127.0.0.1" in theirs.get("/profile/security").content.decode()
    assert [device.id for device in sessions.session_list(user=bo, key="")] == [
        UserSession.objects.get(user=bo).pk,
    ]


def test_only_sessions_that_could_be_used_are_listed(ana: User) -> None:
    here, expired, signed_out = (signed_in("ana@example.com") for _ in range(3))
    Session.objects.filter(session_key=expired.session.session_key).update(expire_date=timezone.now())
    signed_out.post("/sign-out")
    assert len(sessions.session_list(user=ana, key=here.session.session_key or "")) == 1
    assert (UserSession.objects.count(), sessions.sessions_forget_ended()) == (3, 1)
    people_services.person_sign_out(user=ana, by=OPERATOR)
    assert sessions.session_list(user=ana, key="") == []
    signed_in("ana@example.com")
    link = links.password_link_issue(user=ana, by=OPERATOR).rsplit("/", 1)[1]
    links.password_link_redeem(secret=link, password=PASSWORD + "2", by=OPERATOR)
    assert sessions.session_list(user=ana, key="") == [], "another password ends them all"


def test_last_seen_is_written_now_and_then_and_not_with_every_request(
    ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in("ana@example.com")
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(days=1))

    def writes(path: str = "/profile") -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get(path)
        return sum(query["sql"].startswith(("UPDATE", "INSERT")) for query in seen.captured_queries)

    assert [writes() for _ in range(3)] == [0, 0, 0]
    monkeypatch.setattr(sessions, "_seen", sessions._Seen())
    assert [writes() for _ in range(3)] == [1, 0, 0]
    assert (timezone.now() - UserSession.objects.get().last_seen_at).total_seconds() < 60
    UserSession.objects.all().delete()
    monkeypatch.setattr(sessions, "_seen", sessions._Seen())
    client.get("/profile", HTTP_USER_AGENT="x\0" * 300)
    row = UserSession.objects.get()
    assert (row.user, row.user_agent) == (ana, "x" * 200), "a session nobody listed is listed when it is seen"


def test_what_is_remembered_of_sessions_is_bounded() -> None:
    seen = sessions._Seen(size=3)
    assert all(seen.is_due(str(number), 0.0) for number in range(10))
    assert len(seen._times) == 3
    assert not seen.is_due("9", sessions.SEEN_SECONDS - 1)
    assert seen.is_due("9", sessions.SEEN_SECONDS)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (PHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
            "Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36",
            "Chrome on macOS",
        ),
        ("python-requests/2.32", "A Python program"),
        ("Something (Linux)", "Linux"),
        ("", "Unknown device"),
        ("<script>", "Unknown device"),
    ],
)
def test_devices_in_words(agent: str, words: str) -> None:
    assert device_words(agent) == words
