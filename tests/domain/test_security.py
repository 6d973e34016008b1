"""Holes that were found by looking at the server as a whole; each of these tests failed once."""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from hopkey.server.accounts.limits import attempts_forget
from hopkey.server.accounts.links import invite_issue, invite_list, invite_take
from hopkey.server.accounts.models import User
from hopkey.server.accounts.oidc import Claims
from hopkey.server.accounts.services import email_normalise
from hopkey.server.audit.actor import OPERATOR, Actor
from hopkey.server.audit.models import AuditEvent
from hopkey.server.automation import entry
from hopkey.server.automation.services import automation_token_generate
from hopkey.server.errors import DomainError
from hopkey.server.mail.models import Message
from hopkey.server.people import services as people_services
from hopkey.server.people.identities import identity_sign_in
from hopkey.server.webhooks import sending
from hopkey.server.webhooks.addresses import refusal
from hopkey.server.workspaces import invitations, services
from hopkey.server.workspaces.models import Membership, Role, Workspace
from hopkey.server.workspaces.selectors import invitation_list
from tests.conftest import PASSWORD, Configure, People, person
from tests.domain.test_sessions import age
from tests.support.scim import GROUP, USER

pytestmark = [pytest.mark.database, pytest.mark.django_db]

DOTLESS = "mike@site-\u0131nc.example"
"""To PostgreSQL the same address as Mike's where letters of either case are the same; another domain, though."""


def visitor() -> Client:
    return Client(HTTP_HOST="localhost")


def mike() -> User:
    return people_services.person_create(email="mike@site-inc.example", name="Mike", password=PASSWORD, by=OPERATOR)


def test_an_address_that_only_looks_alike_gets_nobody_elses_code(db: None, configure: Configure) -> None:
    configure(HOPKEY_SMTP_URL="smtp://127.0.0.1:1?tls=none", HOPKEY_MAIL_FROM="hopkey@mail.test")
    mike()
    assert visitor().post("/sign-in/code", {"email": DOTLESS}).status_code == 302
    assert [(mail.to, mail.template) for mail in Message.objects.all()] == [(DOTLESS, "code_not_sent")]


def test_an_identity_whose_address_only_looks_alike_signs_in_as_nobody_else(db: None, configure: Configure) -> None:
    configure(HOPKEY_OIDC_ISSUER="https://login.test", HOPKEY_OIDC_CLIENT_ID="hopkey")
    mike()
    claims = Claims("https://login.test", "attacker", DOTLESS, True, "Mallory", None)
    with pytest.raises(DomainError) as caught:
        identity_sign_in(claims=claims, by=Actor())
    assert caught.value.code == "signup_closed"


@pytest.mark.parametrize("email", ["mi\u212ae@example.com", "mi\u212aE@example.com", "\u0131@example.com"])
def test_letters_that_become_ascii_when_they_are_small_are_refused(email: str) -> None:
    with pytest.raises(DomainError) as caught:
        email_normalise(email)
    assert caught.value.code == "email_invalid"


def test_spellings_of_one_address_share_the_limit_on_passwords(db: None) -> None:
    mike()
    client = visitor()
    for email in ("mike@site-inc.example", DOTLESS, "mike@\u017fite-inc.example") * 2:
        answer = client.post("/sign-in", {"login": email, "password": "wrong-" + PASSWORD})
    assert b"Too many failed login attempts" in answer.content


def test_many_attempts_elsewhere_do_not_make_a_limit_forget(db: None) -> None:
    client = visitor()
    person("Ana", password=PASSWORD)
    for _ in range(6):
        client.post("/sign-in", {"login": "ana@example.com", "password": "wrong-" + PASSWORD})
    for number in range(400):
        cache.set(f"z-{number}", 1, 600)
        cache.set(f"0-{number}", 1, 600)
    answer = client.post("/sign-in", {"login": "ana@example.com", "password": PASSWORD})
    assert b"Too many failed login attempts" in answer.content


def test_what_does_not_count_any_more_is_removed_from_the_cache(db: None) -> None:
    cache.set("old", 1, 10)
    cache.set("new", 1, 600)
    assert attempts_forget(before=timezone.now()) == 0
    assert attempts_forget(before=timezone.now() + timedelta(seconds=60)) == 1
    assert (cache.get("old"), cache.get("new")) == (None, 1)


def test_forms_without_end_push_no_count_of_attempts_out(console: Client) -> None:
    cache.set("counted", 1, 600)
    before = cache.get("counted"), _entries("hopkey_cache")
    for number in range(3):
        console.post("/profile/tokens/new", {"once": f"nonce-{number}", "expiry": "7"})
        console.post("/console/automation/new", {"once": f"nonce-{number}", "expiry": "7"})
    assert (cache.get("counted"), _entries("hopkey_cache")) == before
    assert _entries("hopkey_forms") == 6


