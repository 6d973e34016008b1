"""Who is told what and when: owners about their tokens, administrators once a week, webhooks about everything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from hopkey.server.accounts import links
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR, Actor
from hopkey.server.audit.models import AuditEvent
from hopkey.server.errors import DomainError
from hopkey.server.figures.digest import digest_tell
from hopkey.server.mail.models import Message, State
from hopkey.server.mail.selectors import body_open
from hopkey.server.notices.models import Place, Watermark
from hopkey.server.notices.places import PLACES
from hopkey.server.notices.services import LISTED, kinds_off, notices_set
from hopkey.server.people.services import person_deactivate, person_delete
from hopkey.server.tokens import services
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_check, policy_set
from hopkey.server.tokens.services import Generated, token_generate_for
from hopkey.server.tokens.watch import EXPIRY_NOTICES, places_tell, policy_stops_tell, tokens_expiring_tell
from hopkey.server.webhooks.events import WebhookEvent
from hopkey.server.webhooks.models import Delivery
from hopkey.server.webhooks.services import webhook_add
from hopkey.server.workspaces import invitations
from hopkey.server.workspaces.models import Role
from tests.conftest import People

pytestmark = pytest.mark.database
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def make(owner: User, label: str = "nightly build", *, days: int | None = 90, at: datetime = NOW) -> Generated:
    """A token generated at this moment, without the mail about that."""
    made = token_generate_for(owner=owner, label=label, days=days, by=OPERATOR)
    ends = None if days is None else at + timedelta(days=days)
    Token.objects.filter(pk=made.token.pk).update(created_at=at, expires_at=ends)
    Message.objects.all().delete()
    Delivery.objects.all().delete()
    return made


def told() -> list[tuple[str, str]]:
    """Template and addressee of what is in the outbox, oldest first; they are gone then."""
    found = list(Message.objects.order_by("pk").values_list("template", "to"))
    Message.objects.all().delete()
    return found


def texts() -> str:
    return "\n".join(body_open(message).text for message in Message.objects.order_by("pk"))


def listen() -> None:
    webhook_add(url="https://hooks.example.com/x", events=[event.value for event in WebhookEvent], by=OPERATOR)


def events() -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in Delivery.objects.order_by("pk").values_list("payload", flat=True)]


def by(user: User) -> Actor:
    return Actor(user.pk, user.email, "203.0.113.7", "browser")


# Generated and deleted


def test_a_generated_token_is_told_to_its_owner_and_never_its_text(people: People) -> None:
    listen()
    made = token_generate_for(owner=people.ana, label="nightly build", days=30, by=by(people.ana))
    message = Message.objects.get()
    body = body_open(message)
    assert (message.to, message.subject) == ("ana@example.com", "New token: nightly build")
    assert "generated in your account, from 203.0.113.7" in body.text
    assert f"hkp_{made.token.public_id}…" in body.text
    (event,) = events()
    assert event["type"] == "token.generated"
    assert event["data"]["token"]["publicId"] == made.token.public_id
    assert event["data"]["owner"]["email"] == "ana@example.com"
    assert_nowhere(made.text, made.text[17:])


def assert_nowhere(*secrets: str) -> None:
    """The string sweep: in no table, sealed texts opened as well."""
    stored = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            stored += [repr([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in cursor.fetchall()]
    for message in Message.objects.exclude(body=b""):
        body = body_open(message)
        stored += [body.text, body.html, body.subject]
    for secret in secrets:
        assert [row for row in stored if secret in row] == []


def test_one_generated_by_an_operator_says_so(people: People) -> None:
    token_generate_for(owner=people.ana, label="made for you", days=None, by=OPERATOR)
    assert "operator (command line) generated a personal access token for you." in texts()
    assert "never expires" in texts()


def test_a_token_deleted_by_somebody_else_is_told_with_the_reason(people: People) -> None:
    listen()
    one, two = make(people.ed, "one"), make(people.ed, "two")
    listen_only = make(people.ed, "three")
    services.token_delete(token_id=one.token.pk, by=by(people.ana), reason="leaked in a log")
    message = Message.objects.get()
    assert (message.to, message.subject) == ("ed@example.com", "one was deleted")
    assert "ana@example.com deleted this personal access token" in texts()
    assert "Reason: leaked in a log" in texts()
    told()
    services.token_delete(token_id=two.token.pk, by=by(people.ed), owner=people.ed)
    assert told() == [], "nobody is told of what they do themselves"
    services.token_delete(token_id=listen_only.token.pk, by=OPERATOR)
    assert told() == [("token_deleted", "ed@example.com")]
    said = [(event["data"]["token"]["label"], event["data"]["byOwner"]) for event in events()]
    assert said == [("one", False), ("two", True), ("three", False)]


def test_many_deleted_at_once_are_one_mail_for_each_owner(people: People) -> None:
    ids = [make(people.ed, f"token {number:02}").token.pk for number in range(LISTED + 3)]
    ids += [make(people.vi, "another").token.pk, make(people.ana, "mine").token.pk]
    services.tokens_delete(token_ids=ids, by=by(people.ana), reason="cleaning up")
    subjects = dict(Message.objects.values_list("to", "subject"))
    assert subjects == {
        "ed@example.com": f"{LISTED + 3} of your tokens were deleted",
        "vi@example.com": "another was deleted",
    }
    assert "and 3 more" in texts()


def test_deleting_an_account_mails_nobody_and_tells_the_webhooks(people: People) -> None:
    listen()
    make(people.vi)
    person_delete(user=people.vi, by=by(people.ana))
    assert (told(), [event["type"] for event in events()]) == ([], ["token.deleted"])


# Expiring and expired


def start(at: datetime = NOW) -> None:
    """The first run, before which nothing is told of."""
    tokens_expiring_tell(at)
    assert told() == []


def travel(until: timedelta, *, step: timedelta = timedelta(hours=1), at: datetime = NOW) -> dict[float, list[str]]:
    """What is told at which day, looking every `step`."""
    found: dict[float, list[str]] = {}
    passed = timedelta()
    while passed <= until:
        tokens_expiring_tell(at + passed)
        for template, _ in told():
            found.setdefault(round(passed / timedelta(days=1), 2), []).append(template)
        passed += step
    return found


def test_a_token_of_ninety_days_is_told_of_four_times(people: People) -> None:
    start()
    make(people.ana)
    seen = travel(timedelta(days=100), step=timedelta(hours=6))
    assert seen == {
        60: ["token_expiring"],
        83: ["token_expiring"],
        89: ["token_expiring"],
        90: ["token_expired"],
    }


def test_a_short_life_is_told_of_as_far_as_it_is_longer(people: People) -> None:
    start()
    make(people.ana, days=30)
    assert list(travel(timedelta(days=32), step=timedelta(hours=6))) == [23, 29, 30]
    later = NOW + timedelta(days=40)
    start(later)
    make(people.ana, days=7, at=later)
    assert list(travel(timedelta(days=9), step=timedelta(hours=6), at=later)) == [6, 7]


def test_a_token_for_ever_is_never_told_of(people: People) -> None:
    start()
    make(people.ana, days=None)
    assert travel(timedelta(days=2000), step=timedelta(days=50)) == {}


def test_each_is_told_once_whatever_restarts(people: People) -> None:
    start()
    make(people.ana)
    moment = NOW + timedelta(days=60)
    assert [tokens_expiring_tell(moment) for _ in range(3)] == [1, 0, 0]
    assert tokens_expiring_tell(moment - timedelta(days=2)) == 0, "a clock that goes back tells nothing again"
    assert tokens_expiring_tell(moment + timedelta(minutes=1)) == 0


def test_an_interrupted_run_tells_all_the_same_and_nothing_twice(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark moves in the transaction that writes the mails."""
    from hopkey.server.tokens import watch

    start()
    for number in range(7):
        make(people.ana, f"token {number}")
    monkeypatch.setattr(watch, "BATCH", 3)
    real, calls = watch.notices_tell, [0]

    def breaking(*args: Any) -> int:
        calls[0] += 1
        if calls[0] == 2:
            real(*args)
            raise ConnectionError
        return real(*args)

    monkeypatch.setattr(watch, "notices_tell", breaking)
    moment = NOW + timedelta(days=60)
    with pytest.raises(ConnectionError):
        tokens_expiring_tell(moment)
    tokens_expiring_tell(moment)
    named = texts()
    assert [named.count(f"token {number}\n") for number in range(7)] == [1] * 7


