"""The administrators' pages on people, the policy and the audit trail."""

from __future__ import annotations

import json
import re

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client

from hopkey.server.accounts.models import OneTimeLink, User
from hopkey.server.audit.actor import OPERATOR, Actor
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.audit.services import record
from hopkey.server.tokens.format import token_digest
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import FREE
from hopkey.server.workspaces.models import Membership, Role, Workspace
from hopkey.server.workspaces.services import member_add, team_create
from tests.conftest import People, person
from tests.domain.test_audit_chain import drop_triggers
from tests.domain.test_pages import client_of
from tests.support.console import followed, make, page_of, text_of

pytestmark = pytest.mark.database


# Users


def test_users_are_listed_searched_and_paged(people: People, console: Client) -> None:
    for number in range(65):
        person(f"Worker{number:02}")
    make(people.ed)
    address, seen = "/console/users", []
    for _ in range(5):
        raw = console.get(address).content.decode()
        seen += re.findall(r'<td data-label="E-mail">([^<]+)</td>', raw)
        found = re.search(r'href="([^"]+)" rel="next"', raw)
        if not found:
            break
        address = found.group(1).replace("&amp;", "&")
    assert seen == sorted(User.objects.values_list("email", flat=True))
    assert len(seen) == 69
    assert "ed@example.com 1 tokens of Ed" in page_of(console, "/users?text=ED@")
    assert "Nobody matches" in page_of(console, "/users?text=nobody-like-that")
    assert "Nobody matches" in page_of(console, "/users?state=deactivated")
    assert "ana@example.com" in page_of(console, "/users?state=administrator")
    assert "ed@example.com" not in page_of(console, "/users?state=administrator")
    for odd in ("state=odd", "after=" + "z" * 500, "text=%25_"):
        page_of(console, f"/users?{odd}")
    for odd in ("after=%00", "text=%25%00"):
        assert console.get(f"/console/users?{odd}").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_an_invitation_is_shown_once_and_can_be_revoked(people: People, console: Client) -> None:
    answer = console.post("/console/users/invite", {"email": " New@Example.com ", "administrator": "on"})
    assert answer.status_code == 201
    found = re.search(r"http://\S+/welcome/([\w-]+)", answer.content.decode())
    assert found
    assert answer.headers["Cache-Control"] == "no-store"
    page = page_of(console, "/users")
    assert found.group(1) not in page
    assert "new@example.com administrator in 7 days" in page
    assert Client(HTTP_HOST="localhost").get(f"/welcome/{found.group(1)}").status_code in (200, 302)
    done = followed(console, "/users/invite/revoke", {"email": "new@example.com"})
    assert "The invitation of new@example.com does not work any more." in done
    assert not OneTimeLink.objects.exists()
    again = followed(console, "/users/invite/revoke", {"email": "new@example.com"})
    assert "There is no open invitation of new@example.com" in again


@pytest.mark.parametrize(
    ("email", "words", "status"),
    [("nonsense", "Enter an e-mail address", 400), ("ED@example.com", "There is already an account", 409)],
)
def test_a_bad_invitation_keeps_what_was_typed(
    people: People, console: Client, email: str, words: str, status: int
) -> None:
    answer = console.post("/console/users/invite", {"email": email})
    assert answer.status_code == status
    raw = answer.content.decode()
    assert words in raw
    assert f'value="{email}"' in raw
    assert 'aria-invalid="true"' in raw


@pytest.mark.parametrize("user", ["nobody", "%00", "a%0Ab", "..%2F..", "x" * 500, "%F0%9F%98%80", "-1"])
def test_unknown_users_are_not_found(console: Client, user: str) -> None:
    assert console.get(f"/console/users/{user}").status_code == 404
    assert console.get(f"/console/users/{user}/delete").status_code == 404
    assert console.post(f"/console/users/{user}/delete").status_code == 404


def test_unknown_acts_are_not_found(people: People, console: Client) -> None:
    assert console.get(f"/console/users/{people.ed.pk}/promote").status_code == 404
    assert console.post(f"/console/users/{people.ed.pk}/promote").status_code == 404


