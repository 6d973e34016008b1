"""The administrators' pages through Django's test client: what each shows, how many queries, and who is refused."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from django.utils import timezone

from hopkey.server.accounts.links import invite_issue
from hopkey.server.accounts.models import OneTimeLink, User
from hopkey.server.audit.actor import OPERATOR, Actor
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.audit.services import record
from hopkey.server.console.urls import urlpatterns
from hopkey.server.figures.models import Day
from hopkey.server.people.services import person_deactivate
from hopkey.server.tokens import services
from hopkey.server.tokens.format import token_generate
from hopkey.server.tokens.models import Cutoff, PolicyRow, Token, Use
from hopkey.server.tokens.policies import policy_check, policy_get, policy_set
from hopkey.server.tokens.policy import FREE
from hopkey.server.tokens.services import Generated
from hopkey.server.workspaces.models import Membership, Role, Workspace
from hopkey.server.workspaces.services import member_add, team_create
from tests.conftest import People, person
from tests.domain.test_audit_chain import drop_triggers
from tests.domain.test_pages import client_of

pytestmark = pytest.mark.database


@pytest.fixture
def console(people: People) -> Client:
    """Ana is the only administrator."""
    User.objects.filter(pk=people.ana.pk).update(is_administrator=True)
    people.ana.refresh_from_db()
    return client_of(people.ana)


def make(owner: User, label: str = "nightly build", *, days: int | None = 30, **given: Any) -> Generated:
    return services.token_generate_for(owner=owner, label=label, days=days, by=OPERATOR, **given)


def text_of(answer: HttpResponse) -> str:
    """What is on the page, as one line without tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.getvalue().decode()).split())


def page_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get("/console" + path)
    assert answer.status_code == status, path
    return text_of(answer)


def followed(client: Client, path: str, data: dict[str, Any]) -> str:
    """What one sees after a POST that leads elsewhere."""
    answer = client.post("/console" + path, data)
    assert answer.status_code == 302, text_of(answer)
    return text_of(client.get(answer.headers["Location"]))


# Who is let in


def every_route(people: People, token: Token) -> Iterator[tuple[str, str]]:
    """(route, address) of everything below /console, from the table of addresses itself."""
    names = {"token_id": str(token.pk), "user_id": people.ed.pk, "act": "delete"}
    for item in urlpatterns:
        assert isinstance(item, URLPattern)
        route = str(item.pattern)
        yield route, "/console" + re.sub(r"<\w+:(\w+)>", lambda found: names[found.group(1)], route)


def test_nobody_else_learns_anything_from_any_address(people: People, console: Client) -> None:
    made = make(people.ed, "very secret purpose")
    owner, visitor = client_of(people.ed), Client(HTTP_HOST="localhost")
    events = AuditEvent.objects.count()
    for _, address in every_route(people, made.token):
        for method in ("get", "post"):
            answer = getattr(owner, method)(address)
            assert answer.status_code in (404, 405), (method, address)
            assert "very secret purpose" not in answer.content.decode()
            assert "ana@example.com" not in answer.content.decode()
            refused = getattr(visitor, method)(address)
            assert refused.status_code in (302, 405), (method, address)
            if refused.status_code == 302:
                assert refused.headers["Location"].startswith("/sign-in?next=")
    assert Token.objects.filter(pk=made.token.pk).exists()
    assert AuditEvent.objects.count() == events, "nothing was done"
    assert User.objects.filter(pk=people.ed.pk, is_active=True).exists()


def test_who_was_an_administrator_is_none_at_once(people: People, console: Client) -> None:
    assert console.get("/console").status_code == 200
    User.objects.filter(pk=people.ana.pk).update(is_administrator=False)
    assert console.get("/console").status_code == 404


def test_only_administrators_are_shown_the_way(people: People, console: Client) -> None:
    assert 'href="/console"' in console.get("/profile").content.decode()
    assert 'href="/console"' not in client_of(people.ed).get("/profile").content.decode()


def test_acts_need_the_forms_own_secret(people: People, console: Client) -> None:
    made = make(people.ed)
    strict = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    strict.cookies = console.cookies
    for route, address in every_route(people, made.token):
        if strict.get(address).status_code == 405 or "act" in route or route == "/policy":
            assert strict.post(address, {"confirmed": "1"}).status_code == 403, address
    assert Token.objects.filter(pk=made.token.pk).exists()


# How many queries


@pytest.fixture
def crowd(people: People, console: Client) -> People:
    """Many of everything, and a policy that asks for everything."""
    many = [person(f"Person{number}") for number in range(35)]
    teams = [team_create(name=f"Team {number}", owner=many[number], by=OPERATOR) for number in range(12)]
    for team in teams:
        member_add(team=team, user=people.ed, role=Role.VIEWER, by=OPERATOR)
    for number in range(60):
        owner = people.ed if number % 2 else many[number % 35]
        teams_ = [teams[number % 12].pk] if number % 4 == 1 else None
        made = make(owner, f"ed's job {number}", days=[7, None, 90][number % 3], team_ids=teams_)
        if number % 5 == 0:
            Use.objects.filter(pk=made.token.pk).update(used_at=timezone.now(), address="192.0.2.1", agent="curl/8")
    for number in range(60):
        invite_issue(email=f"guest{number}@example.com", by=OPERATOR)
    policy_set(
        policy=policy_check({"max_days": 60, "tokens_per_user": 5, "unused_days": 30, "label_pattern": "ed.*"}),
        by=OPERATOR,
    )
    return people


