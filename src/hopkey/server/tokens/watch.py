"""What time does to tokens, told to their owners by the maintenance process: expiring, expired, used from a new
network, stopped by a change of the policy. Each once, whatever restarts (`hopkey.server.notices.models.Watermark`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from hopkey.server.notices.models import Place, Watermark
from hopkey.server.notices.places import PLACES
from hopkey.server.notices.services import Notice, notices_tell
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import POLICY_MARK, policy_get
from hopkey.server.tokens.policy import WORDS, Over, Policy, lifetime_seconds
from hopkey.server.webhooks.events import WebhookEvent, moment

EXPIRY_NOTICES = (30, 7, 1, 0)
"""Days before its end that an owner is told of; 0: that it has ended."""
PLACES_PAUSE = timedelta(minutes=10)
"""New networks of one token are told together, so often at most."""
POLICY_PAUSE = timedelta(minutes=2)
"""After a change of the policy: a mistake put right at once alarms nobody."""
BATCH = 100
"""Tokens told of in one transaction: on SQLite nobody else writes meanwhile."""
OWNERS_AT_ONCE = 50
_ALL = 2**63 - 1
"""Past every token that ends at the same moment."""


def tokens_expiring_tell(now: datetime) -> int:
    """Tell of every token that came within 30, 7 or 1 days of its end, or to it, since the last time; the mails.

    A token is told of only `days` before its end if it was made to live a day longer than that at least. Where several
    moments passed meanwhile, only the last is told. The first run ever tells of nothing that passed before.
    """
    return sum(_expiring_all(days, now) for days in EXPIRY_NOTICES)


def _expiring_all(days: int, now: datetime) -> int:
    mails, looked = 0, BATCH
    while looked == BATCH:
        looked, told = _expiring_step(days, now)
        mails += told
    return mails


def _expiring_step(days: int, now: datetime) -> tuple[int, int]:
    """Tokens looked at, and mails written."""
    until = now + timedelta(days=days)
    with transaction.atomic():
        mark, made = Watermark.objects.select_for_update().get_or_create(
            name=f"expiring {days}", defaults={"at": until, "after": _ALL}
        )
        if made or (mark.at, mark.after) >= (until, _ALL):
            return 0, 0
        window = Q(ends_at__gt=mark.at) | Q(ends_at=mark.at, pk__gt=mark.after)
        tokens = list(
            Token.objects.defer("digest")
            .select_related("owner")
            .filter(window, ends_at__gte=mark.at, ends_at__lte=until)
            .order_by("ends_at", "pk")[:BATCH]
        )
        following = max((item for item in EXPIRY_NOTICES if item < days), default=None)
        chosen = [token for token in tokens if _is_told(token, days, following, now)]
        kind = WebhookEvent.TOKEN_EXPIRING if days else WebhookEvent.TOKEN_EXPIRED
        said = {"days": days} if days else {}
        mails = notices_tell(kind, [Notice(owner, theirs, said, said) for owner, theirs in _by_owner(chosen)])
        if len(tokens) == BATCH:
            mark.at, mark.after = tokens[-1].ends_at, tokens[-1].pk
        else:
            # No token that ends in the window can come later: it would have been made to live too short for this.
            mark.at, mark.after = until, _ALL
        mark.save(update_fields=["at", "after"])
    return len(tokens), mails


def _is_told(token: Token, days: int, following: int | None, now: datetime) -> bool:
    if token.expires_at is None or not token.owner.is_active:
        return False
    if following is not None and token.expires_at <= now + timedelta(days=following):
        return False
    return days == 0 or token.expires_at - token.created_at >= timedelta(days=days + 1)


def places_tell(now: datetime) -> int:
    """Tell of the networks that tokens were used from for the first time; the number of mails."""
    if not Place.objects.filter(told_at=None).exists():
        return 0
    lately = Place.objects.filter(token=OuterRef("token"), told_at__gt=now - PLACES_PAUSE)
    with transaction.atomic():
        places = list(
            Place.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(~Exists(lately), told_at=None)
            .select_related("token__owner")
            .defer("token__digest")
            .order_by("token", "pk")[:BATCH]
        )
        ids = {place.token_id for place in places}
        known: dict[int, int] = {}
        for token_id in Place.objects.filter(token__in=ids).values_list("token_id", flat=True):
            known[token_id] = known.get(token_id, 0) + 1
        notices: list[Notice] = []
        for token_id, group in groupby(places, key=lambda place: place.token_id):
            found = list(group)
            token = found[0].token
            if token.owner.is_active:
                notices.append(_place_notice(token, found, first=known[token_id] == len(found), total=known[token_id]))
        mails = notices_tell(WebhookEvent.TOKEN_NEW_ADDRESS, notices)
        Place.objects.filter(pk__in=[place.pk for place in places]).update(told_at=now)
    return mails


def _place_notice(token: Token, places: list[Place], *, first: bool, total: int) -> Notice:
    context = {"places": places, "first": first, "last": total >= PLACES, "limit": PLACES}
    data = {
        "firstUse": first,
        "uses": [
            {"network": item.network, "address": item.address, "agent": item.agent, "usedOn": moment(item.seen_at)}
            for item in places
        ],
    }
    return Notice(token.owner, [token], context, data)


def policy_stops_tell(now: datetime) -> int:
    """Tell the owners whose tokens the last change of the policy stopped; the number of mails.

    Tokens are read outside of the transaction that writes the mails, which is short, however many there are.
    """
    mails = 0
    changed = Watermark.objects.filter(name=POLICY_MARK, at__lte=now - POLICY_PAUSE)
    while (mark := changed.first()) is not None:
        owners = _owners_after(mark.state["owner"])
        stopped = list(_stopped(owners, Policy.of(mark.state["before"]), policy_get(), now))
        notices = list(_stop_notices(stopped))
        with transaction.atomic():
            mine = Watermark.objects.select_for_update().filter(name=POLICY_MARK).first()
            if mine is None or (mine.at, mine.state) != (mark.at, mark.state):
                break
            mails += notices_tell(WebhookEvent.TOKEN_STOPPED, notices)
            if len(owners) < OWNERS_AT_ONCE:
                mine.delete()
            else:
                mine.state = {**mine.state, "owner": owners[-1]}
                mine.save(update_fields=["state"])
    return mails


def _stop_notices(stopped: Iterable[tuple[Token, Over]]) -> Iterable[Notice]:
    """One for each owner and reason."""
    of: dict[tuple[str, Over], list[Token]] = {}
    for token, over in stopped:
        of.setdefault((token.owner_id, over), []).append(token)
    for (_, over), theirs in of.items():
        yield Notice(theirs[0].owner, theirs, {"why": WORDS[over]}, {"reason": over.value})


def _owners_after(owner_id: str) -> list[str]:
    owners = Token.objects.filter(owner__is_active=True, owner_id__gt=owner_id).order_by("owner_id")
    return list(owners.values_list("owner_id", flat=True).distinct()[:OWNERS_AT_ONCE])


def _stopped(owners: list[str], before: Policy, after: Policy, now: datetime) -> Iterable[tuple[Token, Over]]:
    rank = Window(RowNumber(), partition_by=F("owner_id"), order_by=F("id").asc())
    tokens = (
        Token.objects.defer("digest")
        .select_related("owner", "use")
        .filter(owner__in=owners, ends_at__gt=now)
        .annotate(rank=rank)
        .order_by("owner_id", "pk")
    )
    for token in tokens:
        use = getattr(token, "use", None)
        idle = (now - (use.idle_since if use else token.created_at)).total_seconds()
        seconds = lifetime_seconds(token.created_at, token.expires_at)
        was, over = (
            policy.stops(seconds=seconds, label=token.label, older=token.rank - 1, idle=idle)
            for policy in (before, after)
        )
        if over is not None and was is None:
            yield token, over


def _by_owner(tokens: Iterable[Token]) -> list[tuple[Any, list[Token]]]:
    of: dict[str, list[Token]] = {}
    for token in tokens:
        of.setdefault(token.owner_id, []).append(token)
    return [(theirs[0].owner, theirs) for theirs in of.values()]