def test_a_user_has_a_page(people: People, console: Client) -> None:
    make(people.ed, "their token")
    page = page_of(console, f"/users/{people.ed.pk}")
    for words in ("Ed", "their token", "Orders", "Deactivate", "Make administrator"):
        assert words in page
    assert "Reactivate" not in page
    assert "only owner" in page_of(console, f"/users/{people.olga.pk}")
    assert "In no team" in page_of(console, f"/users/{person('Loner').pk}")


@pytest.mark.django_db(transaction=True)
def test_acts_say_what_will_happen_and_happen(people: People, console: Client) -> None:
    theirs = client_of(people.ed)
    make(people.ed)
    where = f"/users/{people.ed.pk}"
    page = page_of(console, f"{where}/deactivate")
    assert "Deactivate Ed?" in page
    assert "1 token that has not expired will be refused at once" in page
    assert people.ed.is_active
    assert "Deactivated Ed: sessions ended, tokens refused." in followed(console, f"{where}/deactivate", {})
    assert theirs.get("/profile").status_code == 302, "signed out at once"
    assert "Reactivated Ed." in followed(console, f"{where}/reactivate", {})
    people.ed.refresh_from_db()
    theirs = client_of(people.ed)
    assert theirs.get("/profile").status_code == 200
    assert "Signed Ed out everywhere." in followed(console, f"{where}/sign-out", {})
    assert theirs.get("/profile").status_code == 302
    assert "Ed is an administrator now." in followed(console, f"{where}/make-administrator", {})
    people.ed.refresh_from_db()
    assert client_of(people.ed).get("/console").status_code == 200
    assert "Ed is no administrator any more." in followed(console, f"{where}/unmake-administrator", {})
    assert client_of(people.ed).get("/console").status_code == 404
    assert "Deleted Ed." in followed(console, f"{where}/delete", {})
    assert not User.objects.filter(pk=people.ed.pk).exists()
    assert not Token.objects.exists()
    acted = set(AuditEvent.objects.filter(actor_id=people.ana.pk).values_list("event", flat=True))
    assert acted >= {
        Event.USER_DEACTIVATED,
        Event.USER_REACTIVATED,
        Event.USER_SIGNED_OUT,
        Event.USER_ADMINISTRATOR_SET,
        Event.USER_DELETED,
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["deactivate", "unmake-administrator", "delete"])
def test_the_last_administrator_stays(people: People, console: Client, act: str) -> None:
    where = f"/console/users/{people.ana.pk}/{act}"
    page = text_of(console.get(where))
    assert "Ana is the last administrator of this server" in page
    assert "This is you." in page
    answer = console.post(where, {f"team-{people.team.pk}": people.ed.pk})
    assert answer.status_code == 409
    assert "This is the last administrator" in text_of(answer)
    assert User.objects.filter(pk=people.ana.pk, is_active=True, is_administrator=True).exists()


@pytest.mark.django_db(transaction=True)
def test_second_factors_are_taken_from_somebody_who_lost_them(people: People, console: Client) -> None:
    where = f"/users/{people.ed.pk}"
    assert "Remove second factors" not in page_of(console, where), "there is none"
    Authenticator.objects.create(user=people.ed, type="totp", data={})
    assert "Remove second factors" in page_of(console, where)
    assert "whoever knows the password gets in with it alone" in page_of(console, f"{where}/remove-second-factors")
    assert "Took the second factors from Ed." in followed(console, f"{where}/remove-second-factors", {})
    assert not Authenticator.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["deactivate", "unmake-administrator", "delete", "sign-out"])
def test_acting_on_oneself_leads_out(people: People, console: Client, act: str) -> None:
    User.objects.filter(pk=people.ed.pk).update(is_administrator=True)
    assert "This is you." in page_of(console, f"/users/{people.ana.pk}/{act}")
    answer = console.post(f"/console/users/{people.ana.pk}/{act}", {f"team-{people.team.pk}": people.ed.pk})
    assert answer.status_code == 302
    assert console.get("/console").status_code == (404 if act == "unmake-administrator" else 302)


