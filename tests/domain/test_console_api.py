"""The JSON API of administrators and of team owners: each operation, each refusal, and nothing leaked."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hopkey.server.accounts.models import OneTimeLink, User
from hopkey.server.api import types
from hopkey.server.api.v1 import ROUTES
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.gate.plane import ROUTES as GATE_ROUTES
from hopkey.server.mail.models import Message
from hopkey.server.tokens.models import Cutoff, Token
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.services import Generated, token_generate_for
from tests.conftest import PASSWORD, People, person
from tests.domain.test_api import SAME
from tests.support.callers import routes

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

BASE = "/v1/console"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
ANSWERS = {
    (route.name, operation.method): (operation.answer, operation.status)
    for route in ROUTES
    for operation in route.operations
}


def client_of(user: User | None, **headers: str) -> Client:
    client = Client(**{**SAME, **headers})  # type: ignore[arg-type]
    if user is not None:
        client.force_login(user, backend=BACKEND)
    return client


@dataclass
class World:
    people: People
    boss: User
    client: Client
    tokens: dict[str, Generated]

    def ask(self, method: str, path: str, body: Any = None, *, by: Client | None = None) -> Any:
        """The answer; where it is good, held against the type that the document promises."""
        client = by or self.client
        path = path if path.startswith("/v1/") else BASE + path
        given: dict[str, Any] = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        answer = client.generic(method, path, **given)
        assert answer.headers["Cache-Control"] == "no-store"
        if getattr(answer, "streaming", False) and "Content-Disposition" not in answer.headers:
            data = json.loads(b"".join(answer.streaming_content))
            answer.json = lambda: data
        if "Content-Disposition" not in answer.headers:
            data = answer.json()
            if answer.status_code < 400:
                match = answer.resolver_match
                assert match is not None
                promised, status = ANSWERS[match.url_name, method]
                assert answer.status_code == status
                msgspec.convert(data, promised)
            else:
                assert msgspec.convert(data, types.Error).status_code == answer.status_code
                assert set(data) - {"field"} == {"message", "detail", "statusCode"}
        return answer

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str | None]:
        answer = self.ask(method, path, body)
        data = answer.json()
        return answer.status_code, data["message"], data.get("field")


@pytest.fixture
def world(transactional_db: None, people: People) -> World:
    boss = person("Boss", password=PASSWORD, administrator=True)
    tokens = {
        name: token_generate_for(owner=getattr(people, name), label=f"{name} ci", days=30, by=OPERATOR)
        for name in ("ana", "ed", "olga")
    }
    return World(people, boss, client_of(boss), tokens)


def test_tokens_are_listed_filtered_and_paged(world: World) -> None:
    assert [item["label"] for item in world.get("/tokens")["items"]] == ["olga ci", "ed ci", "ana ci"]
    assert [item["label"] for item in world.get("/tokens?owner=ed@example.com")["items"]] == ["ed ci"]
    first = world.get("/tokens?limit=2&sort=created")
    assert [item["label"] for item in first["items"]] == ["ana ci", "ed ci"]
    rest = world.get(f"/tokens?limit=2&sort=created&cursor={first['cursor']}")
    assert ([item["label"] for item in rest["items"]], rest["cursor"]) == (["olga ci"], "")
    detail = world.get(f"/tokens/{world.tokens['ed'].token.pk}")
    assert detail["token"]["owner"]["email"] == "ed@example.com"
    assert [event["event"] for event in detail["events"]] == ["token.generated"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=odd", "state"),
        ("sort=odd", "sort"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("text=" + "x" * 255, "text"),
        ("cursor=nonsense", None),
        ("colour=red", None),
    ],
)
def test_bad_queries_name_the_field(world: World, query: str, field: str | None) -> None:
    status, code, named = world.refused("GET", f"/tokens?{query}")
    assert (status, named) == (400, field)
    assert code in {"input_invalid", "filter_invalid", "cursor_invalid"}


def test_a_pasted_token_is_found_and_stands_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    made = world.tokens["ed"]
    caplog.set_level(logging.DEBUG)
    with CaptureQueriesContext(connection) as seen:
        found = world.ask("POST", "/tokens/search", {"text": made.text})
    assert [item["id"] for item in found.json()["items"]] == [str(made.token.pk)]
    audit = world.ask("POST", "/audit/search", {"subject": made.text})
    assert [item["subject"]["id"] for item in audit.json()["items"]] == [made.token.public_id]
    mistyped = made.text[:-1] + ("0" if made.text[-1] != "0" else "1")
    assert [item["id"] for item in world.ask("POST", "/tokens/search", {"text": mistyped}).json()["items"]] == [
        str(made.token.pk)
    ]
    refused = [
        world.ask("GET", f"/tokens?text={made.text}"),
        world.ask("GET", f"/tokens?text={mistyped}"),
        world.ask("GET", f"/audit?subject={made.text}"),
        world.ask("GET", f"/audit?actor={made.text}"),
        world.ask("GET", f"/tokens?text=Authorization: Bearer {made.text}"),
        world.ask("GET", f"/tokens?owner={made.text[:-3]}"),
        world.ask("POST", "/tokens/search", {made.text: 1}),
        world.ask("POST", "/tokens/search", {"text": [made.text]}),
        world.ask("POST", "/tokens/search", {"state": made.text}),
        world.ask("GET", f"/tokens/{made.text}"),
        world.ask("GET", f"/users/{made.text}"),
    ]
    assert [answer.status_code for answer in refused] == [400] * 9 + [404, 404]
    b"".join(world.ask("GET", f"/tokens/export?text={made.text}").streaming_content)
    secret = made.text[17:]
    texts = [answer.content.decode() for answer in (found, audit, *refused[:9])] + [caplog.text]
    texts += [query["sql"] for query in seen.captured_queries]
    texts += [json.dumps(event.detail) for event in AuditEvent.objects.all()]
    assert [text for text in texts if secret in text or mistyped[17:] in text] == []


def test_one_token_is_deleted_with_a_reason(world: World) -> None:
    id_ = world.tokens["ed"].token.pk
    assert world.refused("DELETE", f"/tokens/{id_}", {"reason": " x "}) == (400, "reason_missing", "reason")
    assert world.refused("DELETE", f"/tokens/{id_}", {}) == (400, "input_invalid", "reason")
    assert world.ask("DELETE", f"/tokens/{id_}", {"reason": "leaked"}).json() == {"id": str(id_), "deleted": True}
    event = AuditEvent.objects.get(event=Event.TOKEN_DELETED)
    assert (event.actor_id, event.detail["reason"]) == (world.boss.pk, "leaked")
    for wrong in (str(id_), "x", "9" * 30, "²"):
        assert world.refused("DELETE", f"/tokens/{wrong}", {"reason": "leaked"})[:2] == (404, "token_not_found")


def test_many_tokens_are_previewed_and_then_deleted(world: World) -> None:
    preview = world.ask("POST", "/tokens/delete", {"filter": {"text": "ci"}, "dryRun": True}).json()
    assert (preview["deleted"], preview["count"], len(preview["owners"])) == (False, 3, 3)
    assert Token.objects.count() == 3
    for body, code in (
        ({"filter": {"text": "ci"}, "reason": "leaked"}, "filter_invalid"),
        ({"filter": {}, "ids": ["1"], "dryRun": True}, "filter_invalid"),
        ({"ids": [], "reason": "leaked"}, "input_invalid"),
        ({"ids": preview["ids"]}, "reason_missing"),
        ({"ids": ["x"], "reason": "leaked"}, "input_invalid"),
        ({"ids": ["1"] * 10_001, "reason": "leaked"}, "input_invalid"),
    ):
        assert world.refused("POST", "/tokens/delete", body)[:2] == (400, code), body
    done = world.ask("POST", "/tokens/delete", {"ids": preview["ids"][:2], "reason": "leaked in a log"}).json()
    assert (done["deleted"], done["count"]) == (True, 2)
    assert Token.objects.count() == 1
    assert AuditEvent.objects.filter(event=Event.TOKEN_DELETED).count() == 2


def test_exports_are_files_and_recorded(world: World) -> None:
    answer = world.ask("GET", "/tokens/export?format=csv&owner=ed@example.com")
    assert 'filename="tokens-' in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["label"] for row in rows] == ["ed ci"]
    answer = world.ask("GET", "/tokens/export?format=json")
    msgspec.json.decode(b"".join(answer.streaming_content), type=list[types.TokenInfo])
    answer = world.ask("GET", "/audit/export?format=json&event=token")
    events = msgspec.json.decode(b"".join(answer.streaming_content), type=list[types.EventInfo])
    assert {event.event for event in events} == {"token.generated", "token.exported"}
    assert AuditEvent.objects.filter(event=Event.TOKENS_EXPORTED, actor_id=world.boss.pk).count() == 2
    assert AuditEvent.objects.filter(event=Event.AUDIT_EXPORTED).count() == 1
    assert world.refused("GET", "/tokens/export?format=xml") == (400, "filter_invalid", "format")


def test_second_factors_are_taken_from_somebody_who_lost_them(world: World) -> None:
    where = f"/users/{world.people.ed.pk}/remove-second-factors"
    Authenticator.objects.create(user=world.people.ed, type="totp", data={})
    client_of(world.people.ed)
    assert world.ask("POST", where).json() == {"id": world.people.ed.pk, "removed": 1}
    assert not Authenticator.objects.exists()
    assert not UserSession.objects.filter(user=world.people.ed).exists()
    assert world.refused("POST", "/users/nobody/remove-second-factors")[:2] == (404, "user_not_found")


def test_users_are_found_and_governed(world: World) -> None:
    assert [item["email"] for item in world.get("/users?text=OLG")["items"]] == ["olga@example.com"]
    first = world.get("/users?limit=2")
    assert [item["name"] for item in first["items"]] == ["Ana", "Boss"]
    assert [item["name"] for item in world.get(f"/users?limit=2&cursor={first['cursor']}")["items"]] == ["Ed", "Olga"]
    assert world.refused("GET", "/users?state=odd") == (400, "filter_invalid", "state")
    ed = f"/users/{world.people.ed.pk}"
    detail = world.get(ed)
    assert [(team["name"], team["role"], team["onlyOwner"]) for team in detail["teams"]] == [
        ("Orders", "EDITOR", False)
    ]
    assert [token["label"] for token in detail["tokens"]] == ["ed ci"]
    assert world.ask("POST", f"{ed}/deactivate").json()["active"] is False
    assert world.ask("POST", f"{ed}/reactivate").json()["active"] is True
    assert world.ask("PUT", f"{ed}/administrator", {"administrator": True}).json()["administrator"] is True
    assert world.ask("PUT", f"{ed}/administrator", {"administrator": False}).json()["administrator"] is False
    client_of(world.people.ed)
    assert world.ask("POST", f"{ed}/sign-out").json() == {"id": world.people.ed.pk, "sessions": 1}
    assert world.refused("PUT", f"{ed}/administrator", {"administrator": "yes"}) == (
        400,
        "input_invalid",
        "administrator",
    )
    assert world.refused("DELETE", f"/users/{world.people.ana.pk}")[:2] == (409, "last_owner")
    mine = f"/users/{world.boss.pk}"
    assert world.refused("PUT", f"{mine}/administrator", {"administrator": False})[:2] == (409, "last_administrator")
    assert world.refused("POST", f"{mine}/deactivate")[:2] == (409, "last_administrator")
    assert world.ask("DELETE", ed).json() == {"id": world.people.ed.pk, "deleted": True, "tokens": 1}
    assert world.refused("GET", ed)[:2] == (404, "user_not_found")
    assert world.refused("GET", "/users/%00")[0] == 404


def test_invitations(world: World) -> None:
    made = world.ask("POST", "/invites", {"email": " New@Example.com", "administrator": True}).json()
    assert made["email"] == "new@example.com"
    assert made["link"].rpartition("/")[2] not in json.dumps(world.get("/invites"))
    assert [item["email"] for item in world.get("/invites")["items"]] == ["new@example.com"]
    assert world.refused("POST", "/invites", {"email": "ed@example.com"}) == (409, "email_taken", "email")
    assert world.refused("POST", "/invites", {"email": "nonsense"}) == (400, "email_invalid", "email")
    assert world.ask("POST", "/invites/revoke", {"emails": ["new@example.com"]}).json() == {"revoked": 1}
    assert not OneTimeLink.objects.exists()


def test_the_policy_is_tried_and_set(world: World) -> None:
    assert world.get("/policy")["maxDays"] is None
    run = world.ask("POST", "/policy/dry-run", {"maxDays": 7}).json()
    assert (run["whole"], run["newly"], run["owners"], run["reasons"]) == (True, 3, 3, {"lifetime": 3})
    assert world.ask("POST", "/policy/dry-run/whole", {"maxDays": 7}).json() == run
    assert policy_get().max_days is None
    assert world.ask("PUT", "/policy", {"maxDays": 7, "networks": ["10.0.0.0/8"]}).json()["maxDays"] == 7
    assert policy_get().max_days == 7
    assert {item["state"] for item in world.get("/tokens")["items"]} == {"over_policy"}
    for body, code, field in (
        ({"maxDays": 0}, "input_invalid", "maxDays"),
        ({"maxDays": 40_000}, "policy_invalid", "maxDays"),
        ({"labelPattern": "("}, "policy_invalid", "labelPattern"),
        ({"networks": ["10.0.0.1/8"]}, "policy_invalid", "networks"),
        ({"max_days": 7}, "input_invalid", None),
    ):
        assert world.refused("PUT", "/policy", body) == (400, code, field)
    assert world.ask("PUT", "/policy", {}).json()["maxDays"] is None


def test_the_audit_trail(world: World) -> None:
    page = world.get("/audit?event=token.generated&limit=2")
    assert [item["subject"]["label"] for item in page["items"]] == ["olga ci", "ed ci"]
    rest = world.get(f"/audit?event=token.generated&limit=2&cursor={page['cursor']}")
    assert ([item["subject"]["label"] for item in rest["items"]], rest["cursor"]) == (["ana ci"], "")
    assert world.refused("GET", "/audit?event=odd") == (400, "filter_invalid", "event")
    assert world.refused("GET", "/audit?since=odd") == (400, "filter_invalid", "since")
    verdict = world.ask("POST", "/audit/verify", {}).json()
    assert verdict["whole"] is True
    assert world.ask("POST", "/audit/verify", {"expect": verdict["head"]}).json()["whole"] is True
    forged = verdict["head"].partition(":")[0] + ":" + "0" * 64
    assert world.ask("POST", "/audit/verify", {"expect": forged}).json()["whole"] is False
    assert world.refused("POST", "/audit/verify", {"expect": "7"}) == (400, "head_invalid", "expect")


def test_figures(world: World) -> None:
    assert world.get("/overview")["days"][-1]["live"] == 3
    token_generate_for(owner=world.people.ed, label="another", days=7, by=OPERATOR)
    assert world.get("/overview")["days"][-1]["live"] == 3
    assert world.ask("POST", "/overview/refresh").json()["days"][-1]["live"] == 4


def test_automation_tokens_are_governed_by_people_only(world: World) -> None:
    sent = {"label": "identity provider", "access": "full", "expiryInDays": 30, "networks": ["127.0.0.0/8"]}
    made = world.ask("POST", "/automation-tokens", sent).json()
    assert (made["info"]["creator"]["email"], made["info"]["stoppedBy"]) == ("boss@example.com", None)
    (listed,) = world.get("/automation-tokens")["items"]
    assert listed == made["info"]
    assert made["token"] not in str(listed)
    program = client_of(None, HTTP_AUTHORIZATION=f"Bearer {made['token']}", REMOTE_ADDR="127.0.0.1")
    path = f"/automation-tokens/{listed['id']}"
    assert world.ask("GET", "/automation-tokens", by=program).json()["items"][0]["publicId"] == listed["publicId"]
    for method, tried, body in (("POST", "/automation-tokens", sent), ("DELETE", path, None)):
        answer = world.ask(method, tried, body, by=program)
        assert (answer.status_code, answer.json()["message"]) == (403, "session_needed")
    for change, code, field in (
        ({"label": "x"}, "label_too_short", "label"),
        ({"access": "all"}, "access_invalid", "access"),
        ({"expiryInDays": 8}, "expiry_invalid", "expiry"),
        ({"networks": ["x"]}, "network_invalid", "networks"),
        ({"owner": "x"}, "input_invalid", None),
    ):
        assert world.refused("POST", "/automation-tokens", {**sent, **change}) == (400, code, field)
    assert world.ask("DELETE", path).json() == {"id": listed["id"], "deleted": True}
    assert world.refused("DELETE", path)[:2] == (404, "token_not_found")
    assert world.refused("DELETE", "/automation-tokens/x")[:2] == (404, "token_not_found")
    assert world.ask("GET", "/automation-tokens", by=program).status_code == 401


def test_owners_of_a_team_see_and_cut_off_what_reaches_it(world: World) -> None:
    team, id_ = world.people.team.pk, world.tokens["ed"].token.pk
    ana, ed, vi, olga = (client_of(getattr(world.people, name)) for name in ("ana", "ed", "vi", "olga"))
    path = f"/v1/workspaces/{team}/tokens"
    page = world.ask("GET", f"{path}?limit=1", by=ana).json()
    assert [item["label"] for item in page["items"]] == ["ed ci"]
    assert [item["label"] for item in world.ask("GET", f"{path}?cursor={page['cursor']}", by=ana).json()["items"]] == [
        "ana ci"
    ]
    cut = f"{path}/{id_}/cut-off"
    for client, status in ((ed, 403), (vi, 403), (olga, 404), (world.client, 404)):
        assert world.ask("GET", path, by=client).status_code == status
        assert world.ask("POST", cut, by=client).status_code == status
    assert not Cutoff.objects.exists()
    assert world.ask("POST", f"{path}/{world.tokens['olga'].token.pk}/cut-off", by=ana).status_code == 404
    assert world.ask("POST", cut, by=ana).json() == {"id": str(id_), "cutOff": True}
    assert world.ask("POST", cut, by=ana).status_code == 404
    assert world.ask("GET", f"{path}?cursor=x", by=ana).json()["message"] == "cursor_invalid"


def test_mails_are_listed_tried_again_and_discarded(world: World) -> None:
    Message.objects.all().delete()
    failed = [
        Message.objects.create(key=f"{number:032}", to="ana@example.com", subject=f"mail {number}", state="failed")
        for number in range(3)
    ]
    page = world.get("/mail?limit=2&state=failed")
    assert (page["setUp"], [item["subject"] for item in page["items"]]) == (False, ["mail 2", "mail 1"])
    rest = world.get(f"/mail?limit=2&state=failed&cursor={page['cursor']}")
    assert ([item["subject"] for item in rest["items"]], rest["cursor"]) == (["mail 0"], "")
    assert world.refused("GET", "/mail?state=lost") == (400, "filter_invalid", "state")
    assert world.refused("GET", "/mail?cursor=x") == (400, "cursor_invalid", None)
    assert world.ask("POST", f"/mail/{failed[0].pk}/retry").json()["state"] == "queued"
    assert world.refused("POST", f"/mail/{failed[0].pk}/retry") == (409, "mail_not_failed", None)
    assert world.ask("POST", f"/mail/{failed[1].pk}/discard").json()["state"] == "discarded"
    assert world.refused("POST", f"/mail/{failed[1].pk}/discard") == (409, "mail_ended", None)
    assert world.ask("POST", "/mail/retry").json() == {"retried": 1}
    assert world.ask("POST", "/mail/test").json()["to"] == "boss@example.com"
    assert world.refused("POST", "/mail/999999/retry") == (404, "mail_not_found", None)


def test_webhooks_are_added_tested_and_deleted(world: World) -> None:
    given = {"url": "https://hooks.example.com/x", "events": ["token.expired"]}
    made = world.ask("POST", "/webhooks", given).json()
    assert made["secret"].startswith("whsec_")
    (listed,) = world.get("/webhooks")["items"]
    assert listed == world.get(f"/webhooks/{made['id']}") == {k: v for k, v in made.items() if k != "secret"}
    assert world.refused("POST", "/webhooks", {**given, "url": "http://x"}) == (400, "webhook_url_invalid", "url")
    assert world.refused("POST", "/webhooks", {**given, "events": []}) == (400, "webhook_events_invalid", "events")
    path = f"/webhooks/{made['id']}"
    sent = world.ask("POST", f"{path}/test").json()
    assert (sent["event"], sent["state"]) == ("webhook.test", "queued")
    assert [item["id"] for item in world.get(f"{path}/deliveries")["items"]] == [sent["id"]]
    assert world.refused("POST", f"{path}/deliveries/{sent['id']}/retry") == (409, "delivery_not_failed", None)
    assert world.refused("POST", f"{path}/deliveries/999999/retry") == (404, "delivery_not_found", None)
    assert world.ask("PUT", f"{path}/enabled", {"enabled": False}).json()["enabled"] is False
    assert world.refused("POST", f"{path}/test") == (409, "webhook_disabled", None)
    assert world.get(f"{path}/deliveries")["items"][0]["state"] == "failed"
    assert world.ask("DELETE", path).json() == {"id": made["id"], "deleted": True}
    assert world.refused("GET", path) == (404, "webhook_not_found", None)


def everything() -> list[tuple[str, str]]:
    """(method, path) of every operation, with ids that exist nowhere."""
    found = []
    for route in ROUTES:
        for operation in route.operations:
            path = "/v1/" + re.sub(r"<\w+:\w+>", "1", route.address)
            found.append((operation.method, path))
    return found


def test_others_cannot_tell_what_there_is(world: World) -> None:
    """For somebody without rights every console route answers, byte for byte, as one that is not there."""
    stranger, visitor = client_of(world.people.ed), client_of(None)
    for method, path in everything():
        if "/console/" not in path:
            continue
        for tried in (method, "PATCH"):
            nothing = stranger.generic(tried, f"{BASE}/no/such/thing", "{}", content_type="application/json")
            answer = stranger.generic(tried, path, "{}", content_type="application/json")
            assert (answer.status_code, answer.content) == (404, nothing.content), (tried, path)
            assert "Allow" not in answer.headers
        answer = visitor.generic(method, path, "{}", content_type="application/json")
        assert (answer.status_code, answer.json()["message"]) == (403, "auth/cookies_not_found")
        bearer = visitor.generic(
            method, path, "{}", content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {world.tokens['ana'].text}"
        )
        assert (bearer.status_code, bearer.json()["message"]) == (401, "Unauthorized")
        assert visitor.generic("PATCH", path).status_code == 403


def test_other_sites_and_other_shapes_are_refused(world: World) -> None:
    before = AuditEvent.objects.count()
    for headers in (
        {"HTTP_ORIGIN": "https://evil.example"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_SEC_FETCH_SITE": "same-site"},
    ):
        client = client_of(world.boss, **headers)
        for method, path in everything():
            answer = client.generic(method, path, "{}", content_type="application/json")
            assert (answer.status_code, answer.json()["message"]) == (403, "cross_site")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = world.client.generic("PUT", f"{BASE}/policy", "{}", content_type=kind)
        assert (answer.status_code, answer.json()["message"]) == (415, "json_only")
    for body in ("{", "[" * 100_000, '{"maxDays": ' + "9" * 5000 + "}", '"\\ud800"', "\xff", "[]", "null"):
        answer = world.client.generic("PUT", f"{BASE}/policy", body, content_type="application/json")
        assert answer.status_code == 400, body[:20]
    large = world.client.generic("PUT", f"{BASE}/policy", " " * (1024 * 1024 + 1), content_type="application/json")
    assert (large.status_code, large.json()["message"]) == (413, "body_too_large")
    assert world.ask("PATCH", "/policy").headers["Allow"] == "GET, PUT"
    assert AuditEvent.objects.count() == before


def test_a_few_queries_each(world: World) -> None:
    reads = [
        "/overview", "/tokens", "/tokens?state=over_policy", "/tokens?text=ci", "/users", f"/users/{world.boss.pk}",
        f"/tokens/{world.tokens['ed'].token.pk}", "/policy", "/audit", "/invites",
    ]  # fmt: skip
    world.get("/overview")
    world.ask("PUT", "/policy", {"tokensPerUser": 1})
    for path in reads:
        with CaptureQueriesContext(connection) as seen:
            world.get(path)
        assert len(seen) <= 10, (path, [query["sql"][:100] for query in seen.captured_queries])


def test_the_document_describes_every_route_and_names_no_schema_that_is_not_there() -> None:
    document = Client(HTTP_HOST="localhost").get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    text = json.dumps(document)
    named = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named == set(document["components"]["schemas"])
    operations = [item for path in document["paths"].values() for item in path.values()]
    ids = [item["operationId"] for item in operations]
    assert len(ids) == len(set(ids))
    assert all(item["summary"] and item["responses"] for item in operations)


def test_the_document_has_every_route_but_those_of_the_infra_protocol() -> None:
    document = Client(HTTP_HOST="localhost").get("/v1/openapi.json").json()
    described = {re.sub(r"\{\w+\}", ":", path) for path in document["paths"]}
    there = {re.sub(r":\w+", ":", route) for route in (*routes(), *GATE_ROUTES) if route.startswith("/v1/")}
    assert {route for route in there - described if not route.startswith("/v1/infra/")} == {"/v1/:"}
    assert described - there == set()


def test_the_documentation_names_every_method_and_address_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    named = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/v1/(?:console|workspaces)[^`?]*)", text))
    declared = {
        (operation.method, "/v1/" + re.sub(r"<\w+:\w+>", ":id", route.address))
        for route in ROUTES
        for operation in route.operations
    }
    assert named == declared
