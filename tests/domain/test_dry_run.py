"""The dry run of a policy where there are too many tokens to judge each: an estimate that holds, and says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from hopkey.server.tokens import dry_run as module
from hopkey.server.tokens.models import Token, Use
from hopkey.server.tokens.policies import policy_check, policy_dry_run
from tests.conftest import People

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def tokens(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """600 live tokens, of which every third never expires; and 300 that have expired."""
    for name, value in (("EXACT", 100), ("SAMPLE", 300), ("_ENOUGH", 50), ("_SPARSE", 200)):
        monkeypatch.setattr(module, name, value)
    now = timezone.now()
    made = []
    for number in range(900):
        ends = now - timedelta(days=1) if number % 3 == 0 else None if number % 3 == 1 else now + timedelta(days=9)
        made.append(
            Token(
                public_id=f"{number:012d}",
                digest=number.to_bytes(32, "big"),
                label=f"token {number}",
                owner=people.ana if number % 2 else people.ed,
                created_at=now - timedelta(days=20),
                expires_at=ends,
            )
        )
    Token.objects.bulk_create(made)
    Use.objects.bulk_create([Use(token=token, idle_since=token.created_at) for token in Token.objects.all()])


def test_a_sample_says_that_it_is_one_and_holds_the_truth(tokens: None) -> None:
    policy, now = policy_check({"never_allowed": False}), timezone.now()
    whole = policy_dry_run(policy, now=now, whole=True)
    assert (whole.live, whole.newly, whole.owners, whole.whole, whole.margin) == (600, 300, 2, True, 0)
    drawn = policy_dry_run(policy, now=now)
    assert not drawn.whole
    assert drawn.judged < whole.live
    assert abs(drawn.newly - whole.newly) <= drawn.margin < 100
    assert "drawn by lot" in drawn.sentence
    assert policy_dry_run(policy, now=now) == drawn


def test_the_limit_per_person_is_judged_the_same_way(tokens: None) -> None:
    policy, now = policy_check({"tokens_per_user": 100}), timezone.now()
    whole, drawn = policy_dry_run(policy, now=now, whole=True), policy_dry_run(policy, now=now)
    assert whole.newly == 400
    assert abs(drawn.newly - whole.newly) <= drawn.margin


def test_few_live_tokens_among_many_that_expired_are_judged_each(tokens: None) -> None:
    now = timezone.now()
    Token.objects.filter(pk__in=list(Token.objects.values_list("pk", flat=True)[:750])).update(
        expires_at=now - timedelta(days=1)
    )
    run = policy_dry_run(policy_check({"never_allowed": False}), now=now)
    assert (run.whole, run.live) == (True, 100)
