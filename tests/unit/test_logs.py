"""What the log keeps to itself."""

from __future__ import annotations

import logging

import pytest

from hopkey.server.logs import Lines

TOKEN = "hkp_0123456789ab_0123456789abcdefghijklmnopqrstuv012345"


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        (f"GET /{TOKEN} failed", "GET /hkp_0123456789ab… failed"),
        ("pat-0123abcd-0000-0000-0000-000000000000", "pat-0123…"),
        ("Not Found: /welcome/abc_def-ghi", "Not Found: /welcome/…"),
        ("Internal Server Error: /join/abc/def", "Internal Server Error: /join/…/def"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_tokens_and_one_time_links_are_shortened(said: str, logged: str) -> None:
    assert Lines("%(message)s").format(logging.makeLogRecord({"msg": said})) == logged


def test_a_stack_is_shortened_too() -> None:
    try:
        raise ValueError(TOKEN)
    except ValueError:
        import sys

        record = logging.makeLogRecord({"msg": "it failed", "exc_info": sys.exc_info()})
    text = Lines("%(message)s").format(record)
    assert "ValueError: hkp_0123456789ab…" in text
    assert TOKEN not in text
