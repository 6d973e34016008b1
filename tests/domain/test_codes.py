"""Codes by mail, and who may make an account."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.config import Config, ConfigError
from hopkey.server.mail.models import Message
from hopkey.server.mail.selectors import body_open
from hopkey.server.people.services import person_deactivate
from hopkey.server.workspaces import invitations
from hopkey.server.workspaces.models import Membership, Role
from tests.conftest import PASSWORD, Configure, People, person
from tests.domain.test_factors import with_app
from tests.domain.test_sessions import age, signed_in

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def visitor() -> Client:
    return Client(HTTP_HOST="localhost")


@pytest.fixture(autouse=True)
def _mail(configure: Configure) -> None:
    configure(HOPKEY_SMTP_URL="smtp://127.0.0.1:1?tls=none", HOPKEY_MAIL_FROM="hopkey@mail.test")


def last_mail() -> str:
    """Its text. Nothing of what only the addressee may see is in its subject."""
    message = Message.objects.order_by("pk").last()
    assert message is not None
    assert not re.search(r"\d{4}", message.subject)
    return body_open(message).text


def code() -> str:
    """The code of the last mail."""
    found = re.search(r"\d{4}-\d{4}", last_mail())
    assert found is not None, last_mail()
    return found.group()


def ask(client: Client, email: str) -> Any:
    return client.post("/sign-in/code", {"email": email, "next": "/profile"})


def test_a_mailed_code_signs_in_once_in_the_browser_that_asked(db: None) -> None:
    ana = person("Ana")
    client, other = visitor(), visitor()
    assert ask(client, " ANA@example.com ").status_code == 302
    given = code()
    message = Message.objects.get()
    assert (message.to, message.urgent) == ("ana@example.com", True)
    assert given.encode() not in bytes(message.body)
    assert (message.useless_at - message.created_at).total_seconds() <= 601
    assert given.replace("-", "") not in str([row.get_decoded() for row in Session.objects.all()])
    assert other.post("/sign-in/code", {"code": given}).status_code == 400
    assert client.post("/sign-in/code", {"code": "0000-0000"}).status_code == 400
    answer = client.post("/sign-in/code", {"code": given.replace("-", " "), "next": "/profile"})
    assert answer.headers["Location"] == "/profile"
    assert client.get("/profile").status_code == 200
    client.post("/sign-out")
    assert client.post("/sign-in/code", {"code": given}).status_code == 400
    assert AuditEvent.objects.filter(event=Event.SIGNED_IN).get().detail == {"with": ["code"]}
    # Only where a code was waited for is another one an attempt.
    assert AuditEvent.objects.filter(event=Event.SIGN_IN_FAILED).count() == 1
    assert ana.has_usable_password() is False


def test_nobody_learns_whether_an_address_has_an_account(db: None) -> None:
    person("Ana")
    gone = person("Gone")
    person_deactivate(user=gone, by=OPERATOR)
    pages = set()
    for email in ("ana@example.com", "gone@example.com", "nobody@example.com"):
        client = visitor()
        answer = ask(client, email)
        assert answer.status_code == 302
        pages.add(
            re.sub(r'value="[^"]*"', "", client.get(answer.headers["Location"]).content.decode().replace(email, ""))
        )
        if email != "ana@example.com":
            assert not re.search(r"\d{4}-\d{4}", last_mail())
            assert client.post("/sign-in/code", {"code": "12345678"}).status_code == 400
    assert len(pages) == 1


def test_guessing_a_code_ends_it_and_asking_is_slowed(db: None) -> None:
    person("Ana")
    client = visitor()
    ask(client, "ana@example.com")
    right = code()
    wrong = [client.post("/sign-in/code", {"code": f"{number:08d}"}).status_code for number in range(6)]
    assert wrong == [400] * 5 + [429]
    assert client.post("/sign-in/code", {"code": right}).status_code == 400, "the code has ended"
    statuses = [ask(visitor(), "ana@example.com").status_code for _ in range(4)]
    assert statuses == [302, 302, 429, 429]


def test_an_old_code_is_refused(db: None) -> None:
    person("Ana")
    client = visitor()
    ask(client, "ana@example.com")
    session = client.session
    session["mailed_code"] = {**session["mailed_code"], "at": session["mailed_code"]["at"] - 601}
    session.save()
    answer = client.post("/sign-in/code", {"code": code()})
    assert (answer.status_code, "too old" in answer.content.decode()) == (400, True)


def test_a_code_for_one_thing_is_none_for_another(db: None) -> None:
    person("Ana", password=PASSWORD)
    client = signed_in("ana@example.com")
    age(client, 61)
    client.post("/profile/security/email")
    given = {"confirm-with": "mail", "confirm-mailed": code(), "confirm-path": "/"}
    assert client.post("/confirm", given).status_code == 400
    sent = client.post("/confirm", {"confirm-with": "send", "confirm-path": "/profile"})
    assert sent.status_code == 200
    given = {"confirm-with": "mail", "confirm-mailed": code(), "confirm-path": "/profile"}
    assert client.post("/confirm", given).headers["Location"] == "/profile"


def test_the_second_factor_is_asked_after_a_mailed_code_too(db: None) -> None:
    ana = person("Ana", password=PASSWORD)
    with_app(ana)
    client = visitor()
    ask(client, ana.email)
    assert client.post("/sign-in/code", {"code": code()}).headers["Location"] == "/sign-in/second"


def test_without_mail_the_pages_say_so(db: None, configure: Configure) -> None:
    configure(HOPKEY_SMTP_URL="", HOPKEY_MAIL_FROM="")
    person("Ana", password=PASSWORD)
    assert "Mail me a code" not in visitor().get("/sign-in").content.decode()
    assert "sends no mail yet" in visitor().get("/sign-in/code").content.decode()
    assert ask(visitor(), "ana@example.com").status_code == 409
    assert "Mail is not set up" in signed_in("ana@example.com").get("/profile/security").content.decode()
    assert visitor().get("/sign-up").status_code == 403


def join(people: People, *, email: str = "") -> Client:
    made = invitations.invitation_create(
        team=people.team, role=Role.VIEWER, email=email, inviter=people.ana, by=OPERATOR
    )
    client = visitor()
    client.get(f"/join/{made.url.rsplit('/', 1)[1]}")
    return client


GIVEN = {"email": "new@example.com", "name": "New", "password": PASSWORD}


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, 403),
        ({"HOPKEY_SIGNUP": "invitation"}, 302),
        ({"HOPKEY_SIGNUP": "domain", "HOPKEY_SIGNUP_DOMAINS": "example.com"}, 302),
        ({"HOPKEY_SIGNUP": "domain", "HOPKEY_SIGNUP_DOMAINS": "example.org"}, 403),
    ],
)
def test_a_teams_invitation_makes_an_account_where_the_setting_says_so(
    people: People, configure: Configure, environ: dict[str, str], status: int
) -> None:
    configure(**environ)
    client = join(people)
    page = client.get("/join").content.decode()
    assert ('name="password"' in page) == (environ != {})
    assert client.post("/join", GIVEN).status_code == status
    assert User.objects.filter(email="new@example.com").exists() == (status == 302)
    if status == 302:
        assert User.objects.get(email="new@example.com").email_proven_at is None


def test_whoever_has_an_account_joins_whatever_the_setting(people: People) -> None:
    people.olga.set_password(PASSWORD)
    people.olga.save()
    client = join(people)
    client.post("/sign-in", {"login": people.olga.email, "password": PASSWORD})
    assert client.post("/join").status_code == 302
    assert Membership.objects.filter(workspace=people.team, user=people.olga).exists()


def test_making_an_account_with_a_mailed_code(db: None, configure: Configure) -> None:
    person("Ana")  # on a server without anybody the page leads to its set-up
    assert visitor().get("/sign-up").status_code == 403
    configure(HOPKEY_SIGNUP="domain", HOPKEY_SIGNUP_DOMAINS="example.com")
    assert "Make one" in visitor().get("/sign-in").content.decode()
    client = visitor()
    assert client.post("/sign-up", {"name": "New", "email": "new@elsewhere.example"}).status_code == 403
    assert client.post("/sign-up", {"name": " ", "email": "new@example.com"}).status_code == 400
    assert not Message.objects.exists()
    answer = client.post("/sign-up", {"name": "New", "email": "New@example.com"})
    assert "Enter the code" in client.get(answer.headers["Location"]).content.decode()
    assert User.objects.count() == 1
    assert client.post("/sign-up", {"code": "11111111"}).status_code == 400
    assert client.post("/sign-up", {"code": code()}).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert (user.is_administrator, user.email_proven_at is not None) == (False, True)
    assert client.get("/profile").status_code == 200
    again = visitor()
    again.post("/sign-up", {"name": "Eve", "email": "new@example.com"})
    assert "There is an account with this address already" in last_mail()
    assert again.post("/sign-up", {"code": "11111111"}).status_code == 400


def test_making_an_account_with_an_invitation_and_a_mailed_code(people: People, configure: Configure) -> None:
    configure(HOPKEY_SIGNUP="invitation")
    bound = join(people, email="new@example.com")
    wrong = bound.post("/sign-up", {"name": "Eve", "email": "eve@example.com"})
    assert wrong.status_code == 302
    assert bound.post("/sign-up", {"code": code()}).status_code == 400, "the invitation is for somebody else"
    assert bound.post("/sign-up", {"name": "New", "email": "new@example.com"}).status_code == 302
    done = bound.post("/sign-up", {"code": code()})
    assert done.headers["Location"] == f"/workspaces/{people.team.pk}"
    assert User.objects.get(email="new@example.com").email_proven_at is not None


def test_an_address_that_was_only_typed_opens_nothing_until_it_is_confirmed(
    people: People, configure: Configure
) -> None:
    configure(HOPKEY_SIGNUP="invitation")
    client = join(people)
    client.post("/join", GIVEN)
    ask(visitor(), "new@example.com")
    assert "is not confirmed yet" in last_mail()
    assert not re.search(r"\d{4}-\d{4}", last_mail())
    client.post("/profile/security/email")
    assert client.post("/profile/security/email", {"code": "00000000"}).status_code == 400
    assert client.post("/profile/security/email", {"code": code()}).status_code == 302
    assert AuditEvent.objects.filter(event=Event.USER_EMAIL_PROVEN).count() == 1
    fresh = visitor()
    ask(fresh, "new@example.com")
    assert fresh.post("/sign-in/code", {"code": code()}).status_code == 302


def test_another_password_keeps_this_session_and_ends_the_others(db: None) -> None:
    person("Ana", password=PASSWORD)
    here, there = signed_in("ana@example.com"), signed_in("ana@example.com")
    assert here.post("/profile/security/password", {"password": "short"}).status_code == 400
    assert here.post("/profile/security/password", {"password": PASSWORD + "2"}).status_code == 302
    assert here.get("/profile").status_code == 200
    assert there.get("/profile").status_code == 302
    assert here.get("/profile/security").content.decode().count("this one") == 1


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"HOPKEY_SIGNUP": "open"}, "closed, invitation or domain"),
        ({"HOPKEY_SIGNUP": "domain"}, "HOPKEY_SIGNUP_DOMAINS"),
        ({"HOPKEY_SIGNUP_DOMAINS": "example"}, "such as example.com"),
        ({"HOPKEY_SIGNUP_DOMAINS": "a b.com"}, "such as example.com"),
        ({"HOPKEY_PASSWORD_SIGN_IN": "no"}, "no way in"),
        ({"HOPKEY_PASSWORD_SIGN_IN": "maybe"}, "yes or no"),
        ({"HOPKEY_REQUIRE_SECOND_FACTOR": "some"}, "no, administrators or everybody"),
        ({"HOPKEY_OIDC_ISSUER": "http://id.example.com"}, "https://"),
        ({"HOPKEY_OIDC_ISSUER": "https://id.example.com"}, "HOPKEY_OIDC_CLIENT_ID"),
        ({"HOPKEY_OIDC_ISSUER": "https://id.example.com?x=1", "HOPKEY_OIDC_CLIENT_ID": "a"}, "provider's address"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_would_do(environ: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        Config.load(environ)


def test_settings_survive_the_way_to_the_next_process() -> None:
    given = Config(
        password_sign_in=False, oidc_issuer="https://id.example.com/", oidc_client_id="a", oidc_client_secret="hush"
    )
    assert given.oidc_issuer == "https://id.example.com"
    assert Config.load(given.to_environ()) == given
    assert "hush" not in repr(given)
