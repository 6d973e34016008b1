"""Between asking a browser for a passkey and its answer: what the session keeps, once and for five minutes."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest

from hopkey.server.accounts.passkeys import Place
from hopkey.server.errors import DomainError

_KEY = "passkey"
_SECONDS = 300


def place_of(request: HttpRequest) -> Place:
    host = request.get_host()
    return Place(host.rsplit(":", 1)[0] if not host.endswith("]") else host, f"{request.scheme}://{host}")


def keep(request: HttpRequest, purpose: str, state: dict[str, Any]) -> None:
    request.session[_KEY] = {"purpose": purpose, "state": state, "at": time.time()}


def take(request: HttpRequest, purpose: str) -> dict[str, Any]:
    """Raises `DomainError` (``passkey_invalid``)."""
    kept = request.session.pop(_KEY, None)
    if isinstance(kept, dict) and kept.get("purpose") == purpose and 0 <= time.time() - kept["at"] < _SECONDS:
        return dict(kept["state"])
    raise DomainError("passkey_invalid", "That took too long. Try again.")