@pytest.mark.django_db(transaction=True)
def test_who_is_the_only_owner_of_teams_goes_only_with_an_answer_for_each(people: People, console: Client) -> None:
    second = team_create(name="Second", owner=people.olga, by=OPERATOR)
    member_add(team=second, user=people.vi, role=Role.VIEWER, by=OPERATOR)
    where = f"/console/users/{people.olga.pk}/delete"
    page = text_of(console.get(where))
    assert "Olga is the only owner of these teams." in page
    assert "Hand over to Vi (vi@example.com)" in page
    undecided = console.post(where, {f"team-{second.pk}": people.vi.pk})
    assert undecided.status_code == 409
    assert "is the only owner of Others" in text_of(undecided)
    nobody = console.post(where, {f"team-{second.pk}": "nobody", f"team-{people.other.pk}": "delete"})
    assert nobody.status_code == 400
    assert "Choose an active account to own Second." in text_of(nobody)
    assert '<option value="delete" selected' in nobody.content.decode(), "what was chosen is kept"
    assert User.objects.filter(pk=people.olga.pk).exists()
    assert Workspace.objects.filter(pk=people.other.pk).exists(), "all or nothing"
    done = followed(
        console,
        f"/users/{people.olga.pk}/delete",
        {
            f"team-{second.pk}": people.vi.pk,
            f"team-{people.other.pk}": "delete",
        },
    )
    assert "Deleted Olga." in done
    assert Membership.objects.get(workspace=second).role == Role.OWNER
    assert not Workspace.objects.filter(pk=people.other.pk).exists()
    events = set(AuditEvent.objects.filter(actor_id=people.ana.pk).values_list("event", flat=True))
    assert events >= {Event.MEMBER_ROLE_CHANGED, Event.TEAM_DELETED, Event.USER_DELETED}


@pytest.mark.django_db(transaction=True)
def test_a_team_can_be_handed_over_to_the_administrator(people: People, console: Client) -> None:
    followed(console, f"/users/{people.olga.pk}/delete", {f"team-{people.other.pk}": people.ana.pk})
    assert Membership.objects.get(workspace=people.other).user_id == people.ana.pk


# Policy


@pytest.mark.django_db(transaction=True)
def test_a_policy_is_tried_before_it_is_saved(people: People, console: Client) -> None:
    make(people.ed, "for ever", days=None)
    make(people.vi, "short")
    form = {"max_days": "60", "never_allowed": "on", "tokens_per_user": "", "unused_days": "", "networks": "",
            "label_pattern": ""}  # fmt: skip
    preview = console.post("/console/policy", form)
    page = text_of(preview)
    assert "It would stop 1 of 2 live tokens" in page
    assert "for ever" in page
    assert "ed@example.com Never expires" in page
    assert "Longest lifetime, in days no limit 60" in page
    assert policy_get() == FREE, "nothing was saved"
    assert "Saved." in followed(console, "/policy", {**form, "confirmed": "1"})
    assert policy_get().max_days == 60
    assert 'value="60"' in console.get("/console/policy").content.decode()
    event = AuditEvent.objects.filter(event=Event.POLICY_CHANGED).latest("pk")
    assert (event.actor_id, event.detail["changed"]) == (people.ana.pk, {"max_days": [None, 60]})
    assert "max days: none → 60" in page_of(console, "/audit?event=policy.changed")
    freed = text_of(console.post("/console/policy", {**form, "max_days": ""}))
    assert "1 token that the policy in force stops would work again." in freed
    same = text_of(console.post("/console/policy", form))
    assert "This is the policy in force: nothing was changed." in same


def test_a_bad_policy_names_the_field_and_keeps_what_was_typed(people: People, console: Client) -> None:
    form = {"max_days": "soon", "networks": "10.0.0.0/8\n192.0.2.0/24", "label_pattern": "<b>"}
    answer = console.post("/console/policy", form)
    raw = answer.content.decode()
    assert answer.status_code == 400
    assert "must be from 1 to 36500" in raw
    assert re.search(r'name="max_days"[^>]*value="soon"[^>]*aria-invalid="true"', raw)
    assert "10.0.0.0/8\n192.0.2.0/24" in raw
    assert 'value="&lt;b&gt;"' in raw
    for values in ({"networks": "10.0.0.1/8"}, {"label_pattern": "(a"}, {"networks": "1.1.1.1 " * 101}):
        assert console.post("/console/policy", {**values, "confirmed": "1"}).status_code == 400
    assert policy_get() == FREE
    changed = console.post("/console/policy", {"max_days": "7", "change": "1"})
    assert 'value="7"' in changed.content.decode()
    assert policy_get() == FREE


