"""The administrators' pages on tokens: finding, deleting, exporting."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.people.services import person_deactivate
from hopkey.server.tokens.format import token_generate
from hopkey.server.tokens.models import Cutoff, PolicyRow, Token, Use
from hopkey.server.tokens.policies import policy_check, policy_set
from hopkey.server.workspaces.models import Membership
from hopkey.server.workspaces.services import team_create
from tests.conftest import People
from tests.support.console import followed, ids_of, make, page_of, text_of

pytestmark = pytest.mark.database


# Tokens


def test_a_row_says_what_a_token_is_and_reaches(people: People, console: Client) -> None:
    team = team_create(name="Second", owner=people.ed, by=OPERATOR)
    made = make(people.ed, "both teams")
    make(people.ed, "one of them", team_ids=[team.pk])
    cut = make(people.ed, "kept out")
    Cutoff.objects.create(token=cut.token, workspace=people.team)
    make(people.olga, "olga's", days=None)
    Use.objects.filter(pk=made.token.pk).update(
        used_at=timezone.now() - timedelta(hours=3), address="203.0.113.7", agent="hopkey/0.1 <b>"
    )
    page = page_of(console, "/tokens")
    assert f"both teams hkp_{made.token.public_id}… Ed ed@example.com Orders, Second all 2 of the owner" in page
    assert "3 hours ago from 203.0.113.7 with hopkey/0.1 &lt;b&gt;" in page
    assert re.search(r"one of them hkp_\w+… Ed ed@example.com Second this team only", page)
    assert re.search(r"kept out hkp_\w+… Ed ed@example.com Second all of the owner", page)
    assert re.search(
        r"olga&#x27;s hkp_\w+… Olga olga@example.com Others all of the owner just now never never Live", page
    )
    Membership.objects.filter(user=people.ed, workspace=team).delete()
    assert re.search(r"one of them hkp_\w+… Ed ed@example.com none none of those chosen", page_of(console, "/tokens"))


def test_states_come_with_their_reason(people: People, console: Client) -> None:
    make(people.ed, "first")
    make(people.ed, "second")
    gone = make(people.vi, "over")
    Token.objects.filter(pk=gone.token.pk).update(expires_at=timezone.now() - timedelta(days=1))
    make(people.olga, "orphan")
    person_deactivate(user=people.olga, by=OPERATOR)
    PolicyRow.objects.update_or_create(pk=1, defaults={"tokens_per_user": 1})
    page = page_of(console, "/tokens")
    assert re.search(r"second .{0,120}Stopped by policy Is one of more tokens than its owner may have", page)
    assert re.search(r"first .{0,120}never Live", page)
    assert re.search(r"over .{0,120}Expired", page)
    assert re.search(r"orphan .{0,120}Owner deactivated", page)
    stopped = page_of(console, "/tokens?state=over_policy")
    assert "second hkp_" in stopped
    assert "first hkp_" not in stopped


def test_filters_are_chips_and_each_can_be_taken_away(people: People, console: Client) -> None:
    make(people.ed, "ed's nightly")
    make(people.olga, "olga's nightly")
    raw = console.get("/console/tokens?state=live&owner=ed@example.com&team=orders&text=nightly").content.decode()
    assert "ed&#x27;s nightly" in raw
    assert "olga" not in raw
    chips = re.findall(r'class="chip" href="([^"]+)"', raw)
    team = people.team.pk
    assert f"?state=live&amp;owner=ed%40example.com&amp;team={team}" in chips
    assert f"?owner=ed%40example.com&amp;team={team}&amp;text=nightly" in chips
    assert len(chips) == 4
    assert "No token matches" in page_of(console, "/tokens?text=nothing-like-it")
    assert "Nobody has a token yet" not in page_of(console, "/tokens?text=nothing-like-it")


def test_without_tokens_the_page_says_what_they_are_for(console: Client) -> None:
    assert "Nobody has a token yet" in page_of(console, "/tokens")


@pytest.mark.parametrize(
    ("query", "words", "status"),
    [
        ("state=odd", "state is one of any, live", 400),
        ("sort=odd", "sort is one of", 400),
        ("after=odd", "go back to the first", 400),
        ("after=%C2%B2", "go back to the first", 400),
        ("sort=expires&after=12", "go back to the first", 400),
        ("team=nowhere", "There is no team &#x27;nowhere&#x27;", 404),
        ("owner=" + "x" * 5000, "No token matches", 200),
        ("text=" + "x" * 5000, "No token matches", 200),
        ("text=%25_%27%22%5C", "No token matches", 200),
        ("owner=nobody@example.com", "No token matches", 200),
    ],
)
def test_odd_filters_are_answered_in_words(
    people: People, console: Client, query: str, words: str, status: int
) -> None:
    make(people.ed)
    page = page_of(console, f"/tokens?{query}", status)
    assert words in page
    assert "Search" in page, "the form is still there"


@pytest.mark.parametrize("wrap", ["{}", "  {}\n", "Authorization: Bearer {}", "HOPKEY_TOKEN='{}'"])
def test_a_pasted_token_is_found_and_stands_nowhere(people: People, console: Client, wrap: str) -> None:
    made = make(people.ed, "leaked")
    secret = made.text.split("_")[2]
    for field in ("text", "owner", "team"):
        answer = console.post("/console/tokens/search", {field: wrap.format(made.text)})
        assert answer.headers["Location"] == f"/console/tokens/{made.token.pk}"
        page = console.get(answer.headers["Location"])
        assert "leaked" in page.content.decode()
        assert secret not in page.content.decode()
    in_address = console.get("/console/tokens", {"text": wrap.format(made.text)})
    assert in_address.headers["Location"] == f"/console/tokens/{made.token.pk}"
    stored = json.dumps([*AuditEvent.objects.values()], default=str) + json.dumps(dict(console.session.items()))
    assert secret not in stored


def test_of_a_cut_or_unknown_token_no_secret_goes_further(people: People, console: Client) -> None:
    made = make(people.ed, "leaked")
    secret = made.text.split("_")[2]
    cut = made.text[:-4]
    answer = console.post("/console/tokens/search", {"text": cut})
    assert answer.headers["Location"] == f"/console/tokens?text={made.token.public_id}"
    assert "leaked" in text_of(console.get(answer.headers["Location"]))
    for given in (secret, made.text.replace("hkp_", "hkp_x"), made.text.replace("_", "", 1)):
        location = console.post("/console/tokens/search", {"text": given}).headers["Location"]
        assert secret[:20] not in location, given
    answer = console.post("/console/tokens/search", {"text": token_generate().text})
    assert answer.headers["Location"] == "/console/tokens"
    assert "No token of this server has that secret" in text_of(console.get("/console/tokens"))


def test_pages_hold_every_token_once_and_keep_the_filter(people: People, console: Client) -> None:
    for number in range(60):
        make(people.ed, f"number {number:02}")
    make(people.vi, "other")
    address, seen = "/console/tokens?owner=ed@example.com&sort=created", []
    for _ in range(5):
        raw = console.get(address).content.decode()
        seen += re.findall(r">(number \d\d)</a>", raw)
        found = re.search(r'href="([^"]+)" rel="next"', raw)
        if not found:
            break
        address = "/console/tokens" + found.group(1).replace("&amp;", "&")
    assert seen == [f"number {number:02}" for number in range(60)]


@pytest.mark.parametrize("token", ["0", "999999", "9" * 30])
def test_unknown_tokens_are_not_found(console: Client, token: str) -> None:
    assert console.get(f"/console/tokens/{token}").status_code == 404


def test_a_token_has_its_page(people: People, console: Client) -> None:
    made = make(people.ed, "deploy", networks=["10.0.0.0/8"], team_ids=[people.team.pk])
    page = page_of(console, f"/tokens/{made.token.pk}")
    for words in (
        "deploy",
        made.token.public_id,
        "Orders",
        "10.0.0.0/8",
        "Only the teams it was restricted to",
        "never",
    ):
        assert words in page
    assert "token.generated" in page
    assert made.text not in page


# Deleting tokens
@pytest.mark.django_db(transaction=True)
def test_deleting_asks_for_a_reason_and_says_who_is_hit(people: People, console: Client) -> None:
    one, two = make(people.ed, "first"), make(people.vi, "second")
    make(people.vi, "stays")
    Use.objects.filter(pk=one.token.pk).update(used_at=timezone.now())
    preview = console.post("/console/tokens/delete", {"id": [one.token.pk, two.token.pk], "selected": "1"})
    page = text_of(preview)
    assert "Delete 2 tokens of 2 people?" in page
    assert "1 of them was used in the last 7 days" in page
    assert "ed@example.com" in page
    assert Token.objects.count() == 3, "a preview deletes nothing"
    unsaid = console.post("/console/tokens/delete", {"id": ids_of(preview), "confirmed": "1", "reason": " x "})
    assert unsaid.status_code == 400
    assert "Say why, in at least 3 characters" in text_of(unsaid)
    assert Token.objects.count() == 3
    done = followed(
        console,
        "/tokens/delete",
        {"id": ids_of(unsaid), "confirmed": "1", "reason": "found in\na public log", "owner": "vi@example.com"},
    )
    assert "Deleted 2 tokens." in done
    assert "stays" in done
    assert [token.label for token in Token.objects.all()] == ["stays"]
    reasons = {event.detail["reason"] for event in AuditEvent.objects.filter(event=Event.TOKEN_DELETED)}
    assert reasons == {"found in a public log"}
    again = followed(console, "/tokens/delete", {"id": ids_of(preview), "confirmed": "1", "reason": "once more"})
    assert "They were deleted already." in again


@pytest.mark.django_db(transaction=True)
def test_all_that_match_is_exactly_what_was_previewed(people: People, console: Client) -> None:
    for number in range(30):
        make(people.ed, f"old {number}")
    make(people.vi, "other")
    preview = console.post("/console/tokens/delete", {"everything": "1", "owner": "ed@example.com"})
    assert "Delete 30 tokens of 1 person?" in text_of(preview)
    late = make(people.ed, "made meanwhile")
    form = {"id": ids_of(preview), "confirmed": "1", "everything": "1", "owner": "ed@example.com", "reason": "leaver"}
    assert "Deleted 30 tokens." in followed(console, "/tokens/delete", form)
    assert {token.label for token in Token.objects.all()} == {"other", "made meanwhile"}
    assert Token.objects.filter(pk=late.token.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_more_than_one_deletion_takes_are_deleted_in_turns(
    people: People, console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hopkey.server.console.views import deletion

    monkeypatch.setattr(deletion, "DELETE_AT_ONCE", 4)
    for number in range(6):
        make(people.ed, f"old {number}")
    preview = console.post("/console/tokens/delete", {"everything": "1", "owner": "ed@example.com"})
    page = text_of(preview)
    assert "Delete 4 tokens of 1 person?" in page
    assert "More tokens may match. One deletion takes at most 4" in page
    followed(console, "/tokens/delete", {"id": ids_of(preview), "confirmed": "1", "reason": "leaver"})
    assert Token.objects.count() == 2


@pytest.mark.parametrize("data", [{}, {"id": "0"}, {"id": "x,²,-1"}, {"id": "9" * 18}, {"id": "9" * 40}])
def test_deleting_nothing_leads_back(people: People, console: Client, data: dict[str, str]) -> None:
    make(people.ed)
    assert "Choose at least one token" in followed(console, "/tokens/delete", data)
    assert Token.objects.count() == 1


def test_deleting_needs_a_post(console: Client) -> None:
    assert console.get("/console/tokens/delete").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_deleting_what_the_policy_stops(people: People, console: Client) -> None:
    make(people.ed, "for ever", days=None)
    make(people.ed, "short")
    policy_set(policy=policy_check({"never_allowed": False}), by=OPERATOR)
    preview = console.post("/console/tokens/delete", {"everything": "1", "state": "over_policy"})
    assert "Delete token “for ever”?" in text_of(preview)
    done = followed(console, "/tokens/delete", {"id": ids_of(preview), "confirmed": "1", "reason": "policy"})
    assert "Deleted “for ever” of Ed." in done
    assert [token.label for token in Token.objects.all()] == ["short"]


# Exports


def test_exports_hold_what_the_filter_matches_and_no_formula(people: People, console: Client) -> None:
    make(people.ed, '=HYPERLINK("http://evil.example")')
    make(people.ed, "  +1+1")
    make(people.ed, "\uff1dcmd")
    make(people.olga, "plain, with comma", days=None)
    answer = console.get("/console/tokens/export?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="tokens-[\d-]+\.csv"', answer.headers["Content-Disposition"])
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    labels = [row["label"] for row in rows]
    assert labels == ["plain, with comma", "'\uff1dcmd", "'+1+1", '\'=HYPERLINK("http://evil.example")']
    assert (rows[0]["owner.email"], rows[0]["state"], rows[0]["expiresOn"]) == ("olga@example.com", "live", "")
    found = json.loads(console.get("/console/tokens/export?format=json&owner=olga@example.com").getvalue())
    assert [item["label"] for item in found] == ["plain, with comma"]
    assert "digest" not in json.dumps(found)
    events = AuditEvent.objects.filter(event=Event.TOKENS_EXPORTED)
    assert [event.detail for event in events] == [{"filter": {"owner": "olga@example.com"}}, {"filter": {}}]


@pytest.mark.parametrize("what", ["tokens", "audit"])
def test_an_empty_export_is_a_whole_file(console: Client, what: str) -> None:
    query = "owner=nobody@example.com" if what == "tokens" else "subject=nobody"
    lines = console.get(f"/console/{what}/export?format=csv&{query}").getvalue().decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("id,")
    assert json.loads(console.get(f"/console/{what}/export?format=json&{query}").getvalue()) == []


def test_exports_are_long_work_and_other_answers_are_not(people: People, console: Client) -> None:
    from hopkey.server.long_work import KEY

    for path in ("/tokens/export", "/audit/export"):
        assert KEY in console.get("/console" + path).wsgi_request.META
    assert KEY in console.post("/console/policy", {"max_days": "3"}).wsgi_request.META
    assert KEY not in console.get("/console/tokens").wsgi_request.META


def test_exports_of_an_unknown_kind_lead_back(console: Client) -> None:
    assert console.get("/console/tokens/export?format=exe").status_code == 302
    assert console.get("/console/audit/export?format=exe").status_code == 302
    assert not AuditEvent.objects.filter(event__in=[Event.TOKENS_EXPORTED, Event.AUDIT_EXPORTED]).exists()


def test_an_export_says_what_the_policy_stops(people: People, console: Client) -> None:
    make(people.ed, "for ever", days=None)
    PolicyRow.objects.update_or_create(pk=1, defaults={"never_allowed": False})
    (found,) = json.loads(console.get("/console/tokens/export?format=json").getvalue())
    assert (found["state"], found["overPolicy"]) == ("over_policy", "never_expires")
