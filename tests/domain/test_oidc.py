"""Single sign-on against a provider on loopback: whose account it is, and everything that must be refused."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from django.db import connection
from django.test import Client
from django.utils import timezone

from hopkey.server import preparing
from hopkey.server.accounts import links, oidc
from hopkey.server.accounts.models import OidcIdentity, OneTimeLink, User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.commands.operations import people as operations
from hopkey.server.config import ConfigError, current
from hopkey.server.people import identities
from hopkey.server.people.services import person_deactivate, person_reactivate
from hopkey.server.workspaces import invitations
from hopkey.server.workspaces.models import Membership, Role
from tests.conftest import PASSWORD, Configure, People, person
from tests.domain.test_sessions import age, signed_in
from tests.support.provider import CLIENT, SECRET, State, running

pytestmark = [pytest.mark.database, pytest.mark.django_db]
HTTP = urllib3.PoolManager(retries=False)


@pytest.fixture
def provider(configure: Configure) -> Iterator[State]:
    with running() as state:
        oidc.cache.clear()
        configure(
            HOPKEY_OIDC_ISSUER=state.issuer,
            HOPKEY_OIDC_CLIENT_ID=CLIENT,
            HOPKEY_OIDC_CLIENT_SECRET=SECRET,
            HOPKEY_OIDC_NAME="Acme",
        )
        yield state
    oidc.cache.clear()


def visitor() -> Client:
    return Client(HTTP_HOST="localhost")


def go(client: Client, sub: str, path: str = "/sign-in/oidc") -> Any:
    """There and back as a browser goes; the answer of our callback."""
    there = client.get(path)
    assert there.status_code == 302, there.content
    query = {key: values[0] for key, values in parse_qs(urlsplit(there.headers["Location"]).query).items()}
    decided = HTTP.request(
        "POST", f"{url_of(there)}/authorize", fields={**query, "sub": sub}, encode_multipart=False, redirect=False
    )
    back = urlsplit(decided.headers["Location"])
    assert back.path == "/sign-in/oidc/callback"
    return client.get(f"{back.path}?{back.query}")


def url_of(answer: Any) -> str:
    parts = urlsplit(answer.headers["Location"])
    return f"{parts.scheme}://{parts.netloc}"


def refused(reason: str) -> None:
    event = AuditEvent.objects.filter(event=Event.SIGN_IN_REFUSED).first()
    assert event is not None
    assert event.detail["reason"] == reason


def test_an_account_is_found_once_by_its_proven_address_and_then_by_the_subject(provider: State) -> None:
    ana = person("Ana", password=PASSWORD)
    provider.person("u1", "ANA@example.com")
    client = visitor()
    answer = go(client, "u1", "/sign-in/oidc?next=/profile")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/profile")
    assert "Ana" in client.get("/profile").content.decode()
    row = OidcIdentity.objects.get()
    assert (row.user, row.issuer, row.subject) == (ana, provider.issuer, "u1")
    provider.person("u1", "renamed@example.com", verified=False)
    assert go(visitor(), "u1").status_code == 302, "the address matters no more"
    assert OidcIdentity.objects.get().user == ana
    assert AuditEvent.objects.filter(event=Event.USER_OIDC_LINKED).count() == 1
    assert AuditEvent.objects.filter(event=Event.SIGNED_IN).first().detail == {"with": ["oidc"]}  # type: ignore[union-attr]
    location = visitor().get("/sign-in/oidc").headers["Location"]
    query = parse_qs(urlsplit(location).query)
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["nonce"][0]) == len(query["state"][0]) == 43
    assert SECRET not in location


@pytest.mark.parametrize(
    "mischief",
    [
        "nonce",
        "no nonce",
        "issuer",
        "audience",
        "two audiences",
        "azp",
        "expired",
        "from tomorrow",
        "no expiry",
        "no subject",
        "odd subject",
        "none",
        "shared secret",
        "another key",
        "unknown key",
        "changed",
        "no token",
        "mixed up",
        "userinfo of another",
    ],
)
def test_an_answer_that_does_not_hold_signs_nobody_in(provider: State, mischief: str) -> None:
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    provider.mischief = mischief
    client = visitor()
    answer = go(client, "u1")
    assert answer.status_code == 400
    assert "answer was not accepted" in answer.content.decode().replace("&#x27;", "'")
    assert client.get("/profile").status_code == 302
    assert not OidcIdentity.objects.exists()
    refused("oidc_invalid")


@pytest.mark.parametrize("mischief", ["broken", "no json"])
def test_a_provider_that_fails_half_way_gets_a_calm_page(provider: State, mischief: str) -> None:
    provider.person("u1", "ana@example.com")
    provider.mischief = mischief
    answer = go(visitor(), "u1")
    assert answer.status_code == 503
    assert "does not answer as it should" in answer.content.decode()


def test_a_provider_that_is_down_or_names_another_issuer_gets_a_calm_page(
    provider: State, configure: Configure
) -> None:
    provider.mischief = "discovery"
    assert visitor().get("/sign-in/oidc").status_code == 503
    oidc.cache.clear()
    configure(HOPKEY_OIDC_ISSUER="http://127.0.0.1:9")
    answer = visitor().get("/sign-in/oidc")
    assert answer.status_code == 503
    assert "Try again in a few minutes" in answer.content.decode()


def test_the_email_may_come_from_the_user_information(provider: State) -> None:
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    provider.mischief = "userinfo only"
    assert go(visitor(), "u1").status_code == 302


def test_state_is_bound_to_the_browser_and_works_once(provider: State) -> None:
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    mine, victim = visitor(), visitor()
    there = mine.get("/sign-in/oidc")
    victim.get("/sign-in/oidc")
    query = {key: values[0] for key, values in parse_qs(urlsplit(there.headers["Location"]).query).items()}
    decided = HTTP.request(
        "POST", f"{provider.issuer}/authorize", fields={**query, "sub": "u1"}, encode_multipart=False, redirect=False
    )
    back = urlsplit(decided.headers["Location"])
    path = f"{back.path}?{back.query}"
    stolen = victim.get(path)
    assert stolen.status_code == 400, "a login cannot be slipped into somebody else's browser"
    assert victim.get("/profile").status_code == 302
    for given in ("", "?state=nonsense&code=x", "?error=access_denied"):
        assert visitor().get(f"/sign-in/oidc/callback{given}").status_code == 400
    assert mine.get(path).status_code == 302
    assert mine.get(path).status_code == 400


def test_cancelling_there_changes_nothing_here(provider: State) -> None:
    provider.person("u1", "ana@example.com")
    answer = go(visitor(), "")
    assert answer.status_code == 400
    assert "You did not sign in there" in answer.content.decode()


@pytest.mark.parametrize("verified", [False, "false", None, 0, 1, "yes"])
def test_an_address_that_is_not_verified_finds_no_account(provider: State, verified: Any) -> None:
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com", verified=verified)
    assert go(visitor(), "u1").status_code == 403
    assert not OidcIdentity.objects.exists()
    refused("identity_unverified")


def test_an_account_whose_holder_typed_the_address_is_not_linked_by_it(
    provider: State, people: People, configure: Configure
) -> None:
    """Else whoever registers somebody's address first would wait inside the account that this person gets."""
    configure(HOPKEY_SIGNUP="invitation")
    invited = invitations.invitation_create(team=people.team, role=Role.VIEWER, inviter=people.ana, by=OPERATOR)
    eve = visitor()
    eve.get(f"/join/{invited.url.rsplit('/', 1)[1]}")
    eve.post("/join", {"email": "victim@example.com", "name": "Eve", "password": PASSWORD})
    provider.person("victim", "victim@example.com")
    answer = go(visitor(), "victim")
    assert answer.status_code == 403
    assert "nobody has shown yet" in answer.content.decode()
    refused("email_not_proven")
    assert not OidcIdentity.objects.exists()