def test_after_a_long_stop_only_what_counts_now_is_told(people: People) -> None:
    start()
    make(people.ana, "nearly gone")
    make(people.ana, "gone", at=NOW - timedelta(days=3))
    tokens_expiring_tell(NOW + timedelta(days=89, hours=12))
    assert sorted(Message.objects.values_list("template", "subject")) == [
        ("token_expired", "gone has expired"),
        ("token_expiring", "nearly gone expires within a day"),
    ]


def test_what_passed_before_the_first_run_is_not_told(people: People) -> None:
    make(people.ana, days=7, at=NOW - timedelta(days=100))
    make(people.ana, days=90, at=NOW - timedelta(days=70))
    start()
    assert travel(timedelta(hours=3)) == {}


def test_several_tokens_of_one_owner_are_one_mail(people: People) -> None:
    listen()
    start()
    for number in range(3):
        make(people.ana, f"token {number}")
    make(people.ed)
    tokens_expiring_tell(NOW + timedelta(days=60))
    assert sorted(Message.objects.values_list("to", "subject")) == [
        ("ana@example.com", "3 tokens expire in 30 days"),
        ("ed@example.com", "nightly build expires in 30 days"),
    ]
    assert [(event["type"], event["data"]["days"]) for event in events()] == [("token.expiring", 30)] * 4


