"""What a policy would do to the tokens that work now, before it is put in force.

Up to `EXACT` live tokens each is judged. Of more, `SAMPLE` are drawn by lot and the numbers are estimates that say so,
because a page must not wait while a million labels are matched; `whole` judges every one, in seconds, where somebody
can wait: at the command line, and in the JSON API's own route for it.
"""

from __future__ import annotations

import ipaddress
import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F, Max, Min, QuerySet, Window
from django.db.models.functions import RowNumber

from hopkey.server.tokens.counting import older_counts
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policy import Over, Policy, lifetime_seconds

SHOWN = 200
"""Tokens that a dry run names; it counts all."""
EXACT = 1000
SAMPLE = 1000
_DRAWS = 4
_ENOUGH = 250
_SPARSE = 20_000
"""Live tokens that are judged whole after all, where they lie too thin among expired ones to be drawn by lot."""
_COLUMNS = (
    "id", "public_id", "label", "owner_id", "owner__email", "created_at", "expires_at", "use__idle_since",
    "use__address",
)  # fmt: skip


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

    ``whole`` False: ``judged`` tokens were drawn by lot. Then the counts are estimates, ``newly`` to within ``margin``
    (19 times of 20), ``owners`` are those met among the drawn (there are at least so many), and ``shown`` are of them.
    """

    live: int
    newly: int
    freed: int
    outside: int
    owners: int
    reasons: Mapping[Over, int]
    shown: Sequence[Stopped]
    judged: int
    whole: bool = True
    margin: int = 0

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.whole:
            people = "person" if self.owners == 1 else "people"
            return f"It would stop {self.newly:,} of {self.live:,} live tokens, of {self.owners:,} {people}."
        return (
            f"It would stop about {self.newly:,} (give or take {self.margin:,}) of about {self.live:,} live tokens, "
            f"of at least {self.owners:,} people: an estimate from {self.judged:,} tokens drawn by lot."
        )


def dry_run(policy: Policy, *, current: Policy, now: datetime, whole: bool = False) -> DryRun:
    """Judge live tokens by `policy` and by the one in force (`current`)."""
    live = Token.objects.filter(ends_at__gt=now, owner__is_active=True)
    limits = [item.tokens_per_user for item in (policy, current) if item.tokens_per_user is not None]
    if whole:
        return _judge(_every(live, ranked=bool(limits)), policy, current, now)
    ids = _first(now, EXACT + 1)
    if len(ids) > EXACT:
        drawn, lots, span = _drawn(now)
        if len(drawn) >= _ENOUGH:
            return _scaled(_judge(_those(live, drawn, limits, now), policy, current, now), lots, span)
        ids = _first(now, _SPARSE + 1)
        if len(ids) > _SPARSE:
            return _scaled(_judge(_those(live, drawn, limits, now), policy, current, now), lots, span)
    return _judge(_those(live, ids, limits, now), policy, current, now)


def _first(now: datetime, limit: int) -> list[int]:
    """Ids of the live tokens that expire first, straight from the index."""
    return list(Token.objects.filter(ends_at__gt=now).order_by("ends_at", "pk").values_list("pk", flat=True)[:limit])


def _drawn(now: datetime) -> tuple[list[int], int, int]:
    """Ids of tokens that have not expired, drawn evenly from all ids ever given; how many lots were drawn, of how many.

    The same draw as long as no token comes or goes at either end, so that looking twice does not change the numbers.
    """
    # One by one: together they would read every token on SQLite.
    low = Token.objects.aggregate(low=Min("pk"))["low"] or 0
    high = Token.objects.aggregate(high=Max("pk"))["high"] or 0
    span = high - low + 1
    lots = random.Random(span)  # noqa: S311 - a sample, not a secret
    found: list[int] = []
    drawn: set[int] = set()
    for _ in range(_DRAWS):
        batch = set(lots.sample(range(low, high + 1), min(SAMPLE, span))) - drawn
        drawn |= batch
        found += Token.objects.filter(pk__in=batch, ends_at__gt=now).values_list("pk", flat=True)
        if len(found) >= SAMPLE // 2 or len(drawn) == span:
            break
    return found, len(drawn), span


def _every(live: QuerySet[Token], *, ranked: bool) -> Iterable[tuple[Any, ...]]:
    if ranked:
        rank = Window(RowNumber(), partition_by=F("owner_id"), order_by=F("id").asc())
        rows = live.annotate(rank=rank - 1).order_by("-id").values_list(*_COLUMNS, "rank")
    else:
        rows = live.annotate(rank=F("id") * 0).order_by("-id").values_list(*_COLUMNS, "rank")
    return rows.iterator(5000)


def _those(
    live: QuerySet[Token], ids: Sequence[int], limits: Sequence[int], now: datetime
) -> Iterable[tuple[Any, ...]]:
    older = older_counts(ids, upto=max(limits), now=now) if limits else {}
    for row in live.filter(pk__in=ids).order_by("-id").values_list(*_COLUMNS):
        yield (*row, older.get(row[0], 0))


def _judge(rows: Iterable[tuple[Any, ...]], policy: Policy, current: Policy, now: datetime) -> DryRun:
    live = freed = outside = 0
    reasons: Counter[Over] = Counter()
    owners: set[str] = set()
    shown: list[Stopped] = []
    for id_, public_id, label, owner, email, created, expires, idle_since, address, older in rows:
        live += 1
        lifetime = lifetime_seconds(created, expires)
        idle = (now - (idle_since or created)).total_seconds()
        after = policy.stops(seconds=lifetime, label=label, older=older, idle=idle)
        before = current.stops(seconds=lifetime, label=label, older=older, idle=idle)
        if after is None:
            freed += before is not None
            outside += bool(policy.networks and address and not _inside(address, policy))
        elif before is None:
            reasons[after] += 1
            owners.add(owner)
            if len(shown) < SHOWN:
                shown.append(Stopped(id_, public_id, label, owner, email, after))
    return DryRun(live, reasons.total(), freed, outside, len(owners), reasons, shown, judged=live)


def _scaled(run: DryRun, drawn: int, span: int) -> DryRun:
    """The numbers of a sample as those of everything. The margin counts lots, not live tokens: how many of these there
    are is an estimate too.
    """
    share, part = drawn / span, run.newly / drawn
    spread = 1.96 * math.sqrt(part * (1 - part) / drawn)
    live = round(run.live / share)
    return replace(
        run,
        live=live,
        newly=round(run.newly / share),
        freed=round(run.freed / share),
        outside=round(run.outside / share),
        reasons={over: round(count / share) for over, count in run.reasons.items()},
        whole=share == 1.0,
        margin=0 if share == 1.0 else max(1, round(spread * span)),
    )


def _inside(address: str, policy: Policy) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in policy.networks)