def test_another_subject_with_the_same_address_is_somebody_else(provider: State) -> None:
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    assert go(visitor(), "u1").status_code == 302
    provider.person("u2", "ana@example.com")
    assert go(visitor(), "u2").status_code == 403
    refused("identity_is_another")


def test_the_same_subject_of_another_issuer_is_somebody_else(provider: State, configure: Configure) -> None:
    ana = person("Ana", password=PASSWORD)
    OidcIdentity.objects.create(user=ana, issuer="https://old.example", subject="u1")
    provider.person("u1", "stranger@example.com")
    assert go(visitor(), "u1").status_code == 403
    refused("signup_closed")


def test_a_deactivated_account_is_refused_however_it_comes(provider: State) -> None:
    ana = person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    person_deactivate(user=ana, by=OPERATOR)
    assert go(visitor(), "u1").status_code == 403
    person_reactivate(user=ana, by=OPERATOR)
    assert go(visitor(), "u1").status_code == 302
    person_deactivate(user=ana, by=OPERATOR)
    client = visitor()
    assert go(client, "u1").status_code == 403
    refused("account_inactive")
    assert client.get("/profile").status_code == 302


def test_closed_makes_no_account_but_an_administrators_invitation_does(provider: State) -> None:
    provider.person("new", "new@example.com", name="New Person")
    assert go(visitor(), "new").status_code == 403
    assert not User.objects.exists()
    links.invite_issue(email="new@example.com", administrator=True, inviter=None, by=OPERATOR)
    assert go(visitor(), "new").status_code == 302
    user = User.objects.get()
    assert (user.name, user.is_administrator, user.has_usable_password()) == ("New Person", True, False)
    assert user.email_proven_at is not None
    assert not OneTimeLink.objects.exists()
    assert user.personal_workspace


