"""Generating and deleting automation tokens. There is no third thing: a token is never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.automation.judging import Access
from hopkey.server.automation.models import AutomationToken
from hopkey.server.errors import Conflict, DomainError, Forbidden, NotFound
from hopkey.server.tokens.expiry import expiry_moment
from hopkey.server.tokens.format import AUTOMATION_PREFIX, token_generate
from hopkey.server.tokens.services import days_check, label_normalise, networks_normalise

AUTOMATION_TOKENS = 500
"""How many there may be at once: one per program, not one per run."""


@dataclass(frozen=True, slots=True)
class GeneratedAutomation:
    """A new token and its text, which exists nowhere else and is shown once."""

    token: AutomationToken
    text: str = field(repr=False)


def automation_token_generate(
    *, creator: User, label: str, days: int | None, access: str, by: Actor, networks: Sequence[str] = ()
) -> GeneratedAutomation:
    """Make a token that acts in the name of `creator` while that person is an active administrator.

    `days` is one of `EXPIRY_DAYS`, or None for never; `access` a value of `Access`; `networks`: CIDR texts it may be
    used from, none for anywhere.

    Raises `DomainError` with ``label_too_short``, ``label_too_long``, ``expiry_invalid``, ``access_invalid``,
    ``network_invalid``, ``administrator_needed`` or ``too_many_tokens``.
    """
    label = label_normalise(label)
    days_check(days)
    if access not in set(Access):
        raise DomainError("access_invalid", "Choose what the token is for: full, read or scim.", field="access")
    cidrs = networks_normalise(networks)
    with transaction.atomic(durable=True):
        creator = User.objects.select_for_update().get(pk=creator.pk)
        if not (creator.is_active and creator.is_administrator):
            raise Forbidden("administrator_needed", f"{creator.email} is no active administrator of this server.")
        if AutomationToken.objects.count() >= AUTOMATION_TOKENS:
            raise Conflict("too_many_tokens", f"At most {AUTOMATION_TOKENS} automation tokens: delete some first.")
        new = token_generate(AUTOMATION_PREFIX)
        now = timezone.now()
        token = AutomationToken.objects.create(
            public_id=new.public_id,
            digest=new.digest,
            label=label,
            creator=creator,
            access=access,
            created_at=now,
            expires_at=expiry_moment(days, now),
            networks=cidrs,
        )
        record(
            Event.AUTOMATION_TOKEN_GENERATED,
            by=by,
            kind="automation",
            id=token.public_id,
            label=label,
            detail={
                "creator": creator.email,
                "access": access,
                "expires": token.expires_at.isoformat() if token.expires_at else None,
                "networks": cidrs,
            },
        )
    return GeneratedAutomation(token=token, text=new.text)


def automation_token_delete(*, token_id: int, by: Actor, reason: str = "") -> AutomationToken:
    """Delete a token for ever; the token as it was. No request that starts later is served with it, on any node.

    Raises `NotFound` (``token_not_found``).
    """
    with transaction.atomic(durable=True):
        token = (
            AutomationToken.objects.select_for_update(of=("self",))
            .select_related("creator")
            .filter(pk=token_id)
            .first()
        )
        if token is None:
            raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
        _delete(token, by=by, reason=reason)
    return token


def automation_tokens_delete_of(creator: User, *, by: Actor, reason: str) -> int:
    """Delete all automation tokens that `creator` made, in the caller's transaction; the number deleted."""
    tokens = list(AutomationToken.objects.select_for_update(of=("self",)).filter(creator=creator))
    for token in tokens:
        _delete(token, by=by, reason=reason)
    return len(tokens)


def _delete(token: AutomationToken, *, by: Actor, reason: str) -> None:
    record(
        Event.AUTOMATION_TOKEN_DELETED,
        by=by,
        kind="automation",
        id=token.public_id,
        label=token.label,
        detail={"creator": token.creator.email, "reason": reason[:500]},
    )
    AutomationToken.objects.filter(pk=token.pk).delete()
