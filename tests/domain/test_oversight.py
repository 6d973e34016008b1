"""Everybody's tokens: filters, orders and pages; deleting many; cutting off; the policy, at generation and at use."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from hopkey.server.access.selectors import token_may_read, token_record, token_verify
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.errors import DomainError
from hopkey.server.people.services import person_deactivate
from hopkey.server.tokens import services
from hopkey.server.tokens.format import token_digest
from hopkey.server.tokens.models import Token, Use
from hopkey.server.tokens.oversight import Filter, Sort, State, filter_read, token_each, token_page
from hopkey.server.tokens.policies import policy_check, policy_dry_run, policy_get, policy_set
from hopkey.server.tokens.policy import FREE, Over, Policy
from hopkey.server.tokens.selectors import tokens_reaching
from hopkey.server.tokens.services import Generated
from hopkey.server.tokens.verify import Refusal, TokenRecord
from tests.conftest import People
from tests.domain.test_access_matrix import gate_store

pytestmark = pytest.mark.database


def make(people: People, label: str, *, owner: str = "ana", days: int | None = 30, **given: Any) -> Generated:
    return services.token_generate_for(owner=getattr(people, owner), label=label, days=days, by=OPERATOR, **given)


def age(made: Generated, *, days: float, used: float | None = None, expires: float | None = None) -> None:
    """As if generated `days` ago, last used `used` days ago, expiring in `expires` days."""
    now = timezone.now()
    Token.objects.filter(pk=made.token.pk).update(created_at=now - timedelta(days=days))
    if expires is not None:
        Token.objects.filter(pk=made.token.pk).update(expires_at=now + timedelta(days=expires))
    moment = None if used is None else now - timedelta(days=used)
    Use.objects.filter(pk=made.token.pk).update(used_at=moment, idle_since=moment or now - timedelta(days=days))


def labels(chosen: Filter) -> list[str]:
    return [token.label for token in token_page(chosen.settled()).tokens]


@pytest.fixture
def many(people: People) -> dict[str, Generated]:
    made = {
        "fresh": make(people, "fresh one"),
        "soon": make(people, "soon gone", owner="ed", days=7),
        "later": make(people, "later gone", owner="ed", days=90),
        "gone": make(people, "long gone", owner="vi", days=7),
        "ever": make(people, "for ever", owner="vi", days=None),
        "idle": make(people, "idle thing", owner="olga", days=None),
    }
    age(made["fresh"], days=1, used=0.5)
    age(made["soon"], days=3, used=1, expires=4)
    age(made["gone"], days=20, used=15, expires=-13)
    age(made["idle"], days=300, used=120)
    return made


def test_states(people: People, many: dict[str, Generated]) -> None:
    assert labels(Filter()) == ["idle thing", "for ever", "long gone", "later gone", "soon gone", "fresh one"]
    assert labels(Filter(State.LIVE)) == ["idle thing", "for ever", "later gone", "soon gone", "fresh one"]
    assert labels(Filter(State.EXPIRING)) == ["soon gone"]
    assert labels(Filter(State.EXPIRED)) == ["long gone"]
    assert labels(Filter(State.UNUSED)) == ["idle thing"]
    assert labels(Filter(State.NEVER_USED)) == ["for ever", "later gone"]
    assert labels(Filter(State.NEVER_EXPIRES)) == ["idle thing", "for ever"]
    person_deactivate(user=people.olga, by=OPERATOR)
    assert labels(Filter(State.OWNER_INACTIVE)) == ["idle thing"]
    assert "idle thing" not in labels(Filter(State.LIVE))


def test_orders(many: dict[str, Generated]) -> None:
    assert labels(Filter(sort=Sort.OLDEST))[0] == "fresh one"
    by_expiry = ["long gone", "soon gone", "fresh one", "later gone", "for ever", "idle thing"]
    assert labels(Filter(sort=Sort.EXPIRES_FIRST)) == by_expiry
    assert labels(Filter(sort=Sort.EXPIRES_LAST)) == by_expiry[::-1]
    assert labels(Filter(sort=Sort.IDLE_FIRST))[:2] == ["idle thing", "long gone"]
    assert labels(Filter(sort=Sort.IDLE_LAST))[-1] == "idle thing"


def test_owner_team_and_text(people: People, many: dict[str, Generated]) -> None:
    assert labels(Filter(owner="ED@example.com")) == ["later gone", "soon gone"]
    assert labels(Filter(owner=people.ed.pk)) == ["later gone", "soon gone"]
    assert labels(Filter(owner="nobody@example.com")) == []
    assert labels(Filter(team=people.other.pk)) == ["idle thing"]
    assert labels(Filter(text="GONE")) == ["long gone", "later gone", "soon gone"]
    assert labels(Filter(text="olga@")) == ["idle thing"]
    assert labels(Filter(text="on")) == ["long gone", "later gone", "soon gone", "fresh one"]
    assert labels(Filter(State.LIVE, text="gone")) == ["later gone", "soon gone"]
    assert labels(Filter(State.EXPIRING, text="gone")) == ["soon gone"]
    assert labels(Filter(State.NEVER_USED, text="gone")) == ["later gone"]
    assert labels(Filter(sort=Sort.EXPIRES_FIRST, text="gone")) == ["long gone", "soon gone", "later gone"]
    assert labels(Filter(text="100%_")) == []
    make(people, "100%_sure")
    assert labels(Filter(text="100%_")) == ["100%_sure"]
    assert labels(Filter(text="0%_s")) == ["100%_sure"]


def test_a_pasted_token_is_found_by_its_digest_and_only_the_right_one(many: dict[str, Generated]) -> None:
    made = many["later"]
    assert labels(Filter(text=made.text)) == ["later gone"]
    assert labels(Filter(text=made.token.public_id)) == ["later gone"]
    assert labels(Filter(text=f"hkp_{made.token.public_id}…")) == ["later gone"]
    from hopkey.server.tokens.format import token_generate

    assert labels(Filter(text=token_generate().text)) == []


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("state", [State.ANY, State.LIVE, State.EXPIRING, State.UNUSED, State.NEVER_USED])
def test_pages_hold_every_token_once(people: People, sort: Sort, state: State) -> None:
    for number in range(13):
        made = make(people, f"token {number}", days=[7, None, 90][number % 3])
        if number % 2:
            age(made, days=200, used=[None, 150][number % 4 == 1], expires=[3, None][number % 3 == 1])
    chosen = Filter(state, sort).settled()
    now = timezone.now()
    everything = [token.pk for token in token_page(chosen, limit=100, now=now).tokens]
    paged = [token.pk for token in token_each(chosen, now=now, chunk=2)]
    assert paged == everything
    assert len(set(paged)) == len(paged) > 2


@pytest.mark.parametrize("cursor", ["x", "1.2", "99999999999999999999", "20260101T000000000000.x", "²"])
def test_bad_cursors_and_filters_are_named(db: None, cursor: str) -> None:
    for sort in (Sort.NEWEST, Sort.EXPIRES_FIRST):
        if cursor == "1.2" and sort is Sort.NEWEST:
            continue
        with pytest.raises(DomainError) as caught:
            token_page(Filter(sort=sort), cursor=cursor)
        assert caught.value.code == "cursor_invalid"
    for values in ({"state": "odd"}, {"sort": "odd"}):
        with pytest.raises(DomainError) as caught:
            filter_read(values)
        assert caught.value.code == "filter_invalid"


def test_a_page_takes_few_queries(
    people: People, many: dict[str, Generated], django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for chosen in (Filter(), Filter(State.OVER_POLICY), Filter(text="gone"), Filter(State.EXPIRING, owner="ed")):
        with django_assert_max_num_queries(7):
            token_page(chosen.settled())


@pytest.mark.django_db(transaction=True)
def test_deleting_many_is_all_or_none_and_recorded_one_by_one(people: People) -> None:
    made = [make(people, f"leak {number}", owner=["ana", "ed"][number % 2]) for number in range(4)]
    gone = services.tokens_delete(
        token_ids=[item.token.pk for item in made] + [10**12], by=OPERATOR, reason="leaked in a log"
    )
    assert sorted(token.label for token in gone) == [f"leak {number}" for number in range(4)]
    assert not Token.objects.exists()
    events = AuditEvent.objects.filter(event=Event.TOKEN_DELETED)
    assert {event.subject_id for event in events} == {item.token.public_id for item in made}
    assert {event.detail["reason"] for event in events} == {"leaked in a log"}
    with pytest.raises(DomainError) as caught:
        services.tokens_delete(token_ids=range(10_001), by=OPERATOR, reason="")
    assert caught.value.code == "too_many"


def gate_record(path: Path, text: str) -> TokenRecord | None:
    store = gate_store(path)

    async def read() -> TokenRecord | None:
        try:
            return (await store.token(token_digest(text)))[1]
        finally:
            await store.close()

    return asyncio.run(read())


def verdicts(tmp_path: Path, text: str, *, now: float, address: str = "") -> tuple[object, object]:
    """What the gate and the ORM say of this token."""
    from hopkey.server.tokens.verify import verify

    tmp_path.mkdir(exist_ok=True)
    record = gate_record(tmp_path, text)
    by_gate = verify(record, digest=token_digest(text), now=now, address=address)
    by_orm = token_verify(text, now=now, address=address)
    return by_gate, by_orm if isinstance(by_orm, Refusal) else None


@pytest.mark.django_db(transaction=True)
def test_the_policy_is_judged_at_use(people: People, tmp_path: Path) -> None:
    """The gate and the ORM agree, on each rule and its edge."""
    now = timezone.now().timestamp()
    short, long, ever = (make(people, f"P-{days}", days=days) for days in (7, 90, None))
    cases: list[tuple[dict[str, Any], list[Refusal | None]]] = [
        ({}, [None, None, None]),
        ({"max_days": 90}, [None, None, Refusal.POLICY]),
        ({"max_days": 89}, [None, Refusal.POLICY, Refusal.POLICY]),
        ({"never_allowed": False}, [None, None, Refusal.POLICY]),
        ({"tokens_per_user": 2}, [None, None, Refusal.POLICY]),
        ({"label_pattern": r"P-\d+"}, [None, None, Refusal.POLICY]),
        ({"networks": ["10.0.0.0/8"]}, [Refusal.NETWORK] * 3),
        ({"networks": ["192.0.2.0/24", "2001:db8::/32"]}, [None] * 3),
        ({"unused_days": 3}, [None] * 3),
    ]
    for number, (values, expected) in enumerate(cases):
        policy_set(policy=policy_check(values), by=OPERATOR)
        for index, (made, wanted) in enumerate(zip((short, long, ever), expected, strict=True)):
            found = verdicts(tmp_path / f"{number}-{index}", made.text, now=now, address="192.0.2.7")
            assert found == (wanted, wanted), (values, made.token.label)
    for number, (used, wanted) in enumerate(((2.9, None), (3.1, Refusal.POLICY), (None, Refusal.POLICY))):
        age(short, days=4, used=used)
        assert verdicts(tmp_path / f"idle-{number}", short.text, now=now) == (wanted, wanted)


@pytest.mark.django_db(transaction=True)
def test_the_policy_is_judged_at_generation(people: People) -> None:
    def code(**given: Any) -> str:
        with pytest.raises(DomainError) as caught:
            make(people, **given)
        return caught.value.code

    policy_set(policy=policy_check({"max_days": 30, "label_pattern": "ci: .+"}), by=OPERATOR)
    assert code(label="ci: build", days=60) == "policy_lifetime"
    assert code(label="ci: build", days=None) == "policy_lifetime"
    assert code(label="build") == "policy_label"
    make(people, "ci: build")
    policy_set(policy=policy_check({"tokens_per_user": 1}), by=OPERATOR)
    assert code(label="second") == "too_many_tokens"
    age_out = Token.objects.get()
    Token.objects.filter(pk=age_out.pk).update(expires_at=timezone.now())
    make(people, "second")
    event = AuditEvent.objects.filter(event=Event.POLICY_CHANGED).latest("pk")
    assert event.detail["changed"]["tokens_per_user"] == [None, 1]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"max_days": 0}, "max_days"),
        ({"max_days": "soon"}, "max_days"),
        ({"max_days": True}, "max_days"),
        ({"tokens_per_user": -1}, "tokens_per_user"),
        ({"unused_days": 1.5}, "unused_days"),
        ({"never_allowed": "no"}, "never_allowed"),
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"networks": "10.0.0.0/8"}, "networks"),
        ({"networks": ["10.0.0.0/8"] * 101}, "networks"),
        ({"label_pattern": "(a"}, "label_pattern"),
        ({"label_pattern": "(?=a)"}, "label_pattern"),
        ({"label_pattern": "a" * 201}, "label_pattern"),
        ({"label_pattern": 7}, "label_pattern"),
        ({"colour": "red"}, None),
    ],
)
def test_a_bad_policy_names_its_field(values: dict[str, Any], field: str | None) -> None:
    with pytest.raises(DomainError) as caught:
        policy_check(values)
    assert (caught.value.code, caught.value.field) == ("policy_invalid", field)


def test_a_label_pattern_cannot_be_made_slow() -> None:
    policy = policy_check({"label_pattern": "(a+)+$"})
    assert policy.label_over("a" * 99 + "b") is Over.LABEL
    assert policy.label_over("a" * 100) is None


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_says_what_would_stop_whose_and_why(people: People, many: dict[str, Generated]) -> None:
    now = timezone.now()
    run = policy_dry_run(policy_check({"max_days": 60, "unused_days": 100}), now=now)
    assert (run.live, run.newly, run.owners, run.freed) == (5, 3, 3, 0)
    assert {stopped.label: stopped.why for stopped in run.shown} == {
        "for ever": Over.NEVER,
        "idle thing": Over.NEVER,
        "later gone": Over.LIFETIME,
    }
    policy_set(policy=policy_check({"max_days": 60, "unused_days": 100}), by=OPERATOR)
    assert policy_dry_run(policy_get(), now=now).newly == 0
    assert policy_dry_run(FREE, now=now).freed == 3
    assert labels(Filter(State.OVER_POLICY)) == ["idle thing", "for ever", "later gone"]
    page = token_page(Filter(State.OVER_POLICY))
    assert page.over[many["ever"].token.pk] is Over.NEVER
    assert policy_get() == Policy.of({"max_days": 60, "unused_days": 100})
    Use.objects.filter(pk=many["later"].token.pk).update(address="198.51.100.7")
    outside = policy_dry_run(policy_check({"networks": ["10.0.0.0/8"]}), now=now)
    assert (outside.newly, outside.outside) == (0, 1)


@pytest.mark.django_db(transaction=True)
def test_owners_cut_a_token_off_from_their_team_for_ever(people: People) -> None:
    made = make(people, "shared", owner="ed")
    elsewhere = make(people, "elsewhere", owner="olga")
    assert [token.label for token in tokens_reaching(people.team.pk)] == ["shared"]
    with pytest.raises(DomainError) as caught:
        services.token_cut_off(token_id=elsewhere.token.pk, team_id=people.team.pk, by=OPERATOR)
    assert caught.value.code == "token_not_found"
    services.token_cut_off(token_id=made.token.pk, team_id=people.team.pk, by=OPERATOR)
    found = token_verify(made.text, now=timezone.now().timestamp(), address="")
    assert isinstance(found, TokenRecord)
    assert not token_may_read(found, people.team)
    assert list(tokens_reaching(people.team.pk)) == []
    assert labels(Filter(team=people.team.pk)) == []
    assert AuditEvent.objects.filter(event=Event.TOKEN_CUT_OFF, subject_id=made.token.public_id).exists()
    with pytest.raises(DomainError):
        services.token_cut_off(token_id=made.token.pk, team_id=people.team.pk, by=OPERATOR)


@pytest.mark.django_db(transaction=True)
def test_the_gate_knows_of_cut_offs_and_networks(people: People, tmp_path: Path) -> None:
    made = make(people, "both", owner="ed")
    services.token_cut_off(token_id=made.token.pk, team_id=people.team.pk, by=OPERATOR)
    policy_set(policy=policy_check({"networks": ["10.0.0.0/8"]}), by=OPERATOR)
    record = gate_record(tmp_path, made.text)
    assert record is not None
    assert record.teams == frozenset()
    assert record.policy.networks == (ipaddress.ip_network("10.0.0.0/8"),)
    same = token_record(token_digest(made.text))
    assert same is not None
    assert (record.teams, record.over, record.policy) == (same.teams, same.over, same.policy)
