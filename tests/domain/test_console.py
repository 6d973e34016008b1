"""The administrators' pages: who is let in, how many queries each takes, the overview."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from django.utils import timezone

from hopkey.server.accounts.links import invite_issue
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR, Actor
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.audit.services import record
from hopkey.server.console.urls import urlpatterns
from hopkey.server.figures.models import Day
from hopkey.server.mail.models import Message
from hopkey.server.people.services import person_deactivate
from hopkey.server.tokens.models import Token, Use
from hopkey.server.tokens.policies import policy_check, policy_set
from hopkey.server.webhooks.models import Delivery
from hopkey.server.webhooks.services import webhook_add
from hopkey.server.workspaces.models import Role
from hopkey.server.workspaces.services import member_add, team_create
from tests.conftest import People, person
from tests.domain.test_pages import client_of
from tests.support.console import followed, make, page_of

pytestmark = pytest.mark.database


# Who is let in


def every_route(people: People, token: Token) -> Iterator[tuple[str, str]]:
    """(route, address) of everything below /console, from the table of addresses itself."""
    webhook = webhook_add(url="https://hooks.example.com/x", events=["token.expired"], by=OPERATOR).endpoint
    message = Message.objects.create(key=token.public_id, to="ana@example.com", state="failed")
    delivery = Delivery.objects.create(key="msg_" + token.public_id, endpoint=webhook, event="token.expired")
    names = {"token_id": str(token.pk), "user_id": people.ed.pk, "act": "delete"}
    names |= {"message_id": str(message.pk), "webhook_id": webhook.pk, "delivery_id": str(delivery.pk)}
    values = defaultdict(lambda: "1", names)
    for item in urlpatterns:
        assert isinstance(item, URLPattern)
        route = str(item.pattern)
        yield route, "/console" + re.sub(r"<\w+:(\w+)>", lambda found: values[found.group(1)], route)


def test_nobody_else_learns_anything_from_any_address(people: People, console: Client) -> None:
    made = make(people.ed, "very secret purpose")
    owner, visitor = client_of(people.ed), Client(HTTP_HOST="localhost")
    addresses = [address for _, address in every_route(people, made.token)]
    events = AuditEvent.objects.count()
    for address in addresses:
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
        invite_issue(email=f"guest{number}@example.com", inviter=None, by=OPERATOR)
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
