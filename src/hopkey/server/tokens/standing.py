"""How tokens stand with the policy now, and what the policy lets a person choose for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from hopkey.server.accounts.models import User
from hopkey.server.tokens.expiry import DEFAULT_DAYS, EXPIRY_DAYS, FARTHEST_DAYS, last_day
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policy import DAY_SECONDS, Over, Policy, lifetime_seconds


def tokens_over(tokens: Sequence[Token], *, policy: Policy, now: datetime) -> dict[int, Over]:
    """What the policy has against each of these, by id; those it lets pass are left out. At most one query."""
    older = _older([token.pk for token in tokens], policy, now)
    found: dict[int, Over] = {}
    for token in tokens:
        use = getattr(token, "use", None)
        over = policy.stops(
            seconds=lifetime_seconds(token.created_at, token.expires_at),
            label=token.label,
            older=older.get(token.pk, 0),
            idle=(now - (use.idle_since if use else token.created_at)).total_seconds(),
        )
        if over is not None:
            found[token.pk] = over
    return found


def _older(ids: list[int], policy: Policy, now: datetime) -> dict[int, int]:
    """How many older tokens that have not expired the owner of each has, where the policy limits that."""
    if policy.tokens_per_user is None or not ids:
        return {}
    count = (
        Token.objects.filter(owner=OuterRef("owner"), pk__lt=OuterRef("pk"), ends_at__gt=now)
        .order_by()
        .values("owner")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return dict(Token.objects.filter(pk__in=ids).values_list("pk", Coalesce(Subquery(count), 0)))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a person may choose for a new token.

    ``days``: lifetimes; ``never``: without expiry; ``first_day`` to ``last_day``: a chosen day, None where even today
    ends too late. ``default``: the lifetime chosen beforehand, None where none is offered. ``left``: how many more
    tokens the person may have, None without a limit of the policy.
    """

    policy: Policy
    days: tuple[int, ...]
    never: bool
    first_day: date
    last_day: date | None
    default: int | None
    left: int | None


def offer_for(owner: User, *, policy: Policy, now: datetime) -> Offer:
    """What `owner` may choose now: at most one query."""
    days = tuple(item for item in EXPIRY_DAYS if policy.lifetime_over(item * DAY_SECONDS) is None)
    farthest = FARTHEST_DAYS if policy.max_days is None else min(policy.max_days, FARTHEST_DAYS)
    today, last = now.astimezone(UTC).date(), last_day(now, farthest)
    default = DEFAULT_DAYS if DEFAULT_DAYS in days else max(days, default=None)
    left = None
    if policy.tokens_per_user is not None:
        left = max(0, policy.tokens_per_user - owner.tokens.filter(ends_at__gt=now).count())
    return Offer(
        policy=policy,
        days=days,
        never=not policy.rules_out_never,
        first_day=today,
        last_day=last if last >= today else None,
        default=default,
        left=left,
    )
