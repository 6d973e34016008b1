"""Automation tokens: their form, and the pure judgement of each."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from hopkey.server.automation.judging import ALLOWS, Access, AutomationRecord, Need, Refusal, judge
from hopkey.server.tokens import format as form

PINNED = "hki_0123456789AB_abcdefghijklmnopqrstuvwxyzABCDEF4Mufmu"
"""Never to be changed: see the first line of `hopkey.server.tokens.format`."""

RECORD = AutomationRecord(
    public_id="0123456789AB",
    digest=form.token_digest(PINNED),
    access=Access.FULL,
    creator_active=True,
    creator_administrator=True,
    expires_at=1000.0,
    networks=(),
)


def test_the_form_is_that_of_personal_tokens_with_a_prefix_of_its_own() -> None:
    body = PINNED[: -form.CHECK_LENGTH]
    assert body + form.checksum(body) == PINNED
    assert form.is_of_kind(PINNED, form.AUTOMATION_PREFIX)
    assert form.public_id_of(PINNED) == "0123456789AB"
    made = form.token_generate(form.AUTOMATION_PREFIX)
    assert form.is_of_kind(made.text, form.AUTOMATION_PREFIX)
    assert made.text not in repr(made)


def test_neither_kind_has_the_form_of_the_other() -> None:
    personal = form.token_generate().text
    assert not form.is_well_formed(PINNED)
    assert not form.is_of_kind(personal, form.AUTOMATION_PREFIX)
    relabelled = form.AUTOMATION_PREFIX + personal[4:]
    assert not form.is_of_kind(relabelled, form.AUTOMATION_PREFIX), "the checksum covers the prefix"


@pytest.mark.parametrize(
    "text", ["", "hki_", PINNED + "\n", PINNED[:-1], PINNED + "0", " " + PINNED, PINNED[:-1] + "é"]
)
def test_malformed_tokens(text: str) -> None:
    assert not form.is_of_kind(text, form.AUTOMATION_PREFIX)


@pytest.mark.parametrize(
    ("changed", "now", "address", "expected"),
    [
        ({}, 999.999, "192.0.2.1", None),
        ({}, 1000.0, "192.0.2.1", Refusal.EXPIRED),
        ({"expires_at": None}, 9e12, "192.0.2.1", None),
        ({"creator_active": False}, 0.0, "192.0.2.1", Refusal.CREATOR_INACTIVE),
        ({"creator_administrator": False}, 0.0, "192.0.2.1", Refusal.CREATOR_NO_ADMINISTRATOR),
        ({"networks": (ipaddress.ip_network("10.0.0.0/8"),)}, 0.0, "10.1.2.3", None),
        ({"networks": (ipaddress.ip_network("10.0.0.0/8"),)}, 0.0, "::ffff:10.1.2.3", None),
        ({"networks": (ipaddress.ip_network("10.0.0.0/8"),)}, 0.0, "192.0.2.1", Refusal.NETWORK),
        ({"networks": (ipaddress.ip_network("10.0.0.0/8"),)}, 0.0, "", Refusal.NETWORK),
        ({"creator_active": False}, 1000.0, "", Refusal.EXPIRED),
    ],
)
def test_the_judgement(changed: dict[str, object], now: float, address: str, expected: Refusal | None) -> None:
    record = replace(RECORD, **changed)  # type: ignore[arg-type]
    assert judge(record, digest=RECORD.digest, now=now, address=address) is expected


def test_another_digest_than_the_records_is_unknown() -> None:
    assert judge(RECORD, digest=b"x" * 32, now=0.0, address="") is Refusal.UNKNOWN
    assert judge(None, digest=RECORD.digest, now=0.0, address="") is Refusal.UNKNOWN


def test_no_access_allows_more_than_it_says() -> None:
    assert ALLOWS[Access.READ] == {Need.READ}
    assert ALLOWS[Access.SCIM] == {Need.SCIM}
    assert ALLOWS[Access.FULL] == set(Need)
