"""`create`, `list` and `revoke` for the signed-in person: the official server's wire, and nothing from other sites."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from hopkey.server.tokens.models import Token
from tests.conftest import PASSWORD, person

pytestmark = pytest.mark.django_db

BASE = "/v1/access-tokens"
SAME = {"HTTP_ORIGIN": "http://localhost", "HTTP_HOST": "localhost", "HTTP_SEC_FETCH_SITE": "same-origin"}


@pytest.fixture
def ana(db: None) -> Client:
    user = person("Ana", password=PASSWORD)
    client = Client(**SAME)  # type: ignore[arg-type]
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def create(client: Client, body: Any = None, **headers: str) -> Any:
    given = {"label": "ci run", "expiryInDays": 30} if body is None else body
    return client.post(f"{BASE}/create", given, content_type="application/json", **headers)  # type: ignore[arg-type]


def test_create_list_and_revoke(ana: Client) -> None:
    made = create(ana)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    data = made.json()
    assert set(data) == {"token", "info"}
    assert set(data["info"]) == {"id", "label", "createdOn", "expiresOn", "lastUsedOn"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["info"]["createdOn"])
    assert data["info"]["lastUsedOn"] is None
    never = create(ana, {"label": "never", "expiryInDays": None}).json()["info"]
    assert never["expiresOn"] is None
    listed = ana.get(f"{BASE}/list?offset=0&limit=12").json()
    assert listed == [never, data["info"]]
    assert ana.get(f"/v1{BASE}/list?offset=1&limit=1").json() == [data["info"]]
    gone = ana.delete(f"{BASE}/revoke?id={never['id']}")
    assert (gone.status_code, gone.json()) == (200, True)
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"label": "ab", "expiryInDays": 7}, {"statusCode": 400, "message": "access_token/label_too_short"}),
        ({"label": "abc", "expiryInDays": 8}, {"statusCode": 400, "message": "access_token/expiry_days_invalid"}),
        ({"label": "abc"}, {"statusCode": 400, "message": "access_token/expiry_days_invalid"}),
        ({"label": "abc", "expiryInDays": True}, {"statusCode": 400, "message": "access_token/expiry_days_invalid"}),
        (
            {"label": "abc", "expiryInDays": 7, "x": 1},
            {"message": ["property x should not exist"], "error": "Bad Request", "statusCode": 400},
        ),
    ],
)
def test_bad_bodies_get_the_official_answers(ana: Client, body: Any, answer: Any) -> None:
    made = create(ana, body)
    assert (made.status_code, made.json()) == (400, answer)


def test_bad_ids_and_pages(ana: Client, somebody_elses: None) -> None:
    for path in ("list", "list?offset=0", "list?limit=1", "list?offset=x&limit=1", "list?offset=-1&limit=1"):
        assert ana.get(f"{BASE}/{path}").status_code == 400
    none = ana.delete(f"{BASE}/revoke")
    assert (none.status_code, none.json()) == (400, {"reason": "INVALID_ID"})
    for identity in ("1", "x", "9" * 30, "²"):
        answer = ana.delete(f"{BASE}/revoke?id={identity}")
        assert answer.status_code == 404
        assert answer.json()["message"] == "access_token/access_token_not_found"


@pytest.fixture
def somebody_elses(ana: Client) -> None:
    """A token of somebody else, with id 1."""
    other = person("Ed")
    Token.objects.create(id=1, public_id="x" * 12, digest=b"x" * 32, label="theirs", owner=other)


def test_without_a_session(db: None) -> None:
    nobody = Client(**SAME)  # type: ignore[arg-type]
    missing = nobody.get(f"{BASE}/list?offset=0&limit=1")
    assert (missing.status_code, missing.json()["message"]) == (403, "auth/cookies_not_found")
    bearer = nobody.get(f"{BASE}/list?offset=0&limit=1", HTTP_AUTHORIZATION="Bearer hkp_x")
    assert (bearer.status_code, bearer.json()["message"]) == (401, "Unauthorized")
    assert all(set(answer.json()) == {"message", "detail", "statusCode"} for answer in (missing, bearer))
    nobody.cookies["hopkey_session"] = "stale"
    assert nobody.get(f"{BASE}/list?offset=0&limit=1").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_ORIGIN": "http://localhost.evil.example"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},
    ],
)
def test_other_sites_are_refused(ana: Client, headers: dict[str, str]) -> None:
    assert create(ana, **headers).status_code == 403
    assert ana.delete(f"{BASE}/revoke?id=1", **headers).status_code == 403  # type: ignore[arg-type]
    assert not Token.objects.exists()


def test_only_json_creates(ana: Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = ana.post(f"{BASE}/create", b'{"label": "abc", "expiryInDays": 7}', content_type=kind)
        assert answer.status_code == 415
    for body in (b"{", b"[]", b"[" * 100_000):
        assert ana.post(f"{BASE}/create", body, content_type="application/json").status_code == 400


def test_other_methods(ana: Client) -> None:
    assert ana.get(f"{BASE}/create").status_code == 405
    assert ana.post(f"{BASE}/revoke?id=1").status_code == 405