PATHS = [
    "",
    "/tokens",
    "/tokens?text=job",
    "/tokens?text=ed%27s&state=live&owner=ed@example.com&team=Team+3",
    "/tokens?text=abcdef012345&state=expiring&team=Team+3&sort=-expires",
    "/tokens?state=over_policy&text=ed@&owner=ed@example.com&team=Team+3",
    "/tokens?state=never_used&sort=used",
    "/tokens/{token}",
    "/users",
    "/users?text=person&state=active",
    "/users/{user}",
    "/users/{user}/delete",
    "/users/{user}/deactivate",
    "/users/{user}/make-administrator",
    "/policy",
    "/audit",
    "/audit?event=token&actor=ed@example.com&subject=ed@example.com&since=2026-01-01",
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", ["one", "many"])
def test_every_page_takes_at_most_ten_queries(size: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("console")
    people: People = request.getfixturevalue("crowd" if size == "many" else "people")
    client = client_of(people.ana)
    made = make(people.ed, "ed's own") if size == "one" else None
    token = made.token if made else people.ed.tokens.latest("pk")
    taken = {}
    for path in PATHS:
        with CaptureQueriesContext(connection) as seen:
            answer = client.get("/console" + path.format(token=token.pk, user=people.ed.pk))
            answer.getvalue()
        assert answer.status_code in (200, 404), path
        queries = [item["sql"] for item in seen.captured_queries if not item["sql"].startswith(("BEGIN", "COMMIT"))]
        taken[path] = len(queries)
        assert len(queries) <= 10, (path, [sql[:160] for sql in queries])
    posts: dict[str, dict[str, Any]] = {
        "/tokens/delete": {"everything": "1", "owner": "ed@example.com"},
        "/tokens/search": {"text": "job"},
        "/policy": {"max_days": "30", "tokens_per_user": "3"},
        "/audit/verify": {},
    }
    for path, data in posts.items():
        with CaptureQueriesContext(connection) as seen:
            client.post("/console" + path, data).getvalue()
        queries = [item["sql"] for item in seen.captured_queries if not item["sql"].startswith(("BEGIN", "COMMIT"))]
        assert len(queries) <= 10, (path, [sql[:160] for sql in queries])


# Overview


def test_a_fresh_server_shows_zeros(console: Client) -> None:
    page = page_of(console, "")
    assert "Live tokens 0" in page
    assert "Never expire 0" in page
    assert "No attempt was refused in the last 30 days." in page
    assert console.get("/console").content.decode().count('<tr><th scope="row">') == 30


def test_the_overview_shows_what_was_counted_and_counts_again_when_asked(people: People, console: Client) -> None:
    assert "Live tokens 0" in page_of(console, "")
    make(people.ed)
    make(people.ed, days=None)
    make(people.vi, days=7)
    record(Event.TOKEN_REFUSED, by=Actor(address="192.0.2.9"), kind="token", detail={"count": 7})
    assert "Live tokens 0" in page_of(console, ""), "looking counts nothing"
    page = followed(console, "/refresh", {})
    for words in ("Counted anew.", "Live tokens 3", "Never expire 1", "Expire in 14 days 1", "Refused today 7"):
        assert words in page
    raw = console.get("/console").content.decode()
    today = timezone.now()
    assert f"<title>{today.day} {today:%b}: 3 generated</title>" in raw
    assert f"<title>{today.day} {today:%b}: 7 refused</title>" in raw
    assert 'href="/console/tokens?state=live"' in raw


def test_each_figure_leads_to_as_many_rows(people: People, console: Client) -> None:
    for number, owner in enumerate((people.ed, people.ed, people.vi)):
        make(owner, days=None)
        made = make(owner, days=7)
        if number == 0:
            long_ago = timezone.now() - timedelta(days=100)
            Use.objects.filter(pk=made.token.pk).update(idle_since=long_ago)
    person_deactivate(user=people.vi, by=OPERATOR)
    console.post("/console/refresh")
    day = Day.objects.latest("day")
    for state in ("live", "never_expires", "expiring", "unused"):
        rows = console.get(f"/console/tokens?state={state}").content.decode().count('name="id"')
        assert rows == getattr(day, state), state
    assert (day.live, day.never_expires, day.expiring, day.unused) == (4, 2, 2, 1)


def test_days_nobody_counted_are_gaps_and_not_zeros(console: Client) -> None:
    console.post("/console/refresh")
    Day.objects.exclude(day=timezone.now().date()).filter(day__lt=timezone.now().date() - timedelta(days=20)).delete()
    page = page_of(console, "")
    assert page.count("\u2013") > 20


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
        ("team=%00", "", 200),
        ("owner=" + "x" * 5000, "No token matches", 200),
        ("text=" + "x" * 5000, "No token matches", 200),
        ("text=%25_%27%22%00%5C", "No token matches", 200),
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


def ids_of(answer: HttpResponse) -> str:
    found = re.search(r'name="id" value="([\d,]+)"', answer.content.decode())
    assert found
    return found.group(1)


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
    for odd in ("state=odd", "after=%00", "after=" + "z" * 500, "text=%25%00"):
        page_of(console, f"/users?{odd}")


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
    assert "reason expired count 3" in page
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
    answer = console.post("/console/audit/search", {"subject": "pat-12345678-1234-1234-1234-123456789012"})
    assert answer.headers["Location"] == "/console/audit?"
    assert "has no public id" in text_of(console.get("/console/audit"))


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