# Audit


def test_events_are_found_by_their_filters(people: People, console: Client) -> None:
    made = make(people.ed, "deploy")
    record(Event.TOKEN_REFUSED, by=Actor(address="192.0.2.9", agent="<script>"), kind="token",
           id=made.token.public_id, detail={"reason": "expired", "count": 3})  # fmt: skip
    page = page_of(console, f"/audit?subject={made.token.public_id}")
    assert "token.generated" in page
    assert "reason expired" in page
    assert "count 3" in page
    assert "&lt;script&gt;" in page
    kinds = {
        query: set(re.findall(r"<code>(\w+\.\w+)</code>", console.get(f"/console/audit?{query}").content.decode()))
        for query in ("event=token", "event=user&subject=ed@example.com")
    }
    assert list(kinds.values()) == [{"token.generated", "token.refused"}, {"user.created"}]
    assert "No event matches" in page_of(console, "/audit?since=2099-01-01")
    for path in ("?event=odd", "?since=tomorrow", "?before=x", "?before=²", "?until=2026-13-01"):
        assert "Apply" in page_of(console, f"/audit{path}", 400)


@pytest.mark.parametrize("field", ["subject", "actor"])
@pytest.mark.parametrize("wrap", ["{}", "token={} in a log"])
def test_a_token_pasted_into_the_audit_search_becomes_its_public_id(
    people: People, console: Client, field: str, wrap: str
) -> None:
    made = make(people.ed, "deploy")
    for given in (made.text, made.text[:-3], made.text[:30]):
        answer = console.post("/console/audit/search", {field: wrap.format(given)})
        assert answer.headers["Location"] == f"/console/audit?{field}={made.token.public_id}"
    answer = console.get("/console/audit", {field: wrap.format(made.text)})
    assert answer.headers["Location"] == f"/console/audit?{field}={made.token.public_id}"
    imported = "pat-12345678-1234-1234-1234-123456789012"
    answer = console.post("/console/audit/search", {"subject": imported})
    assert answer.headers["Location"] == "/console/audit?"
    assert "There is no such token" in text_of(console.get("/console/audit"))
    Token.objects.filter(pk=made.token.pk).update(digest=token_digest(imported))
    answer = console.post("/console/audit/search", {"subject": wrap.format(imported)})
    assert answer.headers["Location"] == f"/console/audit?subject={made.token.public_id}"


def test_the_audit_trail_is_paged(people: People, console: Client) -> None:
    for number in range(120):
        record(Event.SIGN_IN_FAILED, by=Actor(address="192.0.2.1"), label=f"attempt {number}")
    address, seen = "/console/audit?event=session.sign_in_failed", []
    for _ in range(5):
        raw = console.get(address).content.decode()
        seen += re.findall(r"attempt (\d+)", raw)
        found = re.search(r'href="([^"]+)" rel="next"', raw)
        if not found:
            break
        address = "/console/audit" + found.group(1).replace("&amp;", "&")
    assert [int(text) for text in seen] == list(range(119, -1, -1))


def test_the_audit_trail_is_exported_with_its_filter(people: People, console: Client) -> None:
    make(people.ed, "deploy")
    found = json.loads(console.get("/console/audit/export?format=json&event=token").getvalue())
    assert [item["event"] for item in found][-1] == "token.generated"
    event = AuditEvent.objects.get(event=Event.AUDIT_EXPORTED)
    assert (event.actor_id, event.detail) == (people.ana.pk, {"event": "token"})


@pytest.mark.django_db(transaction=True)
def test_verifying_says_what_was_found(people: People, console: Client) -> None:
    page = text_of(console.post("/console/audit/verify"))
    assert "The audit trail is whole" in page
    assert re.search(r"Head of the chain \d+:[0-9a-f]{64}", page)
    assert console.get("/console/audit/verify").status_code == 405
    drop_triggers()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hopkey_audit_link SET hash = %s WHERE seq = 2", ["0" * 64])
    broken = text_of(console.post("/console/audit/verify"))
    assert "The audit trail was tampered with" in broken
    assert "Event 2 was changed" in broken
