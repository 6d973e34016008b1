"""Automation tokens: generated, judged at use, deleted; and the door before their routes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.automation.entry import Door, TooMany
from hopkey.server.automation.judging import Need, Refusal
from hopkey.server.automation.models import AutomationToken, AutomationUse
from hopkey.server.automation.selectors import automation_token_list, stopped_by
from hopkey.server.automation.services import (
    GeneratedAutomation,
    automation_token_delete,
    automation_token_generate,
)
from hopkey.server.automation.verify import Holder, Refused, administrator_of
from hopkey.server.errors import DomainError
from hopkey.server.people import services as people_services
from hopkey.server.tokens.format import token_digest, token_generate
from hopkey.server.tokens.services import token_generate_for
from tests.conftest import person

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def boss(db: None) -> User:
    person("Other", administrator=True)
    return person("Boss", administrator=True)


def generate(creator: User, **given: object) -> GeneratedAutomation:
    fields = {"label": "identity provider", "days": 30, "access": "full", "by": OPERATOR, **given}
    return automation_token_generate(creator=creator, **fields)  # type: ignore[arg-type]


def use(text: str, address: str = "192.0.2.1") -> Holder | Refused:
    return administrator_of(f"Bearer {text}", address, time.time())


def why(text: str, address: str = "192.0.2.1") -> Refusal | None:
    found = use(text, address)
    return found.reason if isinstance(found, Refused) else None


def test_a_token_is_kept_as_a_digest_only_and_audited_by_its_public_id(boss: User) -> None:
    made = generate(boss, networks=["10.0.0.0/8"])
    assert bytes(AutomationToken.objects.get().digest) == token_digest(made.text)
    everything = str(list(AutomationToken.objects.values())) + str(list(AuditEvent.objects.values()))
    assert made.text[17:49] not in everything
    assert made.text not in repr(made)
    event = AuditEvent.objects.get(event=Event.AUTOMATION_TOKEN_GENERATED)
    assert (event.subject_id, event.subject_label) == (made.token.public_id, "identity provider")
    assert event.detail["creator"] == "boss@example.com"
    assert event.detail["networks"] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"label": "ab"}, "label_too_short"),
        ({"label": "x" * 101}, "label_too_long"),
        ({"days": 8}, "expiry_invalid"),
        ({"access": "everything"}, "access_invalid"),
        ({"access": ""}, "access_invalid"),
        ({"networks": ["nonsense"]}, "network_invalid"),
    ],
)
def test_bad_tokens_are_refused(boss: User, given: dict[str, object], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        generate(boss, **given)
    assert (caught.value.code, AutomationToken.objects.count()) == (code, 0)


def test_only_an_active_administrator_makes_one(boss: User) -> None:
    nobody = person("Vi")
    for creator in (nobody, boss):
        User.objects.filter(pk=boss.pk).update(is_active=False)
        with pytest.raises(DomainError) as caught:
            generate(creator)
        assert (caught.value.code, caught.value.status) == ("administrator_needed", 403)


def test_it_ends_with_the_rights_the_activity_and_the_account_of_its_creator(boss: User) -> None:
    text = generate(boss).text
    found = use(text)
    assert isinstance(found, Holder)
    assert found.creator == boss
    people_services.person_administrator_set(user=boss, administrator=False, by=OPERATOR)
    assert why(text) is Refusal.CREATOR_NO_ADMINISTRATOR
    people_services.person_administrator_set(user=boss, administrator=True, by=OPERATOR)
    assert why(text) is None
    people_services.person_deactivate(user=boss, by=OPERATOR)
    assert why(text) is Refusal.CREATOR_INACTIVE
    people_services.person_delete(user=boss, by=OPERATOR)
    assert why(text) is Refusal.UNKNOWN
    event = AuditEvent.objects.get(event=Event.AUTOMATION_TOKEN_DELETED)
    assert event.detail == {"creator": "boss@example.com", "reason": "account deleted"}


def test_it_ends_at_the_exact_second(boss: User) -> None:
    made = generate(boss)
    expires = made.token.expires_at
    assert expires is not None
    header = f"Bearer {made.text}"
    assert isinstance(administrator_of(header, "", expires.timestamp() - 0.001), Holder)
    late = administrator_of(header, "", expires.timestamp())
    assert late == Refused(Refusal.EXPIRED, made.token.public_id)
    assert isinstance(administrator_of(f"Bearer {generate(boss, days=None).text}", "", time.time() + 10**9), Holder)


def test_deleting_is_for_ever(boss: User) -> None:
    made = generate(boss)
    automation_token_delete(token_id=made.token.pk, by=OPERATOR)
    assert why(made.text) is Refusal.UNKNOWN
    with pytest.raises(DomainError) as caught:
        automation_token_delete(token_id=made.token.pk, by=OPERATOR)
    assert caught.value.code == "token_not_found"


def test_what_is_no_automation_token_is_refused_without_a_look_up(
    boss: User, django_assert_num_queries: object
) -> None:
    personal = token_generate_for(owner=boss, label="personal", days=30, by=OPERATOR).text
    changed = generate(boss).text[:-1] + "-"
    with django_assert_num_queries(0):  # type: ignore[operator]
        for text in (personal, changed, "", "x", token_generate().text):
            assert why(text) is Refusal.MALFORMED
        assert administrator_of("", "", time.time()) == Refused(Refusal.MISSING)
        assert administrator_of("Basic eHg6eHg=", "", time.time()) == Refused(Refusal.MALFORMED)
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert why(generate_text(boss)) is Refusal.UNKNOWN


def generate_text(boss: User) -> str:
    return token_generate("hki_").text


def test_networks_and_access_restrict_it(boss: User) -> None:
    made = generate(boss, networks=["10.0.0.0/8", "2001:db8::/32"], access="read")
    assert why(made.text, "192.0.2.1") is Refusal.NETWORK
    for address in ("10.9.9.9", "2001:db8::1", "::ffff:10.9.9.9"):
        found = use(made.text, address)
        assert isinstance(found, Holder)
        assert [need for need in Need if found.may(need)] == [Need.READ]


def test_the_door_notes_the_last_use_at_most_once_a_minute(boss: User) -> None:
    made, door = generate(boss), Door(0)
    enter = {"authorization": f"Bearer {made.text}", "address": "192.0.2.1", "agent": "idp/1\0"}
    assert isinstance(door.enter(**enter), Holder)
    first = AutomationUse.objects.get()
    assert (first.address, first.agent) == ("192.0.2.1", "idp/1")
    door.enter(**enter)
    assert AutomationUse.objects.get().used_at == first.used_at
    door.enter(**{**enter, "address": "192.0.2.2"})
    assert AutomationUse.objects.get().address == "192.0.2.2"
    AutomationUse.objects.update(used_at=timezone.now() - timedelta(minutes=2))
    door.enter(**{**enter, "address": "192.0.2.2"})
    assert AutomationUse.objects.get().used_at > timezone.now() - timedelta(seconds=5)


def test_guessing_is_slowed_by_address_and_a_good_token_is_not(boss: User) -> None:
    door, good = Door(3), f"Bearer {generate(boss).text}"
    expired = generate(boss)
    AutomationToken.objects.filter(pk=expired.token.pk).update(expires_at=timezone.now())

    def enter(authorization: str, address: str = "192.0.2.1") -> object:
        return door.enter(authorization=authorization, address=address, agent="")

    for _ in range(3):
        assert isinstance(enter("Bearer guess"), Refused)
    with pytest.raises(TooMany) as caught:
        enter(f"Bearer {token_generate('hki_').text}")
    assert 1 <= caught.value.seconds <= 60
    for _ in range(5):
        assert isinstance(enter(good), Holder)
        assert enter(f"Bearer {expired.text}") == Refused(Refusal.EXPIRED, expired.token.public_id)
    assert isinstance(enter("Bearer guess", "198.51.100.7"), Refused)


def test_refusals_are_audited_counted_and_without_the_token(boss: User) -> None:
    door, guess = Door(0), token_generate("hki_").text
    for _ in range(5):
        door.enter(authorization=f"Bearer {guess}", address="192.0.2.1", agent="curl")
    first = AuditEvent.objects.get(event=Event.TOKEN_REFUSED)
    assert (first.subject_kind, first.address, first.agent) == ("automation", "192.0.2.1", "curl")
    assert first.detail == {"reason": "unknown", "count": 1}
    door._written = float("-inf")  # half a minute later
    made = generate(boss, networks=["10.0.0.0/8"])
    door.enter(authorization=f"Bearer {made.text}", address="192.0.2.1", agent="")
    later = AuditEvent.objects.filter(event=Event.TOKEN_REFUSED).exclude(pk=first.pk)
    assert {(item.subject_id, item.detail["reason"], item.detail["count"]) for item in later} == {
        ("", "unknown", 4),
        (made.token.public_id, "network", 1),
    }
    assert guess[17:] not in str(list(AuditEvent.objects.values()))


def test_the_list_says_what_stops_a_token(boss: User) -> None:
    now = timezone.now()
    generate(boss, label="good one")
    AutomationToken.objects.filter(pk=generate(boss, label="old one").token.pk).update(expires_at=now)
    said = {token.label: stopped_by(token, now) for token in automation_token_list()}
    assert said == {"good one": "", "old one": "expired"}
    User.objects.filter(pk=boss.pk).update(is_administrator=False)
    (one,) = automation_token_list().filter(label="good one")
    assert stopped_by(one, now) == "creator is no administrator any more"
    User.objects.filter(pk=boss.pk).update(is_active=False)
    (one,) = automation_token_list().filter(label="good one")
    assert stopped_by(one, now) == "creator deactivated"
