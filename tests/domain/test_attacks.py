"""What a hostile visitor sends to the pages, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.errors import DomainError
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.workspaces import content
from tests.conftest import PASSWORD, People
from tests.domain.test_pages import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_character_nul_is_refused_everywhere_before_the_database_sees_it(people: People) -> None:
    client = client_of(people.ana)
    team = people.team.pk
    for path in (
        "/workspaces/%00",
        f"/workspaces/{team}/members/%00/remove",
        f"/workspaces/{team}/collections/%00/export",
        "/profile/tokens/%00/delete",
    ):
        assert client.get(path).status_code == 404
    assert client.get("/profile/tokens?page=%00").status_code == 400
    assert client.post("/profile", {"name": "a\0b"}).status_code == 400
    assert client.post("/teams/new", {"name": "a\0b"}).status_code == 400
    answer = client.post("/profile/tokens/new", {"label": "a\0bcd", "expiry": "7", "once": "x"})
    assert answer.status_code == 400
    assert Client(HTTP_HOST="localhost").post("/sign-in", {"login": "a\0b", "password": "x"}).status_code == 400


@pytest.mark.parametrize("label", ["a\ud800bc", "abc\u202edef", "abc\x07", "abc\u200bdef"])
def test_labels_hold_nothing_invisible(people: People, label: str) -> None:
    with pytest.raises(DomainError) as refused:
        token_generate_for(owner=people.ana, label=label, days=7, by=OPERATOR)
    assert refused.value.code == "label_invalid"


def test_made_up_links_leave_no_session_behind(db: None) -> None:
    client = Client(HTTP_HOST="localhost")
    for path in ("/welcome/made-up", "/join/made-up", "/welcome", "/join"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "hopkey_session" not in answer.cookies
    assert Session.objects.count() == 0


def test_attempts_past_the_limit_do_not_fill_the_audit_trail(people: People) -> None:
    for _ in range(30):
        Client(HTTP_HOST="localhost").post("/sign-in", {"login": people.ana.email, "password": "wrong password"})
    assert AuditEvent.objects.filter(event=Event.SIGN_IN_FAILED).count() <= 10


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "http://evil.example", "-1", "home", "%25", ""]
)
def test_signing_in_leads_to_pages_of_ours_only(people: People, target: str) -> None:
    people.ana.set_password(PASSWORD)
    people.ana.save()
    client = Client(HTTP_HOST="localhost")
    answer = client.post("/sign-in", {"login": people.ana.email, "password": PASSWORD, "next": target})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    again = client.get("/sign-in", {"next": target})
    assert (again.status_code, again.headers["Location"]) == (302, "/")


@pytest.mark.parametrize(
    "referer", ["http://evil.example/", "http://localhost.evil.example/", "http://localhost@evil/"]
)
def test_no_page_sends_anybody_back_to_another_site(db: None, referer: str) -> None:
    answer = Client(HTTP_HOST="localhost", HTTP_REFERER=referer).post("/theme", {"theme": "dark"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_end_points_that_do_not_exist_answer_json(db: None) -> None:
    answer = Client(HTTP_HOST="localhost").get("/v1/access-tokens/nothing")
    assert answer.status_code in (403, 404)
    assert answer.json()["statusCode"] == answer.status_code
    page = Client(HTTP_HOST="localhost").get("/nothing")
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_static_files_are_for_our_pages(db: None) -> None:
    answer = Client(HTTP_HOST="localhost").get("/static/ui/app.css")
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    answer.close()
    for path in ("/static/../settings.py", "/static/%2e%2e/settings.py", "/static//etc/passwd"):
        assert Client(HTTP_HOST="localhost").get(path).status_code == 404


def test_a_file_of_millions_of_nothings_is_refused_before_it_is_read(people: People) -> None:
    with pytest.raises(DomainError, match="too many parts"):
        content.collection_import(workspace=people.team, data=b"[" + b"{}," * 2_100_000 + b"{}]", by=OPERATOR)


HOSTILE: list[Any] = [b"[" * 1_000_000, b'{"a":' * 200_000, b"", b"\xff\xfe", b'{"v":1e999,"name":"a"}', b"9" * 10_000]


@pytest.mark.parametrize("data", HOSTILE)
def test_hostile_files_are_refused_with_a_reason(people: People, data: bytes) -> None:
    for read in (content.collection_import, content.environment_import):
        with pytest.raises(DomainError) as refused:
            read(workspace=people.team, data=data, by=OPERATOR)
        assert refused.value.code == "file_invalid"


def test_what_people_write_is_text_in_pages(people: People) -> None:
    evil = "<img src=x onerror=alert(1)>"
    data = {"v": 2, "name": evil, "folders": [], "requests": []}
    content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)
    content.environment_import(
        workspace=people.team,
        data=json.dumps({"name": evil, "variables": [{"key": evil, "value": evil}]}).encode(),
        by=OPERATOR,
    )
    token_generate_for(owner=people.ana, label=evil, days=7, by=OPERATOR)
    client = client_of(people.ana)
    client.post("/profile", {"name": evil})
    team = people.team.pk
    for path in (
        "/profile",
        "/profile/tokens",
        f"/workspaces/{team}",
        f"/workspaces/{team}/environments",
        f"/workspaces/{team}/members",
    ):
        page = client.get(path).content.decode()
        assert "&lt;img src=x" in page, path
        assert "<img src=x" not in page, path
