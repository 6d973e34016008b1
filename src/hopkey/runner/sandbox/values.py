"""What goes into a script's engine and what comes out, as JSON values. Pure."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from hopkey.runner.sandbox.types import Expectation, FetchResponse, ScriptResponse, TestBlock

if TYPE_CHECKING:
    from concurrent.futures import Future

_MAX_DEPTH = 1000


def response_value(answer: ScriptResponse) -> dict[str, Any]:
    """The answer as the prelude takes it: text, and the bytes beside it where they are no UTF-8."""
    try:
        text, encoded = answer.body.decode("utf-8"), None
    except UnicodeDecodeError:
        text, encoded = answer.body.decode("utf-8", "replace"), base64.b64encode(answer.body).decode("ascii")
    return {
        "status": answer.status,
        "statusText": answer.status_text,
        "headers": [{"key": key, "value": value} for key, value in answer.headers],
        "duration": max(1, round(answer.duration)) if answer.duration else 0,
        "text": text,
        "base64": encoded,
        "deep": _is_deep(answer.body),
    }


def _is_deep(body: bytes) -> bool:
    """Whether the body nests deeper than the engine's parser of JSON can go; strings are taken for structure too."""
    if body.count(b"[") + body.count(b"{") <= _MAX_DEPTH:
        return False
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", body):
        depth += 1 if bracket in b"[{" else -1
        if depth > _MAX_DEPTH:
            return True
    return False


def fetched(future: Future[FetchResponse]) -> tuple[bool, Any]:
    """How a request of a script ended: whether it was answered, and the answer, or why not in words."""
    try:
        answer = future.result()
    except (OSError, ValueError) as error:
        return False, str(error) or "no answer"
    return True, {
        "status": answer.status,
        "statusText": answer.status_text,
        "headers": [list(pair) for pair in answer.headers],
        "body": base64.b64encode(answer.body).decode("ascii"),
        "url": answer.url,
        "redirected": False,
    }


def entries(items: Any) -> tuple[dict[str, Any], ...]:
    """Variables as a script left them. Raises `KeyError` or `TypeError` for what is none."""
    return tuple(
        {
            "key": str(item["key"]),
            "initialValue": str(item["initialValue"]),
            "currentValue": str(item["currentValue"]),
            "secret": bool(item.get("secret")),
        }
        for item in items
    )


def block_of(item: dict[str, Any]) -> TestBlock:
    """A test as a script left it. Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
    expectations = tuple(Expectation(ok is True, str(message), ok == "error") for ok, message in item["expectations"])
    return TestBlock(name=str(item["name"]), expectations=expectations)