def test_domain_makes_accounts_of_that_domain_only(provider: State, configure: Configure) -> None:
    configure(HOPKEY_SIGNUP="domain", HOPKEY_SIGNUP_DOMAINS="Example.com, @corp.example")
    provider.person("a", "a@example.com", name="<b>" * 60)
    provider.person("b", "b@corp.example")
    for sub, email in (("c", "c@example.com.evil.org"), ("d", "d@sub.example.com"), ("e", "e@evilexample.com")):
        provider.person(sub, email)
    assert [go(visitor(), sub).status_code for sub in "abcde"] == [302, 302, 403, 403, 403]
    assert set(User.objects.values_list("email", flat=True)) == {"a@example.com", "b@corp.example"}


def test_a_teams_invitation_and_the_provider_make_an_account_together(
    provider: State, people: People, configure: Configure
) -> None:
    made = invitations.invitation_create(
        team=people.team, role=Role.EDITOR, email="new@example.com", inviter=people.ana, by=OPERATOR
    )
    secret = made.url.rsplit("/", 1)[1]
    provider.person("new", "new@example.com")
    provider.person("other", "other@example.com")
    closed = visitor()
    closed.get(f"/join/{secret}")
    assert go(closed, "new").status_code == 403
    configure(HOPKEY_SIGNUP="invitation", HOPKEY_PASSWORD_SIGN_IN="no")
    wrong, right = visitor(), visitor()
    wrong.get(f"/join/{secret}")
    assert go(wrong, "other").status_code == 400
    right.get(f"/join/{secret}")
    assert "create your account with Acme" in right.get("/join").content.decode()
    assert right.post("/join", {"email": "new@example.com", "name": "N", "password": PASSWORD}).status_code == 400
    assert go(right, "new", "/sign-in/oidc?next=/join").headers["Location"] == f"/workspaces/{people.team.pk}"
    assert Membership.objects.get(user__email="new@example.com").role == Role.EDITOR
    assert not User.objects.filter(email="other@example.com").exists()


def test_linking_and_unlinking_on_the_security_page(provider: State) -> None:
    ana = person("Ana", password=PASSWORD)
    provider.person("mine", "private@elsewhere.example", verified=False)
    client = signed_in("ana@example.com")
    age(client, 61)
    assert client.get("/profile/security/oidc").headers["Location"].startswith("/confirm?"), "only after a recent one"
    age(client, 1)
    assert go(client, "mine", "/profile/security/oidc").headers["Location"] == "/profile/security"
    assert "private@elsewhere.example" in client.get("/profile/security").content.decode()
    assert go(visitor(), "mine").status_code == 302, "linked by its holder, whatever the address"
    bo = person("Bo", password=PASSWORD)
    other = signed_in(bo.email)
    taken = go(other, "mine", "/profile/security/oidc")
    assert (taken.status_code, "belongs to another account" in taken.content.decode()) == (409, True)
    assert client.post("/profile/security/oidc/remove").status_code == 302
    assert not OidcIdentity.objects.exists()
    events = AuditEvent.objects.filter(event__startswith="user.oidc", subject_id=ana.pk).values_list("event", flat=True)
    assert list(events) == [Event.USER_OIDC_UNLINKED, Event.USER_OIDC_LINKED]


def test_the_only_way_in_is_not_removed(provider: State) -> None:
    provider.person("new", "new@example.com")
    links.invite_issue(email="new@example.com", inviter=None, by=OPERATOR)
    client = visitor()
    go(client, "new")
    client.post("/profile/security/oidc/remove")
    assert OidcIdentity.objects.exists()
    assert "only way in" in client.get("/profile/security").content.decode()


def test_a_sign_in_is_confirmed_there_by_the_same_person_anew(provider: State) -> None:
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    provider.person("u2", "eve@example.com")
    client = visitor()
    go(client, "u1")
    age(client, 61)
    page = client.get("/confirm?next=/profile/tokens/new").content.decode()
    assert "Confirm with Acme" in page
    assert go(client, "u2", "/confirm/oidc?next=/profile").status_code == 400
    provider.mischief = "old"
    assert go(client, "u1", "/confirm/oidc?next=/profile").status_code == 400
    assert client.post("/profile/tokens/new", {"label": "abc", "expiry": "7"}).status_code == 403
    provider.mischief = ""
    location = client.get("/confirm/oidc?next=/profile").headers["Location"]
    assert "prompt=login" in location
    assert "max_age=0" in location
    assert go(client, "u1", "/confirm/oidc?next=//evil.example").headers["Location"] == "/"
    given = {"label": "abc", "expiry": "7", "reach": "all", "once": "1"}
    assert client.post("/profile/tokens/new", given).status_code == 201


