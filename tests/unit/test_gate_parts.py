"""The pure parts of the gate: going from head to head, caches, limits, addresses."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import replace
from typing import cast

import pytest

from hopkey.server.addresses import client_address, limit_key
from hopkey.server.audit.models import Event
from hopkey.server.audit.names import TOKEN_REFUSED
from hopkey.server.changes.watched import EVERYTHING
from hopkey.server.gate.caches import Caches, answer_make
from hopkey.server.gate.freshness import Fresh
from hopkey.server.gate.head import Change, Head, News, steps_from
from hopkey.server.gate.plane import _accepts_gzip, _matches, resource_of
from hopkey.server.gate.store import Store, Unavailable
from hopkey.server.limiter import FailureLimiter
from hopkey.server.tokens.policy import FREE, Policy
from hopkey.server.tokens.verify import TokenRecord
from tests.unit.test_verify import RECORD


def log(*items: tuple[int, str]) -> list[Change]:
    return [Change(seq, "token", str(seq), nonce) for seq, nonce in items]


def test_only_an_unbroken_log_from_the_known_head_is_applied_step_by_step() -> None:
    known = Head(5, "e")
    good = log((5, "e"), (6, "f"), (7, "g"))
    assert steps_from(known, News(Head(7, "g"), good)) == good[1:]
    assert steps_from(known, News(known, ())) == ()
    dropped = [
        News(Head(4, "d"), ()),  # went back
        News(Head(5, "other"), log((5, "other"))),  # another history of the same length
        News(Head(7, "g"), log((5, "other"), (6, "f"), (7, "g"))),  # another history, longer
        News(Head(7, "g"), log((6, "f"), (7, "g"))),  # pruned past us
        News(Head(7, "g"), log((5, "e"), (7, "g"))),  # a hole
        News(Head(7, "g"), log((5, "e"), (6, "f"))),  # ends before the head
        News(Head(7, "g"), ()),
        News(Head(7, "g"), good, unsettled=True),
    ]
    assert [steps_from(known, news) for news in dropped] == [None] * len(dropped)
    assert steps_from(None, News(Head(7, "g"), good)) is None


def filled() -> Caches:
    caches = Caches(1_000_000)
    caches.put_token(b"t", RECORD)
    caches.put_token(b"x", None)
    caches.put_answer(("collection", "root"), answer_make("collection", "root", "a", True, b"1"))
    caches.put_answer(("collection", "folder"), answer_make("collection", "root", "a", True, b"2"))
    caches.put_answer(("environment", "env"), answer_make("environment", "env", "b", True, b"3"))
    return caches


def test_changes_evict_what_they_made_stale_and_nothing_else() -> None:
    def after(kind: str, key: str) -> tuple[int, int, int]:
        caches = filled()
        caches.apply([Change(1, kind, key, "n")])
        return len(caches.tokens), len(caches.unknown), len(caches.answers)

    assert after("token", "1") == (0, 0, 3)
    assert after("token", "2") == (1, 0, 3)
    assert after("user", "u") == (0, 1, 3)
    assert after("user", "somebody") == (1, 1, 3)
    assert after("collection", "root") == (1, 1, 1)
    assert after("environment", "env") == (1, 1, 2)
    assert after("workspace", "a") == (0, 1, 1)
    assert after(EVERYTHING, "hopkey_token") == (0, 0, 0)
    assert after("of a later version", "") == (0, 0, 0)


def test_where_the_policy_counts_a_change_of_an_older_token_is_one_of_the_younger_too() -> None:
    def after(key: str, policy: Policy) -> list[int]:
        caches = Caches(1000)
        for number in (1, 2, 3):
            caches.put_token(bytes([number]), replace(RECORD, id=number, policy=policy))
        caches.apply([Change(1, "token", key, "n")])
        return [record.id for record in caches.tokens.values()]

    assert after("2", Policy(tokens_per_user=5)) == [1]
    assert after("9", Policy(tokens_per_user=5)) == [1, 2, 3]
    assert after("2", FREE) == [1, 3]


def test_a_snapshot_older_than_what_a_request_must_see_is_no_answer() -> None:
    """As from a replica that lags behind, behind the same address."""

    class Lagging:
        instant = True

        def attach(self, listener: Fresh) -> None:
            listener.applied = Head(7, "g")

        async def token(self, digest: bytes) -> tuple[Head, TokenRecord | None]:
            return Head(6, "f"), RECORD

    fresh = Fresh(cast(Store, Lagging()), Caches(1000))
    with pytest.raises(Unavailable):
        asyncio.run(fresh.token(b"t"))


def test_entity_tags_are_compared_weakly() -> None:
    tag = b'W/"abc"'
    for match in (b'W/"abc"', b'"abc"', b'"x", W/"abc"', b" * ", b'"x","abc"'):
        assert _matches(match, tag), match
    for match in (b"", b"abc", b'"ab"', b'W/"x"'):
        assert not _matches(match, tag), match


def test_gzip_is_sent_to_those_who_want_it() -> None:
    for wanted in (b"gzip", b"br, gzip;q=0.5", b"GZIP", b"*", b"x-gzip", b"*;q=0, gzip"):
        assert _accepts_gzip(wanted), wanted
    for unwanted in (b"", b"identity", b"gzip;q=0", b"gzip; q=0.000, *", b"*;q=0", b"br"):
        assert not _accepts_gzip(unwanted), unwanted


def test_an_address_with_a_zone_is_no_address_of_the_network() -> None:
    trusted = [ipaddress.ip_network("10.0.0.0/8")]
    assert client_address("10.0.0.1", "fe80::1%" + "x" * 1000, trusted) == "10.0.0.1"


def test_caches_are_bounded() -> None:
    caches = Caches(1000)
    for number in range(100):
        caches.put_answer(("collection", str(number)), answer_make("collection", str(number), "a", True, b"x" * 100))
    assert len(caches.answers) == 10
    caches.put_answer(("collection", "huge"), answer_make("collection", "huge", "a", True, b"x" * 900))
    assert ("collection", "huge") not in caches.answers
    for number in range(30_000):
        caches.put_token(number.to_bytes(4), None)
        caches.put_token(number.to_bytes(5), replace(RECORD, id=number, owner_id=str(number)))
    assert (len(caches.unknown), len(caches.tokens)) == (20_000, 20_000)


def test_failures_are_limited_by_address_and_minute() -> None:
    limiter = FailureLimiter(3)
    assert [limiter.failed("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limiter.failed("a", 10.0) == 50.0
    assert limiter.failed("b", 10.0) == 0.0
    assert limiter.failed("a", 60.0) == 0.0
    assert [FailureLimiter(0).failed("a", 0.0) for _ in range(100)] == [0.0] * 100


def test_the_client_address_is_believed_only_as_far_as_proxies_are_trusted() -> None:
    trusted = [ipaddress.ip_network("10.0.0.0/8")]
    assert client_address("203.0.113.9", "1.2.3.4", trusted) == "203.0.113.9"
    assert client_address("10.0.0.1", "6.6.6.6, 1.2.3.4", trusted) == "1.2.3.4"
    assert client_address("10.0.0.1", "1.2.3.4, 10.0.0.2", trusted) == "1.2.3.4"
    assert client_address("10.0.0.1", "nonsense", trusted) == "10.0.0.1"
    assert client_address("10.0.0.1", "1.2.3.4", []) == "10.0.0.1"


def test_ipv6_addresses_are_counted_by_network() -> None:
    assert limit_key("2001:db8::1") == limit_key("2001:db8::ffff") != limit_key("2001:db8:0:1::1")
    assert limit_key("::ffff:192.0.2.1") == "192.0.2.1"


def test_addresses_of_the_gate() -> None:
    assert resource_of("/v1/access-tokens/collection/abc") == ("collection", "abc")
    assert resource_of("/v1/v1/access-tokens/environment/abc") == ("environment", "abc")
    for path in ("/v1/access-tokens/list", "/v1/access-tokens/collection", "/access-tokens/collection/a", "/"):
        assert resource_of(path) is None


def test_names_the_gate_writes_are_those_of_the_audit() -> None:
    assert Event.TOKEN_REFUSED.value == TOKEN_REFUSED
