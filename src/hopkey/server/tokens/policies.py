"""Keeping the policy on tokens: reading it, checking a new one, and setting it. Trying one on the tokens there are is
in `hopkey.server.tokens.dry_run`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.notices.models import Watermark
from hopkey.server.tokens.dry_run import DryRun, dry_run
from hopkey.server.tokens.models import PolicyRow
from hopkey.server.tokens.policy import FREE, NETWORKS, PATTERN_LENGTH, Policy, pattern_compile

FIELDS = ("max_days", "never_allowed", "tokens_per_user", "unused_days", "networks", "label_pattern")
POLICY_MARK = "policy changed"
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


def policy_dry_run(policy: Policy, *, now: datetime, whole: bool = False) -> DryRun:
    """What `policy` would do to the tokens that work now, against the one in force."""
    return dry_run(policy, current=policy_get(), now=now, whole=whole)


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
