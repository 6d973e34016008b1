"""Everybody's tokens, for those who oversee them: lists that stay fast at a million tokens.

A page is found by its place in an index (`hopkey.server.tokens.keyset`), never by counting: one to four queries choose
the ids, two more read the tokens. Nothing here reads a digest, except to compare it with that of a pasted token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.errors import NotFound
from hopkey.server.tokens import keyset
from hopkey.server.tokens.counting import older_count, older_counts
from hopkey.server.tokens.filters import Filter as Filter
from hopkey.server.tokens.filters import Sort as Sort
from hopkey.server.tokens.filters import State as State
from hopkey.server.tokens.filters import filter_read as filter_read
from hopkey.server.tokens.filters import filter_values as filter_values
from hopkey.server.tokens.keyset import EXPIRING_DAYS as EXPIRING_DAYS
from hopkey.server.tokens.keyset import UNUSED_DAYS as UNUSED_DAYS
from hopkey.server.tokens.keyset import Key, cursor_read, cursor_write
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import FREE, Over, Policy, lifetime_seconds
from hopkey.server.tokens.selectors import token_list

PAGE_SIZE = 25
SCAN = 500
"""Tokens that one page judges by the policy, which no index can do."""
_SCANS = 240
"""How often an act on all of them goes on scanning."""


@dataclass(frozen=True, slots=True)
class Page:
    """Tokens in order. ``cursor`` leads to the next page, empty at the end. ``over`` says, by token id, what the policy
    has against a token. ``searched_to``: only tokens generated since then were judged; the next page goes on.
    """

    tokens: Sequence[Token]
    cursor: str
    over: dict[int, Over]
    searched_to: datetime | None = None


def token_page(
    chosen: Filter, *, cursor: str = "", limit: int = PAGE_SIZE, now: datetime | None = None, grants: bool = True
) -> Page:
    """One page of tokens; with `grants`, the teams of restricted ones are at hand. Raises `DomainError`
    (``cursor_invalid``; ``filter_invalid`` for a text too short).
    """
    now = now or timezone.now()
    policy = policy_get()
    place = cursor_read(cursor, chosen.sort) if cursor else None
    judged: _Judged | None = None
    if chosen.state is State.OVER_POLICY:
        judged = _over_policy(chosen, policy, now, place, limit)
        found = judged.keys
    else:
        found = keyset.keys(chosen, now, place, limit + 1)
    page, more = found[:limit], len(found) > limit
    tokens = _tokens([id_ for _, id_ in page], grants)
    if judged is None:
        return Page(tokens, cursor_write(page[-1]) if more else "", _over(tokens, policy, now))
    over = {token.pk: judged.over[token.pk] for token in tokens}
    if more or judged.end is None:
        return Page(tokens, cursor_write(page[-1]) if more else "", over)
    return Page(tokens, cursor_write((judged.end[1], judged.end[1])), over, judged.end[0])


def token_get(token_id: int, *, now: datetime | None = None) -> Page:
    """The page that holds this token alone. Raises `NotFound` (``token_not_found``)."""
    found = _tokens([token_id] if 0 < token_id < 2**63 else [], grants=True)
    if not found:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    return Page(found, "", _over(found, policy_get(), now or timezone.now()))


def token_page_of(owner: User, *, limit: int, now: datetime) -> Page:
    """The newest tokens of one person; the cursor only tells whether there are more."""
    policy = policy_get()
    older = older_count(upto=policy.tokens_per_user, now=now)
    found = list(token_list(owner=owner).prefetch_related(None).annotate(older=older)[: limit + 1])
    counted = {token.pk: token.older for token in found}
    return Page(found[:limit], "more" if len(found) > limit else "", _over(found[:limit], policy, now, counted))


def token_pages(chosen: Filter, *, now: datetime, chunk: int = 1000) -> Iterator[Page]:
    """The whole list of this filter, page by page: for exports."""
    cursor = ""
    while True:
        page = token_page(chosen, cursor=cursor, limit=chunk, now=now)
        yield page
        cursor = page.cursor
        if not cursor:
            return


def token_judged(token_id: int, *, now: datetime) -> tuple[Token, Over | None]:
    """One token, with what the policy has against it. Raises `NotFound` (``token_not_found``)."""
    page = token_get(token_id, now=now)
    return page.tokens[0], page.over.get(token_id)


def token_each(chosen: Filter, *, now: datetime, chunk: int = 1000) -> Iterator[Token]:
    """Every token of this filter, in order, read by pages."""
    return (token for token, _ in token_each_judged(chosen, now=now, chunk=chunk))


def token_each_judged(chosen: Filter, *, now: datetime, chunk: int = 1000) -> Iterator[tuple[Token, Over | None]]:
    """As `token_each`, each with what the policy has against it: for exports."""
    for page in token_pages(chosen, now=now, chunk=chunk):
        yield from ((token, page.over.get(token.pk)) for token in page.tokens)


def token_ids(chosen: Filter, *, now: datetime, limit: int) -> tuple[list[int], bool]:
    """The ids of the first `limit` tokens of this filter, and whether there may be more: what an act on "all that
    match" is for.
    """
    if chosen.state is not State.OVER_POLICY:
        ids = [id_ for _, id_ in keyset.keys(chosen, now, None, limit + 1)]
        return ids[:limit], len(ids) > limit
    policy, place = policy_get(), None
    ids = []
    for _ in range(_SCANS):
        judged = _over_policy(chosen, policy, now, place, limit - len(ids))
        ids += [id_ for _, id_ in judged.keys]
        if len(ids) > limit:
            return ids[:limit], True
        if judged.end is None:
            return ids, False
        place = (judged.end[1], judged.end[1])
    return ids, True


def _tokens(ids: Sequence[int], grants: bool) -> list[Token]:
    tokens = token_list()
    found = (tokens if grants else tokens.prefetch_related(None)).in_bulk(ids)
    return [found[id_] for id_ in ids if id_ in found]


def _over(
    tokens: Sequence[Token], policy: Policy, now: datetime, older: Mapping[int, int] | None = None
) -> dict[int, Over]:
    """What the policy has against each, as `hopkey.server.tokens.verify.stopped_by_policy` judges at use. `older`: how
    many older tokens the owner of each has, where that was counted before.
    """
    if older is None:
        older = _older(policy, [token.pk for token in tokens], now)
    found = {}
    for token in tokens:
        use = getattr(token, "use", None)
        idle = (now - (use.idle_since if use else token.created_at)).total_seconds()
        seconds = lifetime_seconds(token.created_at, token.expires_at)
        over = policy.stops(seconds=seconds, label=token.label, older=older.get(token.pk, 0), idle=idle)
        if over is not None:
            found[token.pk] = over
    return found


@dataclass(frozen=True, slots=True)
class _Judged:
    """Tokens that the policy stops, one more than asked for where there are more; what it has against each; and, where
    the search ended before the last token, when the last one judged was generated, and its id.
    """

    keys: list[Key]
    over: dict[int, Over]
    end: tuple[datetime | None, int] | None = None


def _over_policy(chosen: Filter, policy: Policy, now: datetime, place: Key | None, limit: int) -> _Judged:
    """Live tokens that the policy stops, among the next `SCAN`."""
    if policy == replace(FREE, networks=policy.networks):
        return _Judged([], {})  # nothing is ruled out but places, which are no property of a token
    ids = [id_ for _, id_ in keyset.keys(replace(chosen, state=State.LIVE), now, place, SCAN + 1)]
    older = older_count(upto=policy.tokens_per_user, now=now)
    columns = ("id", "label", "created_at", "expires_at", "use__idle_since", older)
    rows = {row[0]: row for row in Token.objects.filter(pk__in=ids[:SCAN]).values_list(*columns)}
    found: list[Key] = []
    verdicts: dict[int, Over] = {}
    for id_ in ids[:SCAN]:
        if id_ not in rows:
            continue
        _, label, created, expires, idle_since, before = rows[id_]
        idle = (now - (idle_since or created)).total_seconds()
        seconds = lifetime_seconds(created, expires)
        over = policy.stops(seconds=seconds, label=label, older=before, idle=idle)
        if over is not None:
            found.append((id_, id_))
            verdicts[id_] = over
            if len(found) > limit:
                return _Judged(found, verdicts)
    if len(ids) <= SCAN:
        return _Judged(found, verdicts)
    last = ids[SCAN - 1]
    return _Judged(found, verdicts, (rows[last][2] if last in rows else None, last))


def _older(policy: Policy, ids: Sequence[int], now: datetime) -> dict[int, int]:
    limit = policy.tokens_per_user
    return {} if limit is None else older_counts(ids, upto=limit, now=now)
