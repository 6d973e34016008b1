"""Second factors: authenticator app, recovery codes, who must have one; secrets at rest."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import threading
from typing import Any

import pytest
from allauth.core.context import request_context
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.utils import decrypt, encrypt
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, RequestFactory
from fido2.utils import websafe_encode

from hopkey.server.accounts import factors, links, passkeys
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.commands.operations import people as operations
from hopkey.server.errors import DomainError
from hopkey.server.mail.models import Message
from hopkey.server.mail.selectors import body_open
from hopkey.server.people.services import person_deactivate, person_factors_remove
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.workspaces import invitations
from hopkey.server.workspaces.models import Membership, Role
from tests.conftest import PASSWORD, Configure, People, person
from tests.domain.test_sessions import SAME, age, signed_in
from tests.support.totp import totp

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def ana(db: None) -> User:
    return person("Ana", password=PASSWORD, administrator=True)


def with_app(user: User) -> tuple[str, list[str]]:
    """The secret in the app, and the recovery codes. Uses up the code of the step before."""
    client = signed_in(user.email)
    page = client.get("/profile/security/app").content.decode()
    found = re.search(r'id="totp-key">([A-Z2-7 ]+)<', page)
    assert found is not None
    secret = found.group(1).replace(" ", "")
    answer = client.post("/profile/security/app", {"code": totp(secret, steps=-1)})
    assert answer.status_code == 201, answer.content
    return secret, re.findall(r"^\d{5}-\d{5}$", re.sub("<[^>]*>", "\n", answer.content.decode()), re.MULTILINE)


def half_way(email: str, **extra: Any) -> Client:
    """Somebody who has given the password, and is asked for the rest."""
    client = Client(HTTP_HOST="localhost", **extra)
    answer = client.post("/sign-in", {"login": email, "password": PASSWORD, "next": "/profile/tokens"})
    assert answer.headers["Location"] == "/sign-in/second"
    assert client.get("/profile").status_code == 302, "half way is not in"
    return client


def test_the_app_is_asked_for_and_each_code_counts_once(ana: User) -> None:
    secret, _ = with_app(ana)
    client, thief = half_way(ana.email), half_way(ana.email)
    code = totp(secret)
    assert client.post("/sign-in/second", {"code": f" {code[:3]} {code[3:]} "}).headers["Location"] == "/profile/tokens"
    assert client.get("/profile").status_code == 200
    assert thief.post("/sign-in/second", {"code": code}).status_code == 400, "seen over the shoulder, too late"
    detail = AuditEvent.objects.filter(event=Event.SIGNED_IN).first().detail  # type: ignore[union-attr]
    assert detail == {"with": ["password", "totp"]}
    assert AuditEvent.objects.filter(event=Event.SECOND_FACTOR_FAILED).count() == 1


def test_the_code_that_turned_it_on_signs_nobody_in(ana: User) -> None:
    client = signed_in(ana.email)
    page = client.get("/profile/security/app").content.decode()
    secret = re.search(r'id="totp-key">([A-Z2-7 ]+)<', page).group(1).replace(" ", "")  # type: ignore[union-attr]
    code = totp(secret)
    assert client.post("/profile/security/app", {"code": code}).status_code == 201
    assert half_way(ana.email).post("/sign-in/second", {"code": code}).status_code == 400


def test_a_code_of_the_neighbouring_steps_is_taken_and_none_further_away(ana: User) -> None:
    secret, _ = with_app(ana)
    for steps, status in ((-3, 400), (3, 400), (1, 302)):
        assert half_way(ana.email).post("/sign-in/second", {"code": totp(secret, steps=steps)}).status_code == status


def test_guessing_the_second_factor_is_slowed_for_the_account(ana: User) -> None:
    secret, _ = with_app(ana)
    answers = [half_way(ana.email).post("/sign-in/second", {"code": "000000"}).status_code for _ in range(6)]
    assert answers == [400] * 5 + [429]
    assert half_way(ana.email).post("/sign-in/second", {"code": totp(secret)}).status_code == 429


def test_a_recovery_code_works_once_is_audited_and_told(ana: User) -> None:
    _, codes = with_app(ana)
    assert len(set(codes)) == 10
    Message.objects.all().delete()
    client = half_way(ana.email)
    assert client.post("/sign-in/second", {"code": codes[3].replace("-", " ")}).status_code == 302
    assert "You used a recovery code; 9 left" in client.get("/profile").content.decode()
    assert half_way(ana.email).post("/sign-in/second", {"code": codes[3]}).status_code == 400
    event = AuditEvent.objects.get(event=Event.USER_RECOVERY_CODE_USED)
    assert event.detail == {"left": 9}
    told = Message.objects.get()
    assert (told.to, told.subject) == ("ana@example.com", "A recovery code was used")
    assert not any(code in body_open(told).text for code in codes)


def test_new_recovery_codes_end_the_old_ones(ana: User) -> None:
    secret, old = with_app(ana)
    client = half_way(ana.email)
    client.post("/sign-in/second", {"code": totp(secret)})
    new = re.findall(r"\d{5}-\d{5}", client.post("/profile/security/recovery-codes").content.decode())
    assert not set(old) & set(new)
    assert not any(code in client.get("/profile/security").content.decode() for code in new), "shown once"
    assert half_way(ana.email).post("/sign-in/second", {"code": old[0]}).status_code == 400
    assert half_way(ana.email).post("/sign-in/second", {"code": new[0]}).status_code == 302


def test_secrets_are_encrypted_at_rest_and_stand_in_no_log_of_events(ana: User) -> None:
    client = signed_in(ana.email)
    page = client.get("/profile/security/app").content.decode()
    found = re.search(r'id="totp-key">([A-Z2-7 ]+)<', page)
    assert found is not None
    waiting = found.group(1).replace(" ", "")
    assert waiting not in json.dumps([row.get_decoded() for row in Session.objects.all()]), "nor while it waits"
    secret, codes = with_app(ana)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM mfa_authenticator")
        stored = str(cursor.fetchall())
    assert secret not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)
    assert secret not in str(list(AuditEvent.objects.values()))
    row = Authenticator.objects.get(type="totp")
    assert decrypt(row.data["secret"]) == secret
    assert encrypt("x") != encrypt("x")


def test_setting_up_and_removing_need_a_recent_sign_in(ana: User) -> None:
    client = signed_in(ana.email)
    age(client, 61)
    for path in ("app", "app/remove", "recovery-codes", "passkeys/new", "password", "oidc"):
        answer = client.get(f"/profile/security/{path}")
        assert answer.headers["Location"].startswith("/confirm?next="), path
        assert client.post(f"/profile/security/{path}").status_code in (302, 403, 405)
    assert client.get("/passkeys/options/new").status_code == 403
    assert client.get("/passkeys/options/nonsense").status_code == 403


def test_the_app_confirms_a_sign_in(ana: User) -> None:
    secret, codes = with_app(ana)
    client = half_way(ana.email)
    client.post("/sign-in/second", {"code": codes[0]})
    age(client, 61)
    given = {"confirm-with": "code", "confirm-path": "/profile/security/app/remove"}
    assert client.post("/confirm", {**given, "confirm-code": "123456"}).status_code == 400
    right = client.post("/confirm", {**given, "confirm-code": totp(secret)})
    assert right.headers["Location"] == "/profile/security/app/remove"
    assert client.post("/profile/security/app/remove").status_code == 302
    assert not Authenticator.objects.exists(), "the last factor takes the recovery codes with it"
    assert signed_in(ana.email).get("/profile").status_code == 200


def test_a_wrong_code_sets_nothing_up_and_a_second_app_is_refused(ana: User) -> None:
    client = signed_in(ana.email)
    client.get("/profile/security/app")
    assert client.post("/profile/security/app", {"code": "000000"}).status_code == 400
    assert not Authenticator.objects.exists()
    secret, _ = with_app(ana)
    assert client.post("/profile/security/app", {"code": "000000"}).status_code == 302
    with request_context(RequestFactory().post("/")), pytest.raises(DomainError) as caught:
        factors.totp_enable(user=ana, secret=secret, code=totp(secret), by=OPERATOR)
    assert caught.value.code == "totp_exists"
    with pytest.raises(DomainError) as caught:
        factors.recovery_codes_renew(user=person("Bo"), by=OPERATOR)
    assert caught.value.code == "factor_missing"


def test_a_one_time_link_does_not_go_round_the_second_factor(ana: User) -> None:
    secret, _ = with_app(ana)
    link = links.password_link_issue(user=ana, by=OPERATOR).rsplit("/", 1)[1]
    client = Client(HTTP_HOST="localhost")
    client.get(f"/welcome/{link}")
    answer = client.post("/welcome", {"password": PASSWORD})
    assert answer.headers["Location"] == "/sign-in/second"
    assert client.get("/profile").status_code == 302
    assert client.post("/sign-in/second", {"code": totp(secret)}).headers["Location"] == "/"


def test_deactivated_half_way_is_out_and_nobody_else_sees_the_page(ana: User) -> None:
    secret, _ = with_app(ana)
    client = half_way(ana.email)
    person("Boss", administrator=True)
    person_deactivate(user=ana, by=OPERATOR)
    assert client.post("/sign-in/second", {"code": totp(secret)}).headers["Location"] == "/sign-in"
    assert client.get("/profile").status_code == 302
    assert Client(HTTP_HOST="localhost").get("/sign-in/second").headers["Location"] == "/sign-in"


def test_signing_in_as_somebody_else_forgets_the_first(ana: User) -> None:
    with_app(ana)
    client = half_way(ana.email)
    client.post("/sign-in/again")
    assert client.get("/sign-in/second").headers["Location"] == "/sign-in"


@pytest.mark.parametrize("required", ["administrators", "everybody"])
def test_who_lacks_a_required_factor_is_led_to_set_it_up_first(ana: User, configure: Configure, required: str) -> None:
    bo = person("Bo", password=PASSWORD)
    token = token_generate_for(owner=ana, label="works on", days=7, by=OPERATOR)
    configure(HOPKEY_REQUIRE_SECOND_FACTOR=required)
    client = signed_in(ana.email, **SAME)
    for path in ("/", "/profile", "/profile/tokens", "/console/users", "/teams/new"):
        assert client.get(path).headers["Location"] == "/profile/security"
    answer = client.get("/v1/access-tokens/list?offset=0&limit=1")
    assert (answer.status_code, answer.json()["message"]) == (403, "second_factor_required")
    assert "Set up a second factor first" in client.get("/profile/security").content.decode()
    assert ana.tokens.filter(pk=token.token.pk).exists()
    assert signed_in(bo.email).get("/profile").status_code == (200 if required == "administrators" else 302)
    page = client.get("/profile/security/app").content.decode()
    secret = re.search(r'id="totp-key">([A-Z2-7 ]+)<', page).group(1).replace(" ", "")  # type: ignore[union-attr]
    assert client.post("/profile/security/app", {"code": totp(secret)}).status_code == 201
    assert client.get("/profile/tokens").status_code == 200
    client.post("/profile/security/app/remove")
    assert Authenticator.objects.filter(type="totp").exists(), "the last one stays"


def test_an_operator_takes_the_factors_from_somebody_who_lost_them(ana: User) -> None:
    with_app(ana)
    inside = half_way(ana.email)
    Message.objects.all().delete()
    assert person_factors_remove(user=ana, by=OPERATOR) == 1
    assert not Authenticator.objects.exists()
    assert signed_in(ana.email).get("/profile").status_code == 200
    assert inside.post("/sign-in/second", {"code": "123456"}).status_code in (302, 400)
    assert AuditEvent.objects.get(event=Event.USER_FACTORS_REMOVED).detail == {"factors": 1}
    assert Message.objects.get().subject == "Your second factors were removed"


def test_the_operators_commands_for_who_is_locked_out(ana: User) -> None:
    with_app(ana)
    report = operations.second_factor_remove(argparse.Namespace(email="ANA@example.com"))
    assert (report.data["removed"], "ended every session" in report.text) == (1, True)  # type: ignore[call-overload]
    assert not Authenticator.objects.exists()
    made = operations.link(argparse.Namespace(email=ana.pk))
    assert "/welcome/" in made.data["link"]  # type: ignore[call-overload]


def test_who_lacks_a_required_factor_joins_no_team_either(people: People, configure: Configure) -> None:
    made = invitations.invitation_create(team=people.team, role=Role.VIEWER, inviter=people.ana, by=OPERATOR)
    people.olga.set_password(PASSWORD)
    people.olga.save()
    configure(HOPKEY_REQUIRE_SECOND_FACTOR="everybody")
    client = signed_in(people.olga.email)
    client.get(f"/join/{made.url.rsplit('/', 1)[1]}")
    assert client.post("/join").headers["Location"] == "/profile/security"
    assert not Membership.objects.filter(workspace=people.team, user=people.olga).exists()


def test_asking_for_options_is_limited_by_address(db: None, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "passkey": "2/m/ip"}
    visitor = Client(HTTP_HOST="localhost")
    assert [visitor.get("/passkeys/options/sign-in").status_code for _ in range(3)] == [200, 200, 429]


def _credential(name: str, data: bytes) -> str:
    said = websafe_encode(b'{"type": "webauthn.get", "challenge": "eA", "origin": "http://localhost"}')
    response = {"clientDataJSON": said, "authenticatorData": "eA", "signature": "eA", "userHandle": "eA"}
    given = {"rawId": "eA", "id": "eA", "type": "public-key", "response": {**response, name: websafe_encode(data)}}
    return json.dumps(given)


BAD = [
    "",
    "nonsense",
    "[]",
    "{}",
    '{"id": 1}',
    '{"rawId": "eA", "id": "eA", "type": "public-key", "response": null}',
    '{"rawId": "eA", "id": "eA", "type": "public-key", "response": {"userHandle": "eA"}}',
    '{"rawId": "eA", "id": "eA", "type": "public-key", "response": {"clientDataJSON": "eA", "authenticatorData": "eA", '
    '"signature": "eA", "userHandle": "eA"}}',
    '{"rawId": "eA", "id": "eA", "type": "public-key", "response": {"clientDataJSON": "eA", "attestationObject": "eA"}}',
    '{"rawId": 5, "id": [], "type": {}, "response": []}',
    "[" * 60_000,
    '{"id": "eA", "more": NaN}',
    # Not whole, and nested without end: the flags of authenticatorData promise what does not follow.
    *(
        _credential("authenticatorData", bytes(32) + flags + bytes(4) + rest)
        for flags, rest in (
            (b"\xc5", b""),
            (b"\xc5", bytes(18)),
            (b"\xc5", bytes(18) + b"\x81" * 9000),
            (b"\x85", b"\x9b" + b"\xff" * 8),
        )
    ),
    *(
        _credential("attestationObject", data)
        for data in (b"\xa1", b"\x81" * 9000, b"\x19", b"\x5b" + b"\xff" * 8, b"\x3a\x00")
    ),
]


@pytest.mark.parametrize("credential", BAD)
def test_nonsense_in_place_of_a_passkey_is_refused_calmly(ana: User, credential: str) -> None:
    visitor = Client(HTTP_HOST="localhost")
    assert visitor.get("/passkeys/options/sign-in").json()["publicKey"]["rpId"] == "localhost"
    credential = credential.replace('"userHandle": "eA"', f'"userHandle": "{websafe_encode(ana.pk.encode())}"')
    answer = visitor.post("/sign-in/passkey", {"credential": credential})
    assert answer.status_code == 400
    assert visitor.get("/profile").status_code == 302
    client = signed_in(ana.email)
    options = client.get("/passkeys/options/new").json()["publicKey"]
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert client.post("/profile/security/passkeys/new", {"name": "x", "credential": credential}).status_code == 400
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("text", ["a\\u0000b", "a\\ud800b"])
def test_a_passkey_with_what_no_database_keeps_is_refused(text: str) -> None:
    with pytest.raises(DomainError) as caught:
        passkeys._read(f'{{"id": "{text}"}}')
    assert caught.value.code == "passkey_invalid"


@pytest.mark.django_db(transaction=True)
def test_a_recovery_code_sent_many_times_at_once_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    user = person("Ana", password=PASSWORD, administrator=True)
    _, codes = with_app(user)
    met = threading.Barrier(3)
    real = RecoveryCodes.validate_code

    def together(self: RecoveryCodes, code: str) -> bool:
        with contextlib.suppress(threading.BrokenBarrierError):
            met.wait(0.5)  # all have read which codes are unused, unless they may not
        return bool(real(self, code))

    monkeypatch.setattr(RecoveryCodes, "validate_code", together)
    monkeypatch.setattr(factors, "_attempt", lambda _: lambda: None)
    outcomes: list[str] = []

    def use(code: str) -> None:
        try:
            factors.code_check(user=user, code=code, by=OPERATOR)
            outcomes.append("taken")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=use, args=(code,)) for code in (codes[0], codes[0], codes[1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["code_wrong", "taken", "taken"]
    assert factors.factors_of(user).recovery_left == len(codes) - 2


def test_a_passkey_without_a_question_of_ours_is_refused(ana: User) -> None:
    visitor = Client(HTTP_HOST="localhost")
    answer = visitor.post("/sign-in/passkey", {"credential": BAD[7]})
    assert "took too long" in answer.content.decode()
    visitor.get("/passkeys/options/sign-in")
    session = visitor.session
    session["passkey"] = {**session["passkey"], "at": session["passkey"]["at"] - 301}
    session.save()
    assert "took too long" in visitor.post("/sign-in/passkey", {"credential": BAD[7]}).content.decode()


def test_a_copied_authenticator_is_refused_by_its_count(ana: User) -> None:
    row = Authenticator.objects.create(user=ana, type="webauthn", data={"name": "key", "credential": {}})
    for counter in (0, 0, 5, 6):
        passkeys._count(row, counter)
    for counter in (6, 5, 0):
        with pytest.raises(DomainError) as caught:
            passkeys._count(row, counter)
        assert caught.value.code == "passkey_invalid"
