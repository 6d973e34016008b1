"""Everybody's tokens, for those who oversee them: lists that stay fast at a million tokens.

A page is found by its place in an index (`hopkey.server.tokens.keyset`), never by counting: one to four queries choose
the ids, two more read the tokens. Nothing here reads a digest, except to compare it with that of a pasted token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from hopkey.server.errors import NotFound
from hopkey.server.tokens.counting import older_counts
from hopkey.server.tokens.filters import Filter as Filter
from hopkey.server.tokens.filters import Sort as Sort
from hopkey.server.tokens.filters import State as State
from hopkey.server.tokens.filters import filter_read as filter_read
from hopkey.server.tokens.filters import filter_values as filter_values
from hopkey.server.tokens.keyset import EXPIRING_DAYS as EXPIRING_DAYS
from hopkey.server.tokens.keyset import UNUSED_DAYS as UNUSED_DAYS
from hopkey.server.tokens.keyset import Key, cursor_read, cursor_write, keys
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import FREE, Over, Policy, lifetime_seconds
from hopkey.server.tokens.selectors import token_list

PAGE_SIZE = 25
SCAN = 500
"""Tokens that one page judges by the policy, which no index can do."""


@dataclass(frozen=True, slots=True)
class Page:
    """Tokens in order. ``cursor`` leads to the next page, empty at the end. ``over`` says, by token id, what the policy
    has against a token. ``searched_to``: only tokens generated since then were judged; the next page goes on.
    """

    tokens: Sequence[Token]
    cursor: str
    over: dict[int, Over]
    searched_to: datetime | None = None


def token_page(chosen: Filter, *, cursor: str = "", limit: int = PAGE_SIZE, now: datetime | None = None) -> Page:
    """One page of tokens. Raises `DomainError` (``cursor_invalid``; ``filter_invalid`` for a text too short)."""
    now = now or timezone.now()
    policy = policy_get()
    place = cursor_read(cursor, chosen.sort) if cursor else None
    searched: int | None = None
    if chosen.state is State.OVER_POLICY:
        found, searched = _over_policy(chosen, policy, now, place, limit)
    else:
        found = keys(chosen, now, place, limit + 1)
    page, more = found[:limit], len(found) > limit
    ids = [id_ for _, id_ in page]
    tokens, older = _tokens(ids), _older(policy, ids, now)
    following, back = "", None
    if more:
        following = cursor_write(page[-1])
    elif searched is not None:
        following = cursor_write((searched, searched))
        back = Token.objects.filter(pk__gte=searched).order_by("pk").values_list("created_at", flat=True).first()
    over = {token.pk: why for token in tokens if (why := _over(token, policy, now, older.get(token.pk, 0)))}
    return Page(tokens, following, over, back)


def token_judged(token_id: int, *, now: datetime) -> tuple[Token, Over | None]:
    """One token, with what the policy has against it. Raises `NotFound` (``token_not_found``)."""
    found = _tokens([token_id])
    if not found:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    policy = policy_get()
    return found[0], _over(found[0], policy, now, _older(policy, [token_id], now).get(token_id, 0))


def token_each(chosen: Filter, *, now: datetime, chunk: int = 1000) -> Iterator[Token]:
    """Every token of this filter, in order, read by pages: for deletion."""
    return (token for token, _ in token_each_judged(chosen, now=now, chunk=chunk))


def token_each_judged(chosen: Filter, *, now: datetime, chunk: int = 1000) -> Iterator[tuple[Token, Over | None]]:
    """As `token_each`, each with what the policy has against it: for exports."""
    cursor = ""
    while True:
        page = token_page(chosen, cursor=cursor, limit=chunk, now=now)
        yield from ((token, page.over.get(token.pk)) for token in page.tokens)
        cursor = page.cursor
        if not cursor:
            return


def _tokens(ids: Sequence[int]) -> list[Token]:
    found = token_list().in_bulk(ids)
    return [found[id_] for id_ in ids if id_ in found]


def _over(token: Token, policy: Policy, now: datetime, older: int) -> Over | None:
    """As `hopkey.server.tokens.verify.stopped_by_policy`."""
    use = getattr(token, "use", None)
    idle = (now - (use.idle_since if use else token.created_at)).total_seconds()
    seconds = lifetime_seconds(token.created_at, token.expires_at)
    return policy.stops(seconds=seconds, label=token.label, older=older, idle=idle)


def _over_policy(
    chosen: Filter, policy: Policy, now: datetime, place: Key | None, limit: int
) -> tuple[list[Key], int | None]:
    """Live tokens that the policy stops, newest first, among the next `SCAN`; and where the search ended, if early."""
    if policy == replace(FREE, networks=policy.networks):
        return [], None  # nothing is ruled out but places, which are no property of a token
    judged = keys(replace(chosen, state=State.LIVE), now, place, SCAN + 1)
    ids = [id_ for _, id_ in judged[:SCAN]]
    older = _older(policy, ids, now)
    found: list[Key] = []
    columns = ("id", "label", "created_at", "expires_at", "use__idle_since")
    for id_, label, created, expires, idle_since in (
        Token.objects.filter(pk__in=ids).order_by("-id").values_list(*columns)
    ):
        idle = (now - (idle_since or created)).total_seconds()
        seconds = lifetime_seconds(created, expires)
        if policy.stops(seconds=seconds, label=label, older=older.get(id_, 0), idle=idle) is not None:
            found.append((id_, id_))
            if len(found) > limit:
                return found, None
    return found, judged[SCAN - 1][1] if len(judged) > SCAN else None


def _older(policy: Policy, ids: Sequence[int], now: datetime) -> dict[int, int]:
    limit = policy.tokens_per_user
    return {} if limit is None else older_counts(ids, upto=limit, now=now)