def test_a_password_is_refused_where_passwords_are_off_and_a_link_still_opens(
    provider: State, configure: Configure
) -> None:
    ana = person("Ana", password=PASSWORD, administrator=True)
    configure(HOPKEY_PASSWORD_SIGN_IN="no")
    client = visitor()
    assert 'name="password"' not in client.get("/sign-in").content.decode()
    assert client.post("/sign-in", {"login": ana.email, "password": PASSWORD}).status_code == 403
    link = links.password_link_issue(user=ana, by=OPERATOR).rsplit("/", 1)[1]
    client.get(f"/welcome/{link}")
    assert 'name="password"' not in client.get("/welcome").content.decode()
    assert client.post("/welcome").status_code == 302
    assert client.get("/profile").status_code == 200
    assert client.get("/profile/security/password").status_code == 200
    answer = client.post("/profile/security/password", {"password": PASSWORD + "x"})
    assert answer.status_code == 400
    age(client, 61)
    given = {"confirm-with": "password", "confirm-password": PASSWORD, "confirm-path": "/"}
    assert client.post("/confirm", given).status_code == 400, "nor does it confirm"
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)


def test_tokens_of_the_provider_are_not_kept(provider: State) -> None:
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    client = visitor()
    go(client, "u1")
    kept = str(dict(client.session.items())) + str(list(OidcIdentity.objects.values()))
    assert "at-u1" not in kept
    assert "eyJ" not in kept
    assert OidcIdentity.objects.get().used_at <= timezone.now()  # type: ignore[operator]


def test_without_a_provider_there_is_no_such_way(db: None) -> None:
    answer = visitor().get("/sign-in/oidc")
    assert answer.status_code == 404
    assert "no single sign-on" in answer.content.decode()


def test_beginning_is_limited_by_address(provider: State, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "oidc": "2/m/ip"}
    assert [visitor().get("/sign-in/oidc").status_code for _ in range(3)] == [302, 302, 429]


def test_the_client_secret_from_a_file(provider: State, configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n", "utf-8")
    configure(HOPKEY_OIDC_CLIENT_SECRET="", HOPKEY_OIDC_CLIENT_SECRET_FILE=str(file))
    person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    assert go(visitor(), "u1").status_code == 302
    file.unlink()
    with pytest.raises(ConfigError, match="HOPKEY_OIDC_CLIENT_SECRET_FILE cannot be read"):
        preparing.check(current())


def test_two_first_sign_ins_at_once_link_once(provider: State) -> None:
    ana = person("Ana", password=PASSWORD)
    claims = oidc.Claims(provider.issuer, "u1", ana.email, True, "Ana", None)
    for _ in range(2):
        assert identities.identity_sign_in(claims=claims, by=OPERATOR) == (ana, None)
    assert OidcIdentity.objects.count() == 1


def test_an_operator_forgets_an_identity_and_the_next_one_is_linked(provider: State) -> None:
    ana = person("Ana", password=PASSWORD)
    provider.person("u1", "ana@example.com")
    provider.person("u2", "ana@example.com")
    go(visitor(), "u1")
    assert go(visitor(), "u2").status_code == 403
    report = operations.single_sign_on_unlink(argparse.Namespace(email=ana.email))
    assert report.data["removed"] == 1  # type: ignore[call-overload]
    assert go(visitor(), "u2").status_code == 302
    assert OidcIdentity.objects.get().subject == "u2"


@pytest.mark.django_db(transaction=True)
def test_two_browsers_coming_for_the_first_time_make_one_account(configure: Configure) -> None:
    if connection.vendor != "postgresql":
        return  # SQLite has one writer at a time by itself
    configure(HOPKEY_SIGNUP="domain", HOPKEY_SIGNUP_DOMAINS="example.com")
    claims = oidc.Claims("https://id.example.com", "u1", "new@example.com", True, "New", None)
    gate = threading.Barrier(4)
    found: list[str] = []

    def come() -> None:
        gate.wait()
        try:
            found.append(identities.identity_sign_in(claims=claims, by=OPERATOR)[0].pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [User.objects.get().pk] * 4
    assert OidcIdentity.objects.count() == 1
