"""What the tests of the administrators' pages share."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.tokens import services
from hopkey.server.tokens.services import Generated


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


def ids_of(answer: HttpResponse) -> str:
    found = re.search(r'name="id" value="([\d,]+)"', answer.content.decode())
    assert found
    return found.group(1)