def test_the_deactivated_are_told_nothing(people: People) -> None:
    start()
    made = make(people.ed)
    person_deactivate(user=people.ed, by=OPERATOR)
    assert travel(timedelta(days=100), step=timedelta(days=1)) == {}
    Place.objects.create(token=made.token, network="10.0.0.0/24", address="10.0.0.1")
    assert places_tell(timezone.now()) == 0
    services.token_delete(token_id=made.token.pk, by=OPERATOR)
    assert told() == []


def test_the_marks_are_one_for_each_moment(people: People) -> None:
    start()
    assert set(Watermark.objects.values_list("name", flat=True)) == {f"expiring {days}" for days in EXPIRY_NOTICES}


# Switching off


def test_what_is_switched_off_is_not_told_but_to_the_webhooks(people: People) -> None:
    listen()
    start()
    make(people.ana)
    notices_set(user=people.ana, off=["token.expiring"], by=by(people.ana))
    Delivery.objects.all().delete()
    assert travel(timedelta(days=91), step=timedelta(days=1)) == {90: ["token_expired"]}
    assert [event["type"] for event in events()] == ["token.expiring"] * 3 + ["token.expired"]
    event = AuditEvent.objects.filter(event="notices.changed").get()
    assert (event.subject_id, event.detail) == (people.ana.pk, {"off": ["token.expiring"]})
    notices_set(user=people.ana, off=["token.expiring"], by=by(people.ana))
    assert AuditEvent.objects.filter(event="notices.changed").count() == 1


@pytest.mark.parametrize("kind", ["token.generated", "token.deleted", "digest.weekly", "nonsense"])
def test_some_cannot_be_switched_off(people: People, kind: str) -> None:
    with pytest.raises(DomainError) as caught:
        notices_set(user=people.ed, off=[kind], by=by(people.ed))
    assert caught.value.code == "notice_invalid"
    assert kinds_off(people.ed) == frozenset()


# New networks


def use(made: Generated, address: str, network: str, at: datetime, agent: str = "curl/8") -> None:
    Place.objects.create(token=made.token, network=network, address=address, agent=agent, seen_at=at)


def test_first_use_and_new_networks_are_told_once(people: People) -> None:
    listen()
    made = make(people.ana)
    assert places_tell(NOW) == 0
    use(made, "203.0.113.7", "203.0.113.0/24", NOW)
    assert places_tell(NOW) == 1
    assert Message.objects.get().subject == "nightly build was used for the first time"
    assert "203.0.113.7 (network 203.0.113.0/24)" in texts()
    assert told()
    assert places_tell(NOW + timedelta(days=1)) == 0
    use(made, "198.51.100.9", "198.51.100.0/24", NOW)
    use(made, "2001:db8::9", "2001:db8::/64", NOW)
    assert places_tell(NOW + timedelta(minutes=9)) == 0, "not oftener than every ten minutes"
    assert places_tell(NOW + timedelta(minutes=11)) == 1
    assert Message.objects.get().subject == "nightly build was used from a new network"
    assert "198.51.100.9" in texts()
    assert "2001:db8::9" in texts()
    first, second = (event["data"] for event in events())
    assert (first["firstUse"], second["firstUse"]) == (True, False)
    assert [item["address"] for item in second["uses"]] == ["198.51.100.9", "2001:db8::9"]


