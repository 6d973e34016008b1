"""Verification: one pure function, its order of checks, and the rule of what may be read."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from hopkey.server.access.rules import may_read, readable_teams
from hopkey.server.tokens.verify import Refusal, TokenRecord, verify

DIGEST = b"d" * 32
RECORD = TokenRecord(
    id=1,
    public_id="0123456789AB",
    digest=DIGEST,
    owner_id="u",
    owner_active=True,
    expires_at=1000.0,
    grants=None,
    networks=(),
    teams=frozenset({"a", "b"}),
)


def check(
    record: TokenRecord | None, *, now: float = 0.0, address: str = "192.0.2.1", digest: bytes = DIGEST
) -> object:
    return verify(record, digest=digest, now=now, address=address)


def test_expiry_is_judged_to_the_exact_second() -> None:
    assert check(RECORD, now=999.999) is None
    assert check(RECORD, now=1000.0) is Refusal.EXPIRED
    assert check(replace(RECORD, expires_at=None), now=1e12) is None


def test_expired_is_said_only_to_who_holds_the_secret() -> None:
    assert check(RECORD, now=2000, digest=b"e" * 32) is Refusal.UNKNOWN
    assert check(None, now=2000) is Refusal.UNKNOWN


def test_the_order_is_expiry_then_owner_then_network() -> None:
    bad = replace(RECORD, owner_active=False, networks=(ipaddress.ip_network("10.0.0.0/8"),))
    assert check(bad, now=2000) is Refusal.EXPIRED
    assert check(bad) is Refusal.OWNER_INACTIVE
    assert check(replace(bad, owner_active=True)) is Refusal.NETWORK
    assert check(replace(bad, owner_active=True), address="10.1.2.3") is None


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("11.0.0.1", False),
        ("", False),
        ("nonsense", False),
        ("::1", False),
    ],
)
def test_networks(address: str, inside: bool) -> None:
    record = replace(RECORD, networks=(ipaddress.ip_network("10.0.0.0/8"),))
    assert (check(record, address=address) is None) == inside


def test_what_may_be_read() -> None:
    assert may_read(RECORD, workspace_id="a", is_team=True)
    assert not may_read(RECORD, workspace_id="a", is_team=False)
    assert not may_read(RECORD, workspace_id="c", is_team=True)
    narrow = replace(RECORD, grants=frozenset({"b", "c"}))
    assert not may_read(narrow, workspace_id="a", is_team=True)
    assert may_read(narrow, workspace_id="b", is_team=True)
    assert not may_read(narrow, workspace_id="c", is_team=True)
    assert not may_read(replace(RECORD, grants=frozenset()), workspace_id="a", is_team=True)
    assert (readable_teams(RECORD), readable_teams(narrow)) == ({"a", "b"}, {"b"})


def test_a_record_does_not_show_its_digest() -> None:
    assert "digest" not in repr(RECORD)
