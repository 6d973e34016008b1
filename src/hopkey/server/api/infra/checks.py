"""Checking what was sent, with the messages of the official server (class-validator's)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hopkey.server.api.guard import BadRequest
from hopkey.server.nul import holds_unfit
from hopkey.server.workspaces.models import Role

TAKE = 10
MAX_TAKE = 10_000
_MOST = 100


class Checks:
    """Reads the fields of one request and collects what is wrong with them; `done` raises it all at once."""

    def __init__(self, sent: Mapping[str, Any], *fields: str) -> None:
        self._sent = sent
        self._wrong = [f"property {_shown(name)} should not exist" for name in sent if name not in fields][:20]

    def done(self) -> None:
        """Raises `BadRequest` with every message so far."""
        if self._wrong:
            raise BadRequest({"message": self._wrong, "error": "Bad Request", "statusCode": 400})

    def text(self, name: str, *, optional: bool = False, least: int = 0) -> str:
        """A text; empty where it is optional and was not sent."""
        value = self._sent.get(name)
        if value is None and optional:
            return ""
        if value is None or value == "":
            self._wrong.append(
                f"{name} must be longer than or equal to {least} characters" if least else f"{name} should not be empty"
            )
        elif not isinstance(value, str) or holds_unfit(value):
            self._wrong.append(f"{name} must be a string")
        else:
            return value
        return ""

    def flag(self, name: str) -> bool:
        value = self._sent.get(name)
        if not isinstance(value, bool):
            self._wrong.append(f"{name} must be a boolean value")
        return value is True

    def role(self, name: str) -> Role:
        value = self._sent.get(name)
        if value in set(Role):
            return Role(str(value))
        self._wrong.append(f"{name} must be one of the following values: {', '.join(Role)}")
        return Role.VIEWER

    def texts(self, name: str) -> list[str]:
        value = self._sent.get(name)
        if not isinstance(value, list):
            self._wrong.append(f"{name} must be an array")
        elif not value:
            self._wrong.append(f"{name} must contain at least 1 elements")
        elif not all(isinstance(item, str) and not holds_unfit(item) for item in value):
            self._wrong.append(f"each value in {name} must be a string")
        else:
            return value
        return []

    def page(self) -> tuple[int, int]:
        """``skip`` and ``take``: from where, and how many."""
        return self._number("skip", 0, 0), self._number("take", TAKE, 1)

    def _number(self, name: str, default: int, least: int) -> int:
        text = str(self._sent.get(name, default))
        if not text.lstrip("-").isdecimal() or not text.isascii() or len(text) > 12:
            self._wrong.append(f"{name} must be an integer number")
            return default
        value = int(text)
        if value < least:
            self._wrong.append(f"{name} must not be less than {least}")
        if value > (MAX_TAKE if name == "take" else 10**9):
            self._wrong.append(f"{name} must not be greater than {MAX_TAKE if name == 'take' else 10**9}")
        return value


def _shown(name: str) -> str:
    """A name that was sent, as an answer can hold it: JSON can name halves of characters."""
    return name[:_MOST].encode("utf-8", "replace").decode()


def moment(value: Any) -> str | None:
    """As JavaScript writes moments: milliseconds and Z."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z" if value else None
