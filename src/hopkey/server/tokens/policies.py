"""Keeping the policy on tokens: reading it, trying a new one on the tokens there are, and setting it."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.notices.models import Watermark
from hopkey.server.tokens.models import PolicyRow, Token
from hopkey.server.tokens.policy import FREE, NETWORKS, PATTERN_LENGTH, Over, Policy, lifetime_seconds, pattern_compile

FIELDS = ("max_days", "never_allowed", "tokens_per_user", "unused_days", "networks", "label_pattern")
POLICY_MARK = "policy changed"
SHOWN = 200
"""Tokens that a dry run names; it counts all."""
_LARGEST = {"max_days": 36_500, "tokens_per_user": 1000, "unused_days": 36_500}
_WORDS = {"max_days": "The longest lifetime", "tokens_per_user": "Tokens per user", "unused_days": "Days unused"}


def policy_get() -> Policy:
    """The policy in force; one query."""
    row = PolicyRow.objects.filter(pk=1).values(*FIELDS).first()
    return FREE if row is None else Policy.of(row)


def policy_values(policy: Policy) -> dict[str, Any]:
    """The fields of a policy as they are stored, shown and sent."""
    values = {name: getattr(policy, name) for name in FIELDS}
    return {**values, "networks": [str(network) for network in policy.networks]}


def policy_check(values: Mapping[str, Any]) -> Policy:
    """A policy from what somebody sent; fields left out are without limit.

    Raises `DomainError` (``policy_invalid``) naming the field.
    """
    unknown = sorted(set(values) - set(FIELDS))
    if unknown:
        raise DomainError("policy_invalid", f"A policy has no field {unknown[0][:50]!r}; it has {', '.join(FIELDS)}.")
    checked: dict[str, Any] = {}
    for name, largest in _LARGEST.items():
        checked[name] = _whole(name, values.get(name), largest)
    never = values.get("never_allowed", True)
    if not isinstance(never, bool):
        raise DomainError("policy_invalid", "Whether tokens may never expire is true or false.", field="never_allowed")
    checked["never_allowed"] = never
    checked["networks"] = _networks(values.get("networks") or [])
    pattern = values.get("label_pattern") or ""
    if not isinstance(pattern, str) or len(pattern) > PATTERN_LENGTH:
        raise DomainError(
            "policy_invalid", f"A label pattern has at most {PATTERN_LENGTH} characters.", field="label_pattern"
        )
    try:
        if pattern:
            pattern_compile(pattern)
    except ValueError as error:
        raise DomainError(
            "policy_invalid", f"The label pattern is no regular expression (RE2): {error}.", field="label_pattern"
        ) from None
    return Policy.of({**checked, "label_pattern": pattern})


def policy_set(*, policy: Policy, by: Actor) -> None:
    """Put `policy` in force. When this returns, every node judges every use by it."""
    values = policy_values(policy)
    with transaction.atomic(durable=True):
        before = policy_values(policy_get())
        PolicyRow.objects.update_or_create(pk=1, defaults={**values, "changed_at": timezone.now()})
        policy_change_note(before)
        changed = {name: [before[name], values[name]] for name in FIELDS if before[name] != values[name]}
        record(Event.POLICY_CHANGED, by=by, kind="policy", id="1", label="token policy", detail={"changed": changed})


def policy_change_note(before: dict[str, Any]) -> None:
    """Remember the policy that was in force, in the caller's transaction, until owners were told what the change stops
    (`hopkey.server.tokens.watch`). Of several changes in a row the first counts.
    """
    Watermark.objects.get_or_create(
        name=POLICY_MARK, defaults={"at": timezone.now(), "state": {"before": before, "owner": ""}}
    )


@dataclass(frozen=True, slots=True)
class Stopped:
    """A live token that a policy would stop, and why."""

    id: int
    public_id: str
    label: str
    owner_id: str
    owner_email: str
    why: Over


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a policy would do to the tokens that work now.

    ``newly``: how many it would stop that the policy in force lets pass; ``reasons`` counts these; ``owners`` of how
    many people. ``shown`` are the first `SHOWN` of them, newest first. ``freed``: how many it would let go again.
    ``outside``: how many were last used from outside its networks.
    """

    live: int
    newly: int
    freed: int
    outside: int
    owners: int
    reasons: Mapping[Over, int]
    shown: Sequence[Stopped]


def policy_dry_run(policy: Policy, *, now: datetime) -> DryRun:
    """Judge every live token by `policy` and by the one in force. Reads every live token once, in one query."""
    current = policy_get()
    rank = Window(RowNumber(), partition_by=F("owner_id"), order_by=F("id").asc())
    rows = (
        Token.objects.filter(ends_at__gt=now, owner__is_active=True)
        .annotate(rank=rank)
        .order_by("-id")
        .values_list(
            "id", "public_id", "label", "owner_id", "owner__email", "created_at", "expires_at", "use__idle_since",
            "use__address", "rank",
        )
    )  # fmt: skip
    live = freed = outside = 0
    reasons: Counter[Over] = Counter()
    owners: set[str] = set()
    shown: list[Stopped] = []
    for id_, public_id, label, owner, email, created, expires, idle_since, address, number in rows.iterator(5000):
        live += 1
        lifetime = lifetime_seconds(created, expires)
        idle = (now - (idle_since or created)).total_seconds()
        before, after = (
            item.stops(seconds=lifetime, label=label, older=number - 1, idle=idle) for item in (current, policy)
        )
        if after is None:
            freed += before is not None
            outside += bool(policy.networks and address and not _inside(address, policy))
        elif before is None:
            reasons[after] += 1
            owners.add(owner)
            if len(shown) < SHOWN:
                shown.append(Stopped(id_, public_id, label, owner, email, after))
    return DryRun(live, reasons.total(), freed, outside, len(owners), reasons, shown)


def _inside(address: str, policy: Policy) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in policy.networks)


def _whole(name: str, value: Any, largest: int) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 12:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
        raise DomainError(
            "policy_invalid", f"{_WORDS[name]} must be from 1 to {largest}, or empty for no limit.", field=name
        )
    return value


def _networks(values: Any) -> list[str]:
    if not isinstance(values, list) or len(values) > NETWORKS or not all(isinstance(item, str) for item in values):
        raise DomainError("policy_invalid", f"Networks are at most {NETWORKS} texts.", field="networks")
    try:
        return [str(ipaddress.ip_network(item.strip())) for item in values if item.strip()]
    except ValueError as error:
        raise DomainError("policy_invalid", f"Not a network such as 10.0.0.0/8: {error}.", field="networks") from None
