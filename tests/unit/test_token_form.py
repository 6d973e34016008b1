"""The form of a token. A change here revokes every token there is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopkey.server.tokens import format as form

PINNED = "hkp_0123456789AB_abcdefghijklmnopqrstuvwxyzABCDEF1gMyAQ"
"""CRC-32 of everything before the last six characters, in base62. Never to be changed: see the module's first line."""


def test_the_form_is_pinned() -> None:
    body = "hkp_0123456789AB_abcdefghijklmnopqrstuvwxyzABCDEF"
    assert body + form.checksum(body) == PINNED
    assert form.is_well_formed(PINNED)
    assert form.public_id_of(PINNED) == "0123456789AB"
    assert form.token_digest(PINNED) == hashlib.sha256(PINNED.encode()).digest()
    assert (form.PREFIX, form.LENGTH, form.ALPHABET[0], form.ALPHABET[10], form.ALPHABET[36]) == (
        "hkp_",
        55,
        "0",
        "A",
        "a",
    )


def test_the_checksum_is_the_crc_most_significant_digit_first_and_padded() -> None:
    import zlib

    number = zlib.crc32(b"hkp_x")
    digits = []
    for _ in range(6):
        digits.append(form.ALPHABET[number % 62])
        number //= 62
    assert form.checksum("hkp_x") == "".join(reversed(digits))
    assert number == 0


def test_generated_tokens_are_well_formed_and_all_different() -> None:
    made = [form.token_generate() for _ in range(500)]
    assert all(form.is_well_formed(item.text) for item in made)
    assert len({item.text for item in made}) == len({item.public_id for item in made}) == 500
    assert all(item.digest == form.token_digest(item.text) for item in made)


def test_a_new_token_does_not_show_itself() -> None:
    made = form.token_generate()
    assert made.text not in repr(made)
    assert str(made.digest) not in repr(made)


@given(st.integers(min_value=0, max_value=54), st.sampled_from(form.ALPHABET + "_- é\n"))
def test_every_change_of_one_character_is_refused_without_a_look_up(position: int, character: str) -> None:
    changed = PINNED[:position] + character + PINNED[position + 1 :]
    assert form.is_well_formed(changed) == (changed == PINNED)


@given(st.text(max_size=80))
def test_no_other_text_is_well_formed(text: str) -> None:
    assert not form.is_well_formed(text)


@pytest.mark.parametrize("text", ["", "hkp_", PINNED + "\n", PINNED[:-1], PINNED + "0", PINNED.lower(), " " + PINNED])
def test_malformed_tokens(text: str) -> None:
    assert not form.is_well_formed(text)


def test_imported_tokens_keep_their_form() -> None:
    assert form.is_well_formed("pat-12345678-9abc-def0-1234-56789abcdef0")
    assert not form.is_well_formed("pat-12345678-9ABC-def0-1234-56789abcdef0")
    assert not form.is_well_formed("pat-123456789abcdef0123456789abcdef0")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  abc ", "abc"),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
    ],
)
def test_the_token_of_an_authorization_header(header: str, token: str | None) -> None:
    assert form.bearer_token(header) == token
