"""Generating and deleting tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from hopkey.server.access.selectors import token_verify
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.errors import DomainError
from hopkey.server.tokens import selectors, services
from hopkey.server.tokens.format import token_digest
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.verify import Refusal, TokenRecord
from hopkey.server.workspaces.services import team_delete
from tests.conftest import People

pytestmark = pytest.mark.database


def generate(people: People, **fields: object) -> services.Generated:
    given: dict[str, object] = {"owner": people.ana, "label": "nightly build", "days": 30, "by": OPERATOR}
    return services.token_generate_for(**{**given, **fields})  # type: ignore[arg-type]


def test_only_the_digest_is_kept(people: People) -> None:
    made = generate(people)
    row = Token.objects.values().get(pk=made.token.pk)
    assert bytes(row["digest"]) == token_digest(made.text)
    secret = made.text.split("_")[2]
    assert secret not in str(row)
    assert secret not in str(list(AuditEvent.objects.values()))
    assert made.text not in repr(made)


@pytest.mark.parametrize("days", [7, 30, 60, 90, None])
def test_expiry_choices(people: People, days: int | None) -> None:
    token = generate(people, days=days).token
    expected = None if days is None else timedelta(days=days)
    assert (token.expires_at and token.expires_at - token.created_at) == expected


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"label": "ab"}, "label_too_short"),
        ({"label": "  a \n b "[:4]}, "label_too_short"),
        ({"label": "x" * 101}, "label_too_long"),
        ({"days": 0}, "expiry_invalid"),
        ({"days": 31}, "expiry_invalid"),
        ({"days": -7}, "expiry_invalid"),
        ({"team_ids": []}, "teams_empty"),
        ({"team_ids": ["nothing"]}, "team_not_found"),
        ({"networks": ["nonsense"]}, "network_invalid"),
        ({"networks": ["10.0.0.1/8"]}, "network_invalid"),
    ],
)
def test_bad_wishes_are_refused_and_leave_nothing(people: People, fields: dict[str, object], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        generate(people, **fields)
    assert caught.value.code == code
    assert not Token.objects.exists()
    assert not AuditEvent.objects.filter(event=Event.TOKEN_GENERATED).exists()


def test_a_token_cannot_be_restricted_to_a_team_its_owner_is_not_in(people: People) -> None:
    with pytest.raises(DomainError, match="not a member"):
        generate(people, team_ids=[people.team.pk, people.other.pk])
    personal = people.ana.personal_workspace
    with pytest.raises(DomainError, match="not a member"):
        generate(people, team_ids=[personal.pk])


def test_a_deactivated_owner_gets_no_token(people: People) -> None:
    people.ana.is_active = False
    people.ana.save()
    with pytest.raises(DomainError) as caught:
        generate(people)
    assert caught.value.code == "owner_inactive"


def test_deleting_is_final_and_leaves_only_the_audit_event(people: People) -> None:
    made = generate(people)
    services.token_delete(token_id=made.token.pk, owner=people.ana, by=OPERATOR, reason="leaked")
    assert not Token.objects.exists()
    assert token_verify(made.text, now=0, address="") is Refusal.UNKNOWN
    event = AuditEvent.objects.get(event=Event.TOKEN_DELETED)
    assert (event.subject_id, event.subject_label) == (made.token.public_id, "nightly build")
    assert event.detail == {"owner": "ana@example.com", "reason": "leaked"}
    with pytest.raises(DomainError) as caught:
        services.token_delete(token_id=made.token.pk, owner=people.ana, by=OPERATOR)
    assert caught.value.code == "token_not_found"


def test_nobody_deletes_somebody_elses_token_as_an_owner(people: People) -> None:
    made = generate(people)
    with pytest.raises(DomainError) as caught:
        services.token_delete(token_id=made.token.pk, owner=people.ed, by=OPERATOR)
    assert caught.value.status == 404
    assert Token.objects.filter(pk=made.token.pk).exists()


def test_a_deleted_team_leaves_a_restricted_token_that_reaches_nothing(people: People) -> None:
    made = generate(people, team_ids=[people.team.pk])
    team_delete(team=people.team, by=OPERATOR)
    found = token_verify(made.text, now=timezone.now().timestamp(), address="")
    assert isinstance(found, TokenRecord)
    assert found.grants == frozenset()


def test_a_page_of_tokens_takes_two_queries(people: People, django_assert_num_queries: object) -> None:
    for number in range(5):
        generate(people, label=f"token {number}", team_ids=[people.team.pk])
    with django_assert_num_queries(2):  # type: ignore[operator]
        for token in selectors.token_list(owner=people.ana)[:12]:
            assert token.owner.email
            assert token.use.used_at is None
            assert [grant.workspace.name for grant in token.grants.all()] == ["Orders"]


def test_the_services_offer_no_way_to_change_a_token() -> None:
    public = {name for name in dir(services) if name.startswith("token")}
    deleting = {"token_delete", "tokens_delete", "tokens_delete_of", "token_cut_off"}
    assert public == {"token_generate", "token_generate_for", "tokens_reaching", *deleting}