def _entries(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sign-in", {"login": "ana@example.com", "password": ""}),
        ("/sign-in", {"login": "no address", "password": "wrong"}),
        ("/sign-in/code", {"code": "0000-0000"}),
    ],
)
def test_forms_that_try_nothing_do_not_fill_the_trail(db: None, path: str, fields: dict[str, str]) -> None:
    before = AuditEvent.objects.count()
    client = visitor()
    for _ in range(5):
        assert client.post(path, fields).status_code == 400
    assert AuditEvent.objects.count() == before


def test_confirming_without_end_does_not_fill_the_trail(console: Client) -> None:
    before = AuditEvent.objects.count()
    statuses = [console.post("/confirm", {"confirm-with": "nothing"}).status_code for _ in range(40)]
    assert AuditEvent.objects.count() - before == 30
    assert statuses[-1] == 429


@pytest.mark.django_db(transaction=True)
def test_an_owner_does_not_leave_while_the_other_one_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    person("Root", administrator=True)
    one, two = person("One"), person("Two")
    team = services.team_create(name="Pair", owner=one, by=OPERATOR)
    services.member_add(team=team, user=two, role=Role.OWNER, by=OPERATOR)
    judged = threading.Event()
    outcomes: list[str] = []
    real = people_services.tokens_delete_of

    def slowly(*given: Any, **named: Any) -> int:
        judged.set()
        time.sleep(0.7)
        return real(*given, **named)

    monkeypatch.setattr(people_services, "tokens_delete_of", slowly)

    def run(act: Any) -> None:
        try:
            act()
            outcomes.append("done")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    def leave() -> None:
        judged.wait(5)
        services.member_remove(team=team, user=two, by=OPERATOR)

    acts = (lambda: people_services.person_delete(user=one, by=OPERATOR), leave)
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "last_owner"]
    assert Membership.objects.filter(workspace=team, role=Role.OWNER).exists()


@pytest.fixture
def dripping() -> Iterator[str]:
    """Answers with a byte now and then, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        try:
            there, _ = listener.accept()
            with there:
                there.settimeout(5)
                there.recv(65_536)
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X-More: yes\r\n" * 90:
                    there.sendall(bytes([byte]))
                    time.sleep(0.05)
        except OSError:
            pass

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(10)


def test_a_receiver_that_drips_holds_no_delivery_up(
    dripping: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.7)
    began = time.monotonic()
    outcome = sending.send(url=dripping + "their-secret", key="msg_1", secret="whsec_a2V5", body=b"{}", private=True)
    assert time.monotonic() - began < 3
    assert outcome.error == "it did not answer in time"
    assert "their-secret" not in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", "/v1/console/users?text=%00", None, 400),
        ("get", "/v1/console/users/a%00b", None, 404),
        ("get", "/v1/console/webhooks/a%00b", None, 404),
        ("get", "/v1/console/tokens?team=%00", None, 400),
        ("get", "/v1/console/audit?actor=%00", None, 400),
        ("get", "/v1/workspaces/a%00b/tokens", None, 404),
        ("post", "/v1/console/tokens/search", {"text": "a\0b"}, 400),
        ("post", "/v1/console/invites/revoke", {"emails": ["a\0b@example.com"]}, 400),
    ],
)
def test_the_character_nul_is_no_trouble_to_the_api(
    console: Client, people: People, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    given: dict[str, Any] = {} if body is None else {"data": body, "content_type": "application/json"}
    answer = getattr(console, method)(path, **given, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == status


def _deactivated(owner: User, team: Workspace) -> None:
    people_services.person_deactivate(user=owner, by=OPERATOR)


def _removed(owner: User, team: Workspace) -> None:
    services.member_remove(team=team, user=owner, by=OPERATOR)


def _demoted(owner: User, team: Workspace) -> None:
    services.member_role_set(team=team, user=owner, role=Role.EDITOR, by=OPERATOR)


def _deleted(owner: User, team: Workspace) -> None:
    people_services.person_delete(user=owner, by=OPERATOR)


@pytest.mark.parametrize("leave", [_deactivated, _removed, _demoted, _deleted])
def test_a_leaver_keeps_no_invitation_as_a_way_back(
    people: People,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    leave: Callable[[User, Workspace], None],
) -> None:
    """Made while they were an owner, and used afterwards, by whatever account; nor does it count among the team's."""
    configure(HOPKEY_SIGNUP="invitation")
    services.member_role_set(team=people.team, user=people.ed, role=Role.OWNER, by=OPERATOR)
    urls = [
        invitations.invitation_create(team=people.team, role=Role.OWNER, inviter=inviter, by=OPERATOR).url
        for inviter in (people.ed, people.ana, None)
    ]
    leave(people.ed, people.team)
    assert [visitor().get(urlsplit(url).path).status_code for url in urls] == [404, 302, 302]
    with pytest.raises(DomainError, match="has been used, revoked"):
        invitations.invitation_accept(secret=urls[0].rpartition("/")[2], user=people.olga, by=OPERATOR)
    assert len(invitation_list(people.team)) == 2
    monkeypatch.setattr(invitations, "PENDING_PER_TEAM", 3)
    invitations.invitation_create(team=people.team, role=Role.VIEWER, inviter=people.ana, by=OPERATOR)
    assert not Membership.objects.filter(workspace=people.team, user=people.olga).exists()