def test_a_token_that_roams_is_told_of_for_the_last_time(people: People) -> None:
    made = make(people.ana)
    for number in range(PLACES):
        use(made, f"10.0.{number}.1", f"10.0.{number}.0/24", NOW)
    places_tell(NOW)
    assert f"used from {PLACES} networks now" in texts()


# The policy


def test_owners_are_told_what_a_change_of_the_policy_stops(people: People) -> None:
    listen()
    long_one, short, over = make(people.ana, "long one"), make(people.ana, "short", days=7), make(people.ed, days=None)
    Token.objects.update(created_at=timezone.now())
    for made, days in ((long_one, 90), (short, 7)):
        Token.objects.filter(pk=made.token.pk).update(expires_at=timezone.now() + timedelta(days=days))
    policy_set(policy=policy_check({"max_days": 30}), by=by(people.ana))
    now = timezone.now()
    assert policy_stops_tell(now) == 0, "not at once"
    assert policy_stops_tell(now + timedelta(minutes=3)) == 2
    assert policy_stops_tell(now + timedelta(minutes=3)) == 0
    found = {message.to: body_open(message).text for message in Message.objects.all()}
    assert "long one" in found["ana@example.com"]
    assert "lives longer than allowed" in found["ana@example.com"]
    assert "short" not in found["ana@example.com"]
    assert "never expires and is refused" in found["ed@example.com"]
    assert sorted(event["data"]["reason"] for event in events()) == ["lifetime", "never_expires"]
    assert over.token.pk


def test_a_policy_put_right_at_once_alarms_nobody(people: People) -> None:
    make(people.ana, days=None)
    policy_set(policy=policy_check({"max_days": 30}), by=by(people.ana))
    policy_set(policy=policy_check({}), by=by(people.ana))
    assert policy_stops_tell(timezone.now() + timedelta(minutes=3)) == 0
    policy_set(policy=policy_check({"max_days": 30}), by=by(people.ana))
    assert policy_stops_tell(timezone.now() + timedelta(minutes=3)) == 1


# The digest


def test_the_digest_comes_on_mondays_to_administrators(people: People) -> None:
    listen()
    User.objects.filter(pk__in=[people.ana.pk, people.ed.pk, people.vi.pk]).update(is_administrator=True)
    User.objects.filter(pk=people.vi.pk).update(is_active=False)
    people.ed.refresh_from_db()
    make(people.ana, days=None)
    Message.objects.create(key="f" * 32, to="x@example.com", state=State.FAILED, ended_at=timezone.now())
    now = timezone.now()
    monday = now - timedelta(days=now.weekday())
    monday = monday.replace(hour=7, minute=0, second=0, microsecond=0) + timedelta(days=7)
    assert digest_tell(now) == 0, "the first week is not over"
    assert digest_tell(monday - timedelta(seconds=1)) == 0
    notices_set(user=people.ed, off=["digest.weekly"], by=by(people.ed))
    assert digest_tell(monday) == 1
    assert digest_tell(monday + timedelta(hours=3)) == 0
    message = Message.objects.get(template="digest_weekly")
    text = " ".join(body_open(message).text.split())
    assert message.to == "ana@example.com"
    assert "Live tokens 1 Never expire 1" in text
    assert "Mails that failed 1" in text
    (event,) = events()
    assert (event["type"], event["data"]["neverExpires"]) == ("digest.weekly", 1)
    assert digest_tell(monday + timedelta(days=30)) == 1, "once, however many were missed"


# Invitations


def test_invitations_are_mailed_and_their_links_sealed(people: People) -> None:
    link = links.invite_issue(email="new@example.com", inviter=None, by=by(people.ana))
    invited = invitations.invitation_create(
        team=people.team, role=Role.VIEWER, inviter=people.ana, by=by(people.ana), email="more@example.com"
    )
    invitations.invitation_create(team=people.team, role=Role.VIEWER, inviter=people.ana, by=by(people.ana))
    first, second = Message.objects.order_by("pk")
    assert (first.to, second.to) == ("new@example.com", "more@example.com")
    assert link in body_open(first).text
    assert invited.url in body_open(second).html
    assert link.rsplit("/", 1)[1] not in body_open(first).masked
    assert first.useless_at is not None
    Message.objects.update(body=b"")
    assert_nowhere(link.rsplit("/", 1)[1], invited.url.rsplit("/", 1)[1])
