"""Words and numbers that pages and commands share."""

from __future__ import annotations

import argparse

import pytest

from hopkey.formats.collections import parse
from hopkey.formats.errors import FormatError
from hopkey.server.commands.options import add_settings
from hopkey.server.ui.templatetags.ui import grouped


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1395, "1,395"), (None, "\N{EN DASH}")])
def test_numbers_are_grouped(value: int | None, text: str) -> None:
    assert grouped(value) == text


def test_a_setting_of_yes_or_no_has_such_a_default_in_the_help() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, ("password_sign_in",))
    assert "HOPKEY_PASSWORD_SIGN_IN; yes]" in " ".join(parser.format_help().split())


def test_what_is_no_json_is_said_once() -> None:
    with pytest.raises(FormatError) as caught:
        parse(b"# Not JSON")
    assert "not valid JSON: invalid character" in str(caught.value)
    assert "malformed" not in str(caught.value)