@pytest.mark.parametrize("leave", ["deactivated", "no administrator", "deleted"])
def test_a_dismissed_administrator_keeps_no_invitation_as_a_way_back(people: People, leave: str) -> None:
    boss, root = person("Boss", administrator=True), person("Root", administrator=True)
    by = Actor(boss.pk, boss.email)
    urls = [
        invite_issue(email=f"{number}@private.example", administrator=True, inviter=inviter, by=by)
        for number, inviter in enumerate((boss, root, None))
    ]
    token = automation_token_generate(creator=boss, label="script", days=30, access="full", by=OPERATOR).text
    made = visitor().post(
        "/v1/infra/user-invitations",
        json.dumps({"inviteeEmail": "3@private.example"}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    urls.append(made.json()["invitationLink"])
    if leave == "deactivated":
        people_services.person_deactivate(user=boss, by=OPERATOR)
    elif leave == "deleted":
        people_services.person_delete(user=boss, by=OPERATOR)
    else:
        people_services.person_administrator_set(user=boss, administrator=False, by=OPERATOR)
    assert [visitor().get(urlsplit(url).path).status_code for url in urls] == [404, 302, 302, 404]
    assert sorted(link.email for link in invite_list()) == ["1@private.example", "2@private.example"]
    with transaction.atomic():
        assert invite_take("0@private.example") is None
        assert invite_take("1@private.example") is not None


HALF = "\ud800"


def test_half_a_character_is_no_trouble_to_programs(
    console: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON can name what UTF-8 cannot hold: neither the database nor an answer takes it."""
    monkeypatch.setattr(entry, "_DOOR", entry.Door(0))

    def bearer(access: str) -> str:
        made = automation_token_generate(creator=people.ana, label="script", days=30, access=access, by=OPERATOR)
        return f"Bearer {made.text}"

    full, scim = {"HTTP_AUTHORIZATION": bearer("full")}, {"HTTP_AUTHORIZATION": bearer("scim")}
    ours = {"HTTP_SEC_FETCH_SITE": "same-origin"}
    asked: list[tuple[dict[str, str], str, str, Any]] = [
        (ours, "post", "/v1/access-tokens/create", {HALF: 1}),
        (full, "patch", f"/v1/infra/users/{people.ed.pk}", {HALF: 1}),
        (full, "post", "/v1/infra/user-invitations", {"inviteeEmail": f"a@b{HALF}.example"}),
        (full, "delete", "/v1/infra/user-invitations", {"inviteeEmails": [HALF]}),
        (scim, "post", "/scim/v2/Users", {"schemas": [USER], "userName": "x@example.com", "externalId": HALF}),
        (scim, "post", "/scim/v2/Users", {"schemas": [USER], "userName": "x@b.test", "emails": [{"value": HALF}]}),
        (scim, "post", "/scim/v2/Groups", {"schemas": [GROUP], "displayName": "G", "members": [{"value": HALF}]}),
        (scim, "get", "/scim/v2/Users?filter=userName%20eq%20%22%5Cud800%22", None),
        (scim, "get", "/scim/v2/Users?filter=userName%20sw%20%22%5Cu0000%22", None),
    ]
    for headers, method, path, body in asked:
        client = console if headers is ours else visitor()
        given = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        assert getattr(client, method)(path, **given, **headers).status_code == 400, (path, body)


@pytest.mark.parametrize("text", ["fec0::1", "feff::1"])
def test_site_local_addresses_count_as_private(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert "private" in refusal(address, private=False)
    assert refusal(address, private=True) == ""


@pytest.mark.parametrize("label", ["hkp_", "hki_", "whsec_"])
def test_no_secret_is_carried_into_the_page_that_asks_who_is_there(console: Client, label: str) -> None:
    age(console, minutes=600)
    answer = console.post("/profile/tokens/new", {"label": f"see {label}0123456789"})
    assert label.encode() not in answer.content
