"""A program that speaks SCIM with a token and nothing else."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

BASE = "/scim/v2"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class Provider:
    """An identity provider."""

    def __init__(self, token: str | None) -> None:
        self.headers = {} if token is None else {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        self.client = Client(enforce_csrf_checks=True)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        given: dict[str, Any] = {**self.headers, **headers}
        if body is not None:
            given |= {"data": json.dumps(body), "content_type": "application/scim+json"}
        return getattr(self.client, method.lower())(BASE + path, **given)

    def user(self, email: str, **fields: Any) -> dict[str, Any]:
        made = self("POST", "/Users", {"schemas": [USER], "userName": email, **fields})
        assert made.status_code == 201, made.content
        return dict(made.json())

    def group(self, name: str, *members: str, **fields: Any) -> dict[str, Any]:
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": item} for item in members], **fields}
        made = self("POST", "/Groups", body)
        assert made.status_code == 201, made.content
        return dict(made.json())

    def patch(self, path: str, *operations: dict[str, Any]) -> Any:
        return self("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def found(self, kind: str, query: str) -> list[str]:
        """The names of those a query finds."""
        answer = self("GET", f"/{kind}?{query}")
        assert answer.status_code == 200, answer.content
        return [item.get("userName") or item.get("displayName") for item in answer.json()["Resources"]]
