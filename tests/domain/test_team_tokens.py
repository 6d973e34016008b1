"""The tokens that reach a team, for its owners: what they see, what they may do, and who sees nothing."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from hopkey.server.access.selectors import token_may_read, token_record
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.errors import DomainError
from hopkey.server.people.services import person_deactivate
from hopkey.server.tokens.expiry import day_end, last_day
from hopkey.server.tokens.format import token_digest
from hopkey.server.tokens.models import Cutoff, Token, Use
from hopkey.server.tokens.policies import policy_check, policy_get, policy_set
from hopkey.server.tokens.policy import Over
from hopkey.server.tokens.selectors import tokens_cut_off
from hopkey.server.tokens.services import Generated, token_cut_off, token_delete, token_generate_for
from hopkey.server.tokens.standing import offer_for, tokens_over
from hopkey.server.workspaces.models import Role
from hopkey.server.workspaces.services import member_remove, member_role_set
from tests.conftest import People, person
from tests.domain.test_pages import client_of, queries_of
from tests.domain.test_sessions import age


def make(people: People, label: str, owner: str = "ed", days: int | None = 30, **given: object) -> Generated:
    return token_generate_for(owner=getattr(people, owner), label=label, days=days, by=OPERATOR, **given)  # type: ignore[arg-type]


def page(people: People, who: str = "ana", query: str = "") -> str:
    answer = client_of(getattr(people, who)).get(f"/workspaces/{people.team.pk}/tokens{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def cut(client: Client, people: People, token: Token) -> int:
    return client.post(f"/workspaces/{people.team.pk}/tokens/{token.pk}/cut-off").status_code


@pytest.mark.database
def test_an_owner_sees_who_holds_what_and_how_it_stands(people: People) -> None:
    used, never = make(people, "nightly build"), make(people, "for ever", "vi", days=None)
    make(people, "of a stranger", "olga")
    gone = make(people, "long gone")
    Token.objects.filter(pk=gone.token.pk).update(expires_at=timezone.now() - timedelta(days=1))
    now = timezone.now()
    Use.objects.filter(pk=used.token.pk).update(used_at=now, address="10.1.2.3", agent="hopkey/1.2")
    text = page(people)
    for part in ("nightly build", used.token.public_id, "ed@example.com", "10.1.2.3", "hopkey/1.2", "never expires"):
        assert part in text
    assert "of a stranger" not in text
    assert text.count("works</span>") == 2
    assert text.count("expired</span>") == 1
    for made in (used, never, gone):
        assert made.text not in text
        assert token_digest(made.text).hex() not in text
    person_deactivate(user=people.vi, by=OPERATOR)
    assert "owner deactivated" in page(people)
    policy_set(policy=policy_check({"max_days": 10}), by=OPERATOR)
    assert "lives longer than allowed" in page(people)


@pytest.mark.database
def test_cutting_off_is_effective_recorded_and_said_to_the_owner(people: People) -> None:
    made = make(people, "nightly build")
    client = client_of(people.ana)
    asked = client.get(f"/workspaces/{people.team.pk}/tokens/{made.token.pk}/cut-off").content.decode()
    assert "Cut off “nightly build” from Orders?" in asked
    assert "ed@example.com" in asked
    assert not Cutoff.objects.exists(), "asking changes nothing"
    assert cut(client, people, made.token) == 302
    record = token_record(token_digest(made.text))
    assert record is not None
    assert not token_may_read(record, people.team)
    event = AuditEvent.objects.filter(event=Event.TOKEN_CUT_OFF.value).get()
    assert (event.actor_label, event.subject_id, event.detail["team"]) == (
        "ana@example.com",
        made.token.public_id,
        people.team.pk,
    )
    assert "nightly build" not in page(people).replace("Cut off “nightly build” of Ed", "")
    assert "nightly build" in page(people, query="?show=cut-off")
    own = client_of(people.ed).get("/profile/tokens").content.decode()
    assert "from Orders by its owners" in own
    assert cut(client, people, made.token) == 404, "a second time there is nothing to cut off"
    token_delete(token_id=made.token.pk, owner=people.ed, by=OPERATOR)
    assert not tokens_cut_off(people.team.pk).exists()


@pytest.mark.database
def test_only_owners_see_and_cut(people: People) -> None:
    made = make(people, "secret label", "ana")
    for name, status in (("ed", 403), ("vi", 403), ("olga", 404)):
        client = client_of(getattr(people, name))
        answer = client.get(f"/workspaces/{people.team.pk}/tokens")
        assert (answer.status_code, "secret label" in answer.content.decode()) == (status, False)
        answer = client.get(f"/workspaces/{people.team.pk}/tokens/{made.token.pk}/cut-off")
        assert (answer.status_code, "secret label" in answer.content.decode()) == (status, False)
        assert cut(client, people, made.token) == status
        assert f"{people.team.pk}/tokens" not in client.get("/profile").content.decode()
    assert not Cutoff.objects.exists()
    member_role_set(team=people.team, user=people.ed, role=Role.OWNER, by=OPERATOR)
    assert cut(client_of(people.ed), people, made.token) == 302, "an owner may, also of another owner"


def test_a_personal_workspace_has_no_such_page(people: People) -> None:
    answer = client_of(people.ana).get(f"/workspaces/{people.ana.personal_workspace.pk}/tokens")
    assert answer.status_code in (403, 404)


@pytest.mark.database
def test_a_token_of_another_team_cannot_be_named_or_cut_off(people: People) -> None:
    other = make(people, "of a stranger", "olga")
    elsewhere = make(people, "only elsewhere", "ed")
    member_remove(team=people.team, user=people.ed, by=OPERATOR)
    client = client_of(people.ana)
    for made in (other, elsewhere):
        answer = client.get(f"/workspaces/{people.team.pk}/tokens/{made.token.pk}/cut-off")
        assert answer.status_code == 404
        assert made.token.label not in answer.content.decode()
        assert cut(client, people, made.token) == 404
    assert not Cutoff.objects.exists()


def test_the_list_takes_the_same_queries_for_one_token_and_for_many(people: People) -> None:
    policy_set(policy=policy_check({"tokens_per_user": 100}), by=OPERATOR)
    client, url = client_of(people.ana), f"/workspaces/{people.team.pk}/tokens"
    make(people, "the first")
    before = queries_of(client, url)
    for number in range(40):
        make(people, f"token {number}", ("ana", "ed", "vi")[number % 3])
    assert queries_of(client, url) == before
    first, second = page(people), page(people, query="?page=2")
    assert first.count('data-label="Token"') == 25
    assert second.count('data-label="Token"') == 16
    assert "Page 2 of 2 · 41 tokens" in second


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_two_owners_at_once_cut_off_once() -> None:
    from hopkey.server.workspaces.services import team_create

    boss = person("Boss")
    team = team_create(name="This", owner=boss, by=OPERATOR)
    token = token_generate_for(owner=boss, label="wanted", days=30, by=OPERATOR).token
    outcomes: list[str] = []

    def act() -> None:
        try:
            token_cut_off(token_id=token.pk, team_id=team.pk, by=OPERATOR)
            outcomes.append("done")
        except DomainError as error:
            outcomes.append(error.code)

    def act_in_thread() -> None:
        gate.wait()
        act()
        connections.close_all()

    if connection.vendor == "sqlite":  # in memory, for one thread
        act()
        act()
    else:
        gate = threading.Barrier(2)
        threads = [threading.Thread(target=act_in_thread) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["done", "token_not_found"]
    assert AuditEvent.objects.filter(event=Event.TOKEN_CUT_OFF.value).count() == 1


@pytest.mark.database
def test_how_tokens_stand_with_the_policy(people: People) -> None:
    first, second = make(people, "the first"), make(people, "the second", days=None)
    tokens = list(Token.objects.select_related("use").order_by("pk"))
    now = timezone.now()
    assert tokens_over(tokens, policy=policy_get(), now=now) == {}
    policy_set(policy=policy_check({"tokens_per_user": 1}), by=OPERATOR)
    assert tokens_over(tokens, policy=policy_get(), now=now) == {second.token.pk: Over.COUNT}
    Token.objects.filter(pk=first.token.pk).update(expires_at=now - timedelta(hours=1))
    assert tokens_over(tokens, policy=policy_get(), now=now) == {}, "what has expired does not count"
    policy_set(policy=policy_check({"never_allowed": False, "unused_days": 5}), by=OPERATOR)
    later = now + timedelta(days=6)
    assert tokens_over(tokens, policy=policy_get(), now=later) == {
        first.token.pk: Over.UNUSED,
        second.token.pk: Over.NEVER,
    }


@pytest.mark.database
def test_the_form_offers_what_the_policy_allows(people: People) -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    free = offer_for(people.ed, policy=policy_get(), now=now)
    assert (free.days, free.never, free.default, free.left) == ((7, 30, 60, 90), True, 30, None)
    assert free.last_day == date(2036, 11, 21)
    policy_set(policy=policy_check({"max_days": 45, "tokens_per_user": 2}), by=OPERATOR)
    make(people, "one of two")
    offer = offer_for(people.ed, policy=policy_get(), now=now)
    assert (offer.days, offer.never, offer.default, offer.left) == ((7, 30), False, 30, 1)
    assert (offer.first_day, offer.last_day) == (date(2026, 11, 25), date(2027, 1, 8))
    short = offer_for(people.ed, policy=policy_check({"max_days": 2}), now=now)
    assert (short.days, short.default, short.last_day) == ((), None, date(2026, 11, 26))

    text = client_of(people.ed).get("/profile/tokens/new").content.decode()
    assert 'value="60"' not in text
    assert 'value="never"' not in text
    assert "a token lives at most 45 days" in text
    make(people, "two of two")
    text = client_of(people.ed).get("/profile/tokens/new").content.decode()
    assert "allows 2 tokens for each person" in text
    assert "Generate token" not in text


@pytest.mark.database
def test_every_day_that_is_offered_is_taken_and_the_next_is_not(people: People) -> None:
    policy_set(policy=policy_check({"max_days": 20}), by=OPERATOR)
    offer = offer_for(people.ed, policy=policy_get(), now=timezone.now())
    assert offer.last_day is not None
    for day in (offer.first_day, offer.last_day):
        made = token_generate_for(owner=people.ed, label=f"until {day}", days=None, until=day, by=OPERATOR)
        assert made.token.expires_at == day_end(day)
    for day in (offer.last_day + timedelta(days=1), date(9999, 12, 31)):
        with pytest.raises(DomainError) as caught:
            token_generate_for(owner=people.ed, label="too long", days=None, until=day, by=OPERATOR)
        assert (caught.value.code, caught.value.field) in {("policy_lifetime", "expiry"), ("expiry_invalid", "expiry")}
    yesterday = offer.first_day - timedelta(days=1)
    with pytest.raises(DomainError) as caught:
        token_generate_for(owner=people.ed, label="over already", days=None, until=yesterday, by=OPERATOR)
    assert caught.value.code == "expiry_invalid"


def test_the_last_day_ends_in_time() -> None:
    evening = datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC)
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert last_day(evening, 1) == date(2026, 11, 26)
    assert last_day(noon, 1) == date(2026, 11, 25)
    assert last_day(noon, 30) == date(2026, 12, 24)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"expiry": "date", "day": ""}, "expiry", "Choose the last day"),
        ({"expiry": "date", "day": "31.12.2026"}, "expiry", "Choose the last day"),
        ({"expiry": "date", "day": "2020-01-01"}, "expiry", "That day is over"),
        ({"expiry": "1000"}, "expiry", "Choose when the token expires"),
        ({"expiry": "30", "networks": "10.0.0.0/8\nhome"}, "networks", "“home” is no address"),
        ({"expiry": "30", "networks": "10.9.0.0/8"}, "networks", "means the network 10.0.0.0/8"),
        ({"expiry": "30", "reach": "some"}, "teams", "Choose at least one team"),
        ({"expiry": "30", "label": "x"}, "label", "at least 3 characters"),
    ],
)
def test_a_mistake_is_said_beside_its_field_and_what_was_typed_is_kept(
    people: People, given: dict[str, str], field: str, said: str
) -> None:
    client = client_of(people.ed)
    sent = {"label": "nightly build", "once": "abc", "reach": "all", **given}
    answer = client.post("/profile/tokens/new", sent)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert f'<a href="#{field}">' in text
    assert f'id="{field}-error">' in text
    assert said in text
    assert sent["label"] in text
    assert given.get("networks", "") in text
    assert not people.ed.tokens.exists()


def test_the_list_says_what_a_restricted_token_no_longer_reaches(people: People) -> None:
    make(people, "orders only", team_ids=[people.team.pk])
    member_remove(team=people.team, user=people.ed, by=OPERATOR)
    text = client_of(people.ed).get("/profile/tokens").content.decode()
    assert "nothing any more" in text
    assert "not Orders: you are not in it any more" in text


@pytest.mark.database
def test_an_owner_renames_and_deletes_the_team_by_its_name(people: People) -> None:
    made = make(people, "nightly build", team_ids=[people.team.pk])
    client, address = client_of(people.ana), f"/workspaces/{people.team.pk}"
    assert client.post(f"{address}/settings", {"name": " "}).status_code == 400
    assert client.post(f"{address}/settings", {"name": "Orders  and more"}).status_code == 302
    people.team.refresh_from_db()
    assert people.team.name == "Orders and more"
    event = AuditEvent.objects.filter(event=Event.TEAM_RENAMED.value).get()
    assert (event.subject_label, event.detail) == ("Orders and more", {"before": "Orders"})
    asked = client.get(f"{address}/delete").content.decode()
    assert "Delete the team “Orders and more”?" in asked
    for wrong in ("", "orders and more", "Orders"):
        answer = client.post(f"{address}/delete", {"confirmation": wrong})
        assert (answer.status_code, "confirmation-error" in answer.content.decode()) == (400, True)
    record = token_record(token_digest(made.text))
    assert record is not None
    assert token_may_read(record, people.team)
    assert client.post(f"{address}/delete", {"confirmation": "Orders and more"}).status_code == 302
    record = token_record(token_digest(made.text))
    assert record is not None
    assert record.teams == frozenset()
    assert client.get(address).status_code == 404
    assert AuditEvent.objects.filter(event=Event.TEAM_DELETED.value).get().actor_label == "ana@example.com"


@pytest.mark.database
def test_cutting_off_and_deleting_a_team_ask_for_a_recent_sign_in(people: People) -> None:
    made, client = make(people, "nightly build"), client_of(people.ana)
    age(client, 61)
    assert client.get(f"/workspaces/{people.team.pk}/tokens").status_code == 200, "looking is free"
    assert client.get(f"/workspaces/{people.team.pk}/tokens/{made.token.pk}/cut-off").status_code == 200
    assert cut(client, people, made.token) == 403
    answer = client.post(f"/workspaces/{people.team.pk}/delete", {"confirmation": people.team.name})
    assert answer.status_code == 403
    assert b"Confirm that it is you" in answer.content
    assert not Cutoff.objects.exists()
    assert client.get(f"/workspaces/{people.team.pk}").status_code == 200


@pytest.mark.database
def test_changing_who_is_in_a_team_asks_for_a_recent_sign_in(people: People) -> None:
    """Or a stolen session would bring the thief into the team, where it stays when the session ends."""
    client = client_of(people.ana)
    home = f"/workspaces/{people.team.pk}/members"
    viewer = people.team.memberships.exclude(user=people.ana).filter(role=Role.VIEWER).get().user
    before = sorted(people.team.memberships.values_list("user_id", "role"))
    forms = [
        (f"/workspaces/{people.team.pk}/invitations", {"role": "OWNER", "email": "thief@example.com"}),
        (f"{home}/{viewer.pk}/role", {"role": "OWNER"}),
        (f"{home}/{viewer.pk}/remove", {}),
    ]
    age(client, 61)
    assert client.get(home).status_code == 200, "looking is free"
    for address, form in forms:
        answer = client.post(address, form)
        assert answer.status_code == 403, address
        assert b"Confirm that it is you" in answer.content
    assert sorted(people.team.memberships.values_list("user_id", "role")) == before
    assert not people.team.invitations.exists()
    age(client, 1)
    assert [client.post(address, form).status_code for address, form in forms] == [201, 302, 302]
