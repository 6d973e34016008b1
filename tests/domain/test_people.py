"""Accounts, links, teams, invitations: who may do what, and the rules that always hold."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from hopkey.server.accounts import links
from hopkey.server.accounts.models import OneTimeLink, User
from hopkey.server.accounts.selectors import user_get
from hopkey.server.accounts.services import user_update
from hopkey.server.audit.actor import OPERATOR, Actor
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.errors import DomainError
from hopkey.server.mail.models import Message
from hopkey.server.people import services as people_services
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.workspaces import content, invitations, selectors, services
from hopkey.server.workspaces.models import Collection, Environment, Invitation, Membership, Role
from tests.conftest import PASSWORD, Configure, People, person
from tests.support import samples

pytestmark = pytest.mark.database


def code_of(caught: pytest.ExceptionInfo[DomainError]) -> str:
    return caught.value.code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"email": "nonsense"}, "email_invalid"),
        ({"email": "a" * 250 + "@example.com"}, "email_invalid"),
        ({"email": "ANA@EXAMPLE.COM "}, "email_taken"),
        ({"name": "  "}, "name_invalid"),
        ({"name": "x" * 101}, "name_invalid"),
        ({"name": "a\u0000b"}, "name_invalid"),
        ({"password": "short"}, "password_weak"),
        ({"password": "passwordpassword"}, "password_weak"),
        ({"password": "x" * 2000}, "password_weak"),
    ],
)
def test_bad_accounts_are_refused(people: People, fields: dict[str, str], code: str) -> None:
    given = {"email": "new@example.com", "name": "New", "password": PASSWORD, **fields}
    if code == "password_weak" and given["password"] == "passwordpassword":
        given["password"] = "password123"
    before = User.objects.count()
    with pytest.raises(DomainError) as caught:
        people_services.person_create(**given, by=OPERATOR)  # type: ignore[arg-type]
    assert (code_of(caught), User.objects.count()) == (code, before)


def test_an_account_comes_with_its_personal_workspace(people: People) -> None:
    workspace, role = selectors.workspace_get_for(people.ana, people.ana.personal_workspace.pk)
    assert (workspace.kind, role) == ("personal", Role.OWNER)
    for other in (people.ed, people.olga):
        with pytest.raises(DomainError) as caught:
            selectors.workspace_get_for(other, workspace.pk)
        assert code_of(caught) == "workspace_not_found"


def test_the_set_up_link_works_once_and_ends_when_anybody_has_an_account(db: None) -> None:
    first, link = links.setup_link_issue(), links.setup_link_issue()
    assert first is not None
    assert link is not None
    old, secret = first.rsplit("/", 1)[1], link.rsplit("/", 1)[1]
    assert secret not in str(list(OneTimeLink.objects.values()))
    with pytest.raises(DomainError):
        links.link_get(old)
    given = {"email": "ana@example.com", "name": "Ana", "password": PASSWORD}
    user = people_services.person_create_first(secret=secret, **given, by=OPERATOR)
    assert (user.is_administrator, user.check_password(PASSWORD)) == (True, True)
    with pytest.raises(DomainError) as caught:
        people_services.person_create_first(secret=secret, **{**given, "email": "b@example.com"}, by=OPERATOR)
    assert code_of(caught) == "link_invalid"
    assert links.setup_link_issue() is None


def test_a_password_link_works_once_for_its_account_until_it_expires(people: People) -> None:
    link = links.password_link_issue(user=people.ana, by=OPERATOR).rsplit("/", 1)[1]
    with pytest.raises(DomainError) as caught:
        links.password_link_redeem(secret=link, password="short", by=OPERATOR)
    assert code_of(caught) == "password_weak"
    links.password_link_redeem(secret=link, password=PASSWORD, by=OPERATOR)
    people.ana.refresh_from_db()
    assert people.ana.check_password(PASSWORD)
    late = links.password_link_issue(user=people.ed, by=OPERATOR).rsplit("/", 1)[1]
    OneTimeLink.objects.update(expires_at=timezone.now())
    for secret in (link, late, "", "nonsense"):
        with pytest.raises(DomainError) as caught:
            links.password_link_redeem(secret=secret, password=PASSWORD, by=OPERATOR)
        assert code_of(caught) == "link_invalid"


def test_deactivating_ends_sessions_and_is_undone_without_loss(people: People) -> None:
    clients = {user.pk: Client() for user in (people.ana, people.ed)}
    for user in (people.ana, people.ed):
        clients[user.pk].force_login(user)
    people_services.person_deactivate(user=people.ed, by=OPERATOR)
    assert clients[people.ana.pk].get("/profile").status_code == 200
    assert clients[people.ed.pk].get("/profile").status_code == 302
    assert not User.objects.get(pk=people.ed.pk).is_active
    people_services.person_reactivate(user=people.ed, by=OPERATOR)
    assert User.objects.get(pk=people.ed.pk).is_active
    assert clients[people.ed.pk].get("/profile").status_code == 302, "the old session does not come back"
    assert Membership.objects.filter(user=people.ed).exists()


def test_the_last_administrator_stays(people: People) -> None:
    boss = person("Boss", administrator=True)
    for service in (people_services.person_deactivate, people_services.person_delete):
        with pytest.raises(DomainError) as caught:
            service(user=boss, by=OPERATOR)
        assert code_of(caught) == "last_administrator"
    person("Second", administrator=True)
    people_services.person_delete(user=boss, by=OPERATOR)


def test_deleting_an_account_takes_its_tokens_and_never_a_teams_only_owner(people: People) -> None:
    token_generate_for(owner=people.ana, label="mine", days=7, by=OPERATOR)
    with pytest.raises(DomainError) as caught:
        people_services.person_delete(user=people.ana, by=OPERATOR)
    assert (code_of(caught), "Orders" in caught.value.message) == ("last_owner", True)
    assert Token.objects.count() == 1
    services.member_role_set(team=people.team, user=people.ed, role=Role.OWNER, by=OPERATOR)
    assert people_services.person_delete(user=people.ana, by=OPERATOR) == 1
    assert not Token.objects.exists()
    assert not User.objects.filter(pk=people.ana.pk).exists()
    assert AuditEvent.objects.get(event=Event.USER_DELETED).subject_label == "ana@example.com"


def test_a_team_keeps_an_owner(people: People) -> None:
    for attempt in (
        lambda: services.member_remove(team=people.team, user=people.ana, by=OPERATOR),
        lambda: services.member_role_set(team=people.team, user=people.ana, role=Role.EDITOR, by=OPERATOR),
    ):
        with pytest.raises(DomainError) as caught:
            attempt()
        assert code_of(caught) == "last_owner"
    with pytest.raises(DomainError) as caught:
        services.member_add(team=people.team, user=people.ed, role=Role.OWNER, by=OPERATOR)
    assert code_of(caught) == "already_member"
    with pytest.raises(DomainError) as caught:
        services.member_remove(team=people.team, user=people.olga, by=OPERATOR)
    assert code_of(caught) == "member_not_found"


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_remove_each_other_at_once() -> None:
    if connection.vendor != "postgresql":
        return  # SQLite has one writer at a time by itself
    one, two = person("One"), person("Two")
    team = services.team_create(name="Pair", owner=one, by=OPERATOR)
    services.member_add(team=team, user=two, role=Role.OWNER, by=OPERATOR)
    gate = threading.Barrier(2)
    outcomes: list[str] = []

    def leave(user: User) -> None:
        gate.wait()
        try:
            services.member_remove(team=team, user=user, by=OPERATOR)
            outcomes.append("left")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=(user,)) for user in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["last_owner", "left"]


def test_roles_decide_who_writes_and_who_governs(people: People) -> None:
    allowed = {people.ana: (True, True), people.ed: (True, False), people.vi: (False, False)}
    for user, (writes, governs) in allowed.items():
        for check, may in ((selectors.workspace_get_to_write, writes), (selectors.workspace_get_to_govern, governs)):
            if may:
                assert check(user, people.team.pk) == people.team
                continue
            with pytest.raises(DomainError) as caught:
                check(user, people.team.pk)
            assert (code_of(caught), caught.value.status) == ("role_too_low", 403)
    with pytest.raises(DomainError) as caught:
        selectors.workspace_get_to_write(people.olga, people.team.pk)
    assert caught.value.status == 404


def test_an_invitation_works_once_for_its_address_until_it_expires(people: People) -> None:
    made = invitations.invitation_create(
        team=people.team, role=Role.VIEWER, email="OLGA@example.com", inviter=people.ana, by=OPERATOR
    )
    secret = made.url.rsplit("/", 1)[1]
    assert secret not in str(list(Invitation.objects.values()))
    assert secret not in repr(made)
    stranger = person("Stranger")
    with pytest.raises(DomainError) as caught:
        invitations.invitation_accept(secret=secret, user=stranger, by=OPERATOR)
    assert code_of(caught) == "invitation_for_other"
    invitations.invitation_accept(secret=secret, user=people.olga, by=OPERATOR)
    assert Membership.objects.get(workspace=people.team, user=people.olga).role == Role.VIEWER
    with pytest.raises(DomainError) as caught:
        invitations.invitation_accept(secret=secret, user=people.olga, by=OPERATOR)
    assert code_of(caught) == "invitation_not_found"
    late = invitations.invitation_create(team=people.team, role=Role.OWNER, inviter=None, by=OPERATOR)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(DomainError):
        invitations.invitation_accept(secret=late.url.rsplit("/", 1)[1], user=stranger, by=OPERATOR)
    with pytest.raises(DomainError) as caught:
        invitations.invitation_create(
            team=people.team, role=Role.VIEWER, email="ed@example.com", inviter=None, by=OPERATOR
        )
    assert code_of(caught) == "already_member"


def test_an_invitation_brings_a_new_account_and_a_revoked_one_nobody(people: People, configure: Configure) -> None:
    configure(HOPKEY_SIGNUP="invitation")
    open_ = invitations.invitation_create(team=people.team, role=Role.EDITOR, inviter=people.ana, by=OPERATOR)
    given = {"email": "new@example.com", "name": "New", "password": PASSWORD, "by": Actor(address="192.0.2.1")}
    user, team = people_services.person_create_invited(secret=open_.url.rsplit("/", 1)[1], **given)  # type: ignore[arg-type]
    assert (team, user.personal_workspace.kind) == (people.team, "personal")
    gone = invitations.invitation_create(team=people.team, role=Role.EDITOR, inviter=people.ana, by=OPERATOR)
    invitations.invitation_revoke(team=people.team, invitation_id=gone.invitation.pk, by=OPERATOR)
    with pytest.raises(DomainError):
        people_services.person_create_invited(
            secret=gone.url.rsplit("/", 1)[1],
            **{**given, "email": "late@example.com"},  # type: ignore[arg-type]
        )
    assert not User.objects.filter(email="late@example.com").exists()


def test_an_account_is_found_by_id_and_address_in_any_case(people: People) -> None:
    assert user_get("ANA@example.com") == user_get(people.ana.pk) == people.ana
    with pytest.raises(DomainError):
        user_get("nobody@example.com")
    assert user_update(user=people.ana, name=" Ana  Maria ", by=OPERATOR).name == "Ana Maria"


def test_what_is_done_is_in_the_audit_with_who_and_from_where(people: People) -> None:
    by = Actor(user_id="u1", label="boss@example.com", address="192.0.2.7", agent="browser" * 100)
    services.member_remove(team=people.team, user=people.vi, by=by)
    event = AuditEvent.objects.get(event=Event.MEMBER_REMOVED)
    assert (event.actor_id, event.actor_label, event.address, len(event.agent)) == (
        "u1",
        "boss@example.com",
        "192.0.2.7",
        200,
    )
    assert event.detail == {"user": "vi@example.com", "user_id": people.vi.pk, "role": "VIEWER"}


def test_the_database_refuses_to_change_the_audit(people: People) -> None:
    event = AuditEvent.objects.first()
    assert event is not None
    for attempt in (lambda: AuditEvent.objects.update(actor_label="x"), lambda: event.delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt()
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_import_keeps_order_and_export_gives_the_same_back(people: People) -> None:
    inner = [samples.collection(f"F{i}", samples.request(f"R{i}")) for i in range(3)]
    data = samples.collection("Top", *[samples.request(f"T{i}") for i in range(3)], folders=inner)
    (top,) = content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)
    out = content.collection_export(top)
    assert [item["name"] for item in out["folders"]] == ["F0", "F1", "F2"]
    assert [item["name"] for item in out["requests"]] == ["T0", "T1", "T2"]
    again = content.collection_import(workspace=people.team, data=json.dumps([out, out]).encode(), by=OPERATOR)
    assert [item.title for item in selectors.collection_list(people.team)] == ["Top", "Top", "Top"]
    assert len(again) == 2


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda data: data["folders"][0]["requests"].append(5), "$.folders[0].requests[0]"),
        (lambda data: data.update(auth={"authType": "magic"}), "$.auth.authType"),
        (lambda data: data.update(headers=["x"]), "$.headers[0]"),
        (lambda data: data["requests"][0].update(v="99"), "$.requests[0].v"),
        (lambda data: data.pop("name"), "$.name"),
        (lambda data: data.update(folders="x"), "$.folders"),
    ],
)
def test_a_bad_file_is_refused_whole_with_the_place_of_the_fault(people: People, change: object, place: str) -> None:
    data = samples.collection("Top", samples.request(), folders=[samples.collection("F")])
    change(data)  # type: ignore[operator]
    with pytest.raises(DomainError) as caught:
        content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)
    assert (code_of(caught), f"(at {place})" in caught.value.message) == ("file_invalid", True), caught.value.message
    assert not Collection.objects.exists()


def test_values_of_secret_variables_are_never_stored(people: People) -> None:
    secret = [{"key": "k", "initialValue": "hunter2", "currentValue": "hunter2", "secret": True}]
    data = samples.collection("C", variables=secret)
    content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)
    both = {"v": 2, "id": "", "name": "E", "variables": [*secret, {"key": "p", "initialValue": "v", "secret": False}]}
    row = content.environment_import(workspace=people.team, data=json.dumps(both).encode(), by=OPERATOR)
    stored = str(list(Collection.objects.values())) + str(list(Environment.objects.values()))
    assert "hunter2" not in stored
    assert content.environment_export(row)["variables"][1]["initialValue"] == "v"


def test_null_characters_are_no_trouble_to_either_database(people: People) -> None:
    data = samples.collection("a\u0000b", samples.request("c\u0000d", testScript="x = '\u0000'"))
    (top,) = content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)
    assert top.title == "a\ufffdb"
    assert content.collection_export(top)["requests"][0]["testScript"] == "x = '\u0000'"


def test_an_invitation_names_who_invites_where_that_is_a_person(people: People) -> None:
    links.invite_issue(email="li@example.com", inviter=None, by=OPERATOR)
    links.invite_issue(email="mo@example.com", inviter=None, by=Actor(user_id=people.ana.pk, label=people.ana.email))
    subjects = dict(Message.objects.values_list("to", "subject"))
    assert subjects["li@example.com"] == "You are invited to Hopkey"
    assert subjects["mo@example.com"] == f"{people.ana.email} invites you to Hopkey"
