"""Pages through Django's test client: how many queries each takes, and who is let in."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.tokens.services import token_cut_off, token_generate_for
from hopkey.server.workspaces import content
from hopkey.server.workspaces.models import Collection
from tests.conftest import People
from tests.support import samples

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def client_of(user: User) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user, backend=BACKEND)
    return client


@pytest.fixture
def filled(people: People) -> People:
    for number in range(15):
        token_generate_for(owner=people.ana, label=f"token {number}", days=30, team_ids=[people.team.pk], by=OPERATOR)
        folders = [samples.collection(f"F{i}", samples.request()) for i in range(3)]
        data = samples.collection(f"C{number}", samples.request(), folders=folders)
        content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)
        content.environment_import(
            workspace=people.team, data=json.dumps(samples.environment(f"E{number}", a="b")).encode(), by=OPERATOR
        )
    return people


# Session, account, and the workspaces of the switcher: three queries stand in every number of a page.
QUERIES = {
    "/profile": 3,
    "/profile/security": 6,  # + second factors, link with single sign-on, sessions
    "/profile/notices": 4,  # + what was switched off
    "/profile/tokens": 10,  # + count, page, grants, cut-offs with their teams (2), teams, policy
    "/profile/tokens/new": 5,
    "/teams/new": 3,
    "/workspaces/{team}": 8,  # + workspace, membership, collections, folders counted, requests counted
    "/workspaces/{team}/collections/{collection}": 8,  # + workspace, membership, collection, folders, requests
    "/workspaces/{team}/environments": 6,
    "/workspaces/{team}/members": 7,
    "/workspaces/{team}/tokens": 8,  # + workspace, membership, count, page, policy
    "/workspaces/{team}/tokens?show=cut-off": 7,
    "/workspaces/{team}/settings": 5,
    "/workspaces/{team}/delete": 9,
    "/workspaces/{team}/import?kind=environment": 5,
    "/palette?workspace={team}": 8,
}


def queries_of(client: Client, url: str) -> int:
    client.get(url)  # the first visit of a workspace is remembered in the session
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(url)
    assert answer.status_code == 200
    return len(seen)


@pytest.mark.parametrize("path", QUERIES)
def test_a_page_takes_the_same_few_queries_however_much_there_is(filled: People, path: str) -> None:
    token_cut_off(token_id=filled.ana.tokens.latest("pk").pk, team_id=filled.team.pk, by=OPERATOR)
    largest = Collection.objects.filter(workspace=filled.team, parent=None).first()
    assert largest is not None
    url = path.format(team=filled.team.pk, collection=largest.pk)
    assert queries_of(client_of(filled.ana), url) == QUERIES[path]


PAGES = [
    "/workspaces/{team}",
    "/workspaces/{team}/environments",
    "/workspaces/{team}/members",
    "/workspaces/{team}/collections/{collection}/export",
    "/workspaces/{team}/collections/{collection}/delete",
    "/workspaces/{team}/members/{user}/remove",
    "/workspaces/{team}/collections/{collection}",
    "/workspaces/{team}/tokens",
    "/workspaces/{team}/settings",
    "/workspaces/{team}/delete",
]
POSTS = [
    "/workspaces/{team}/settings",
    "/workspaces/{team}/delete",
    "/workspaces/{team}/import",
    "/workspaces/{team}/collections/{collection}/delete",
    "/workspaces/{team}/invitations",
    "/workspaces/{team}/members/{user}/role",
    "/workspaces/{team}/members/{user}/remove",
]
OUTSIDE = {404}
ALLOWED = {200, 201, 302}


def status(user: User, method: str, path: str, people: People) -> int:
    collection = Collection.objects.filter(workspace=people.team, parent=None).first()
    assert collection is not None
    url = path.format(team=people.team.pk, collection=collection.pk, user=people.vi.pk)
    client = client_of(user)
    answer = client.get(url) if method == "GET" else client.post(url, {"role": "VIEWER", "email": ""})
    return answer.status_code


@pytest.mark.parametrize("path", PAGES + POSTS)
def test_outsiders_find_nothing_and_visitors_are_sent_to_sign_in(filled: People, path: str) -> None:
    for method in ("GET", "POST"):
        if status(filled.ana, "GET", path, filled) == 405 and method == "GET":
            continue
        if method == "POST" and path not in POSTS:
            continue
        assert status(filled.olga, method, path, filled) in OUTSIDE
    visitor = Client(HTTP_HOST="localhost")
    answer = visitor.get(path.format(team=filled.team.pk, collection="x", user="y"))
    assert answer.status_code in (302, 405)
    if answer.status_code == 302:
        assert answer.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize(
    ("path", "viewer", "editor"),
    [
        ("/workspaces/{team}/import", 403, 400),
        ("/workspaces/{team}/collections/{collection}/delete", 403, 302),
        ("/workspaces/{team}/invitations", 403, 403),
        ("/workspaces/{team}/settings", 403, 403),
        ("/workspaces/{team}/delete", 403, 403),
        ("/workspaces/{team}/members/{user}/role", 403, 403),
    ],
)
def test_roles_are_enforced_on_the_server_not_by_hiding_buttons(
    filled: People, path: str, viewer: int, editor: int
) -> None:
    assert status(filled.vi, "POST", path, filled) == viewer
    assert status(filled.ed, "POST", path, filled) == editor


def test_nobody_sees_or_deletes_the_tokens_of_others(filled: People) -> None:
    token = filled.ana.tokens.first()
    assert token is not None
    other = client_of(filled.ed)
    assert token.label not in other.get("/profile/tokens").content.decode()
    for answer in (other.get(f"/profile/tokens/{token.pk}/delete"), other.post(f"/profile/tokens/{token.pk}/delete")):
        assert answer.status_code == 404
    assert filled.ana.tokens.filter(pk=token.pk).exists()


def test_the_list_of_tokens_is_paged(filled: People) -> None:
    client = client_of(filled.ana)
    first, second = (client.get(f"/profile/tokens?page={page}").content.decode() for page in (1, 2))
    assert first.count('data-label="Token"') == 12
    assert second.count('data-label="Token"') == 3
    assert "Page 2 of 2" in second
    assert client.get("/profile/tokens?page=nonsense").status_code == 200


def test_signing_in_leads_only_to_our_own_pages(people: People) -> None:
    client = client_of(people.ana)
    for target in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        assert client.get("/sign-in", {"next": target}).headers["Location"] == "/"
    assert client.get("/sign-in", {"next": "/profile"}).headers["Location"] == "/profile"


def test_unknown_hosts_and_forms_without_a_token_are_refused(people: People) -> None:
    assert Client(HTTP_HOST="evil.example").get("/sign-in").status_code == 400
    strict = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    strict.force_login(people.ana, backend=BACKEND)
    assert strict.post("/profile", {"name": "Eve"}).status_code == 403
    people.ana.refresh_from_db()
    assert people.ana.name == "Ana"


def test_what_people_typed_is_shown_as_text(people: People) -> None:
    script = "<script>alert(1)</script>"
    data = samples.collection(script, samples.request(script, method="<b>"))
    content.collection_import(workspace=people.team, data=json.dumps(data).encode(), by=OPERATOR)
    page = client_of(people.ana).get(f"/workspaces/{people.team.pk}").content.decode()
    assert script not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_sign_in_page_says_how_an_empty_server_is_set_up(db: None) -> None:
    page = Client(HTTP_HOST="localhost").get("/sign-in").content.decode()
    assert "Nobody has an account here yet" in page
    assert "hopkey serve" in page


def test_the_sign_in_page_of_a_server_with_accounts_says_nothing_of_setting_up(people: People) -> None:
    page = Client(HTTP_HOST="localhost").get("/sign-in").content.decode()
    assert "Nobody has an account" not in page
    assert "Accounts come by invitation" in page
