"""Everybody who may come to an address, in one small world: for the table in `tests.domain.access_table`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.automation.services import automation_token_generate
from hopkey.server.mail.models import Message
from hopkey.server.tokens.services import token_generate_for
from hopkey.server.webhooks.models import Delivery
from hopkey.server.webhooks.services import webhook_add
from hopkey.server.workspaces import content
from hopkey.server.workspaces.invitations import invitation_create
from hopkey.server.workspaces.models import Role
from tests.conftest import People, person
from tests.support import samples

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
BROWSER = {"HTTP_HOST": "localhost", "HTTP_ORIGIN": "http://localhost", "HTTP_SEC_FETCH_SITE": "same-origin"}
CALLERS = ("visitor", "stranger", "viewer", "editor", "owner", "administrator", "token", "automation")
"""``token``: with the personal access token of the team's owner and no session; ``automation``: with an
administrator's automation token of full access. The administrator is in no team.
"""


@dataclass
class Callers:
    """``names``: what the parameters of an address are replaced by: things of the team, and of its owner."""

    clients: dict[str, Client]
    tokens: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)
    programs: dict[str, str] = field(default_factory=dict)

    def names_for(self, route: str) -> dict[str, str]:
        """What stands for the parameters of this route: below ``/console/automation`` tokens are those of programs."""
        return self.names | (self.programs if "/console/automation" in route else {})

    def outcome(self, caller: str, method: str, address: str, body: Any = None) -> str:
        """The status of one request, or ``sign-in`` where it is sent there. What it did is undone."""
        given: dict[str, Any] = {}
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            as_json = address.startswith(("/v1/", "/scim/"))
            given = {"data": json.dumps(body or {}), "content_type": "application/json"} if as_json else {}
            if not as_json:
                given = {"data": "&".join(f"{key}={value}" for key, value in (body or {}).items())}
                given["content_type"] = "application/x-www-form-urlencoded"
        if caller in self.tokens:
            given["HTTP_AUTHORIZATION"] = f"Bearer {self.tokens[caller]}"
        client = self.clients[caller]
        cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        before = transaction.savepoint()
        try:
            answer = client.generic(method, address, **given)
            if getattr(answer, "streaming", False):
                b"".join(answer.streaming_content)
        finally:
            transaction.savepoint_rollback(before)
            client.cookies.clear()
            client.cookies.load(cookies)  # type: ignore[arg-type]
        if answer.status_code in (301, 302, 303) and answer.headers["Location"].startswith("/sign-in"):
            return "sign-in"
        return str(answer.status_code)


def callers_make(people: People) -> Callers:
    boss = person("Boss", administrator=True)
    users = {
        "stranger": people.olga,
        "viewer": people.vi,
        "editor": people.ed,
        "owner": people.ana,
        "administrator": boss,
    }
    clients = {name: Client(raise_request_exception=True, **BROWSER) for name in CALLERS}  # type: ignore[arg-type]
    for name, user in users.items():
        clients[name].force_login(user, backend=BACKEND)
    mine = token_generate_for(owner=people.ana, label="mine", days=30, by=OPERATOR)
    program = automation_token_generate(creator=boss, label="program", days=30, access="full", by=OPERATOR)
    team = people.team
    collection = content.collection_import(
        workspace=team, data=json.dumps(samples.collection("C", samples.request())).encode(), by=OPERATOR
    )[0]
    environment = content.environment_import(
        workspace=team, data=json.dumps(samples.environment("E", a="b")).encode(), by=OPERATOR
    )
    invited = invitation_create(team=team, role=Role.VIEWER, email="x@example.com", inviter=people.ana, by=OPERATOR)
    webhook = webhook_add(url="https://hooks.example.com/x", events=["token.expired"], by=OPERATOR).endpoint
    message = Message.objects.create(key="m", to="vi@example.com", state="failed")
    delivery = Delivery.objects.create(key="msg_d", endpoint=webhook, event="token.expired", state="failed")
    names = {
        "workspace_id": team.pk,
        "collection_id": collection.pk,
        "environment_id": environment.pk,
        "invitation_id": invited.invitation.pk,
        "user_id": people.vi.pk,
        "uid": people.vi.pk,
        "token_id": str(mine.token.pk),
        "secret": "x" * 43,
        "act": "deactivate",
        "rest": "no/such/thing",
        "purpose": "sign-in",
        "session_id": "999999",
        "passkey_id": "999999",
        "message_id": str(message.pk),
        "webhook_id": webhook.pk,
        "delivery_id": str(delivery.pk),
        "group_id": "nothing",
        "name": "User",
        "urn": "urn:ietf:params:scim:schemas:core:2.0:User",
    }
    tokens = {"token": mine.text, "automation": program.text}
    return Callers(clients, tokens, names, {"token_id": str(program.token.pk)})


def routes() -> Iterator[str]:
    """Every address that Django answers, as ``/workspaces/:workspace_id``. A second ``/v1`` in front is the same."""

    def walk(patterns: list[Any], before: str) -> Iterator[str]:
        for item in patterns:
            address = before + re.sub(r"<(?:\w+:)?(\w+)>", r":\1", str(item.pattern))
            if isinstance(item, URLPattern):
                yield "/" + address
            else:
                yield from walk(item.url_patterns, address)

    yield from dict.fromkeys(
        route for route in walk(get_resolver().url_patterns, "") if not route.startswith("/v1/v1/")
    )
