"""Everybody's tokens, for those who oversee them: lists that stay fast at a million tokens.

A page is found by its place in an index (keyset), never by counting: two or three queries choose the ids, two more
read the tokens. Nothing here reads a digest, except to compare it with that of a pasted token.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connection
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import user_ids_matching
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.tokens import search
from hopkey.server.tokens.counting import older_counts
from hopkey.server.tokens.format import is_well_formed, token_digest
from hopkey.server.tokens.models import FAR, Token
from hopkey.server.tokens.pasted import secret_removed
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import Over, Policy, lifetime_seconds
from hopkey.server.tokens.selectors import token_list

PAGE_SIZE = 25
EXPIRING_DAYS = 14
UNUSED_DAYS = 90
SCAN = 3_000
"""Tokens that one page judges by the policy, which no index can do."""
_OWNERS = 50


class State(StrEnum):
    """What a list of tokens is narrowed to."""

    ANY = "any"
    LIVE = "live"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    UNUSED = "unused"
    NEVER_USED = "never_used"
    NEVER_EXPIRES = "never_expires"
    OWNER_INACTIVE = "owner_inactive"
    OVER_POLICY = "over_policy"


class Sort(StrEnum):
    """What a list is ordered by; with a leading ``-`` the other way round."""

    NEWEST = "-created"
    OLDEST = "created"
    EXPIRES_FIRST = "expires"
    EXPIRES_LAST = "-expires"
    IDLE_FIRST = "used"
    IDLE_LAST = "-used"


_NATURAL = {
    State.EXPIRING: Sort.EXPIRES_FIRST,
    State.EXPIRED: Sort.EXPIRES_LAST,
    State.UNUSED: Sort.IDLE_FIRST,
    State.OVER_POLICY: Sort.NEWEST,
}
_COLUMN = {"created": "t.id", "expires": "t.ends_at", "used": "s.idle_since"}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tokens, in which order. ``owner``: id or e-mail address; ``team``: id; ``text``: part of a label or of an
    owner's name or address, a public id, or a whole token, which is found by its digest and kept nowhere.
    """

    state: State = State.ANY
    sort: Sort = Sort.NEWEST
    owner: str = ""
    team: str = ""
    text: str = ""

    def settled(self) -> Filter:
        """With the order its state imposes: tokens about to expire come by expiry, and so on."""
        natural = _NATURAL.get(self.state)
        if natural is None or self.sort.value.lstrip("-") == natural.value.lstrip("-"):
            return self
        return replace(self, sort=natural)


def filter_read(values: Mapping[str, str]) -> Filter:
    """A filter from texts. Raises `DomainError` (``filter_invalid``) that names what is wrong.

    Of a token that was begun or mistyped only what names it is taken; a whole one stays, to be found by its digest.
    """
    try:
        state = State(values.get("state") or "any")
    except ValueError:
        raise DomainError("filter_invalid", f"state is one of {', '.join(State)}.", field="state") from None
    try:
        sort = Sort(values.get("sort") or "-created")
    except ValueError:
        raise DomainError("filter_invalid", f"sort is one of {', '.join(Sort)}.", field="sort") from None
    texts = {name: (values.get(name) or "").strip()[:254].replace("\0", "") for name in ("owner", "team", "text")}
    if not is_well_formed(texts["text"]):
        texts["text"] = secret_removed(texts["text"])
    return Filter(state, sort, **texts).settled()


def filter_values(chosen: Filter) -> dict[str, str]:
    """What differs from the plain list, for addresses, forms and the audit trail: nothing of a token's secret."""
    values = {
        "state": chosen.state.value if chosen.state is not State.ANY else "",
        "sort": chosen.sort.value if chosen.sort is not Sort.NEWEST else "",
        "owner": chosen.owner,
        "team": chosen.team,
        "text": secret_removed(chosen.text),
    }
    return {name: value for name, value in values.items() if value}


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
    """One page of tokens. Raises `DomainError` (``cursor_invalid``)."""
    now = now or timezone.now()
    policy = policy_get()
    place = _cursor_read(cursor, chosen.sort) if cursor else None
    searched: int | None = None
    if chosen.state is State.OVER_POLICY:
        keys, searched = _over_policy(chosen, policy, now, place, limit)
    else:
        keys = _keys(chosen, now, place, limit + 1)
    page, more = keys[:limit], len(keys) > limit
    ids = [id_ for _, id_ in page]
    tokens, older = _tokens(ids), _older(policy, ids, now)
    following, back = "", None
    if more:
        following = _cursor_write(page[-1])
    elif searched is not None:
        following = _cursor_write((searched, searched))
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


Key = tuple[Any, int]
"""The place of a token in an order: the value ordered by, and its id."""


def _keys(chosen: Filter, now: datetime, place: Key | None, limit: int) -> list[Key]:
    """The first `limit` places after `place`, from every way in which a token can match, merged."""
    found = [_query(chosen, source, now, place, limit) for source in _sources(chosen)]
    descending = chosen.sort.value.startswith("-")
    merged: list[Key] = []
    for key in heapq.merge(*found, reverse=descending):
        if not merged or merged[-1] != key:
            merged.append(key)
    return merged[:limit]


Source = tuple[str, str, list[Any]]
"""FROM, WHERE and values of one way in which a token can match the text."""


def _sources(chosen: Filter) -> list[Source]:
    plain = "hopkey_token t"
    text = chosen.text
    if not text:
        return [(plain, "", [])]
    if is_well_formed(text):
        return [(plain, "t.digest = %s", [token_digest(text)])]
    if text.startswith("hkp_") and len(text) >= 16 and text[4:16].isalnum():
        return [(plain, "t.public_id = %s", [text[4:16]])]
    sources = [search.label_source(text)]
    if len(text) == 12 and text.isalnum():
        sources.append((plain, "t.public_id = %s", [text]))
    owners = user_ids_matching(text, _OWNERS)
    if owners:
        sources.append((plain, f"t.owner_id IN ({', '.join(['%s'] * len(owners))})", list(owners)))
    return sources


def _query(chosen: Filter, source: Source, now: datetime, place: Key | None, limit: int) -> list[Key]:
    tables, where, values = source
    conditions = [where] if where else []
    values = list(values)
    name = chosen.sort.value.lstrip("-")
    sqlite = connection.vendor == "sqlite"
    if name == "used" or chosen.state is State.NEVER_USED:
        if tables == "hopkey_token t" and sqlite:
            tables = "hopkey_token_use s CROSS JOIN hopkey_token t ON t.id = s.token_id"
        else:
            tables += " JOIN hopkey_token_use s ON s.token_id = t.id"
    for condition, given in _conditions(chosen, now):
        conditions.append(condition)
        values += given
    column = "s.token_id" if name == "created" and chosen.state is State.NEVER_USED else _COLUMN[name]
    descending = chosen.sort.value.startswith("-")
    last = "s.token_id" if name == "used" or chosen.state is State.NEVER_USED else "t.id"
    if place is not None:
        sign = "<" if descending else ">"
        if name == "created":
            conditions.append(f"{column} {sign} %s")
            values.append(place[1])
        else:
            conditions.append(f"({column}, {last}) {sign} (%s, %s)")
            values += [_moment_parameter(place[0]), place[1]]
    order = " DESC" if descending else ""
    ordering = f"{column}{order}" if name == "created" else f"{column}{order}, {last}{order}"
    statement = (
        f"SELECT {column}, t.id FROM {tables} "  # noqa: S608 - only our own names are put in
        f"WHERE {' AND '.join(conditions) or '1 = 1'} ORDER BY {ordering} LIMIT {limit}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    return [(id_ if name == "created" else _moment_read(value), id_) for value, id_ in rows]


def _conditions(chosen: Filter, now: datetime) -> Iterator[tuple[str, list[Any]]]:
    """What the state, the owner and the team ask for. NOT (...) keeps an index out that would lose the order."""
    here, active = (
        _moment_parameter(now),
        "EXISTS (SELECT 1 FROM hopkey_user u WHERE u.id = t.owner_id AND u.is_active)",
    )
    if chosen.state is State.LIVE:
        yield f"NOT (t.ends_at <= %s) AND {active}", [here]
    elif chosen.state is State.EXPIRED:
        yield "t.ends_at <= %s", [here]
    elif chosen.state is State.EXPIRING:
        soon = _moment_parameter(now + timedelta(days=EXPIRING_DAYS))
        yield "t.ends_at > %s AND t.ends_at <= %s", [here, soon]
    elif chosen.state is State.UNUSED:
        long_ago = _moment_parameter(now - timedelta(days=UNUSED_DAYS))
        yield "s.idle_since <= %s AND NOT (t.ends_at <= %s)", [long_ago, here]
    elif chosen.state is State.NEVER_USED:
        yield "s.used_at IS NULL", []
    elif chosen.state is State.NEVER_EXPIRES:
        yield "t.ends_at = %s", [_moment_parameter(FAR)]
    elif chosen.state is State.OWNER_INACTIVE:
        yield "t.owner_id IN (SELECT id FROM hopkey_user WHERE NOT is_active)", []
    if chosen.owner:
        owner = User.objects.filter(email__iexact=chosen.owner).values_list("pk", flat=True).first()
        yield "t.owner_id = %s", [owner or chosen.owner]
    if chosen.team:
        yield (
            "t.owner_id IN (SELECT user_id FROM hopkey_membership WHERE workspace_id = %s) "
            "AND (NOT t.restricted OR EXISTS (SELECT 1 FROM hopkey_token_grant g "
            "WHERE g.token_id = t.id AND g.workspace_id = %s)) "
            "AND NOT EXISTS (SELECT 1 FROM hopkey_token_cutoff c WHERE c.token_id = t.id AND c.workspace_id = %s)",
            [chosen.team] * 3,
        )


def _over_policy(
    chosen: Filter, policy: Policy, now: datetime, place: Key | None, limit: int
) -> tuple[list[Key], int | None]:
    """Live tokens that the policy stops, newest first, among the next `SCAN`; and where the search ended, if early."""
    keys = _keys(replace(chosen, state=State.LIVE), now, place, SCAN + 1)
    ids = [id_ for _, id_ in keys[:SCAN]]
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
    return found, keys[SCAN - 1][1] if len(keys) > SCAN else None


def _older(policy: Policy, ids: Sequence[int], now: datetime) -> dict[int, int]:
    limit = policy.tokens_per_user
    return {} if limit is None else older_counts(ids, upto=limit, now=now)


def _moment_parameter(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _moment_read(value: Any) -> datetime:
    """SQLite answers raw statements with texts in UTC."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


def _cursor_write(key: Key) -> str:
    value, id_ = key
    return f"{id_}" if not isinstance(value, datetime) else f"{value.astimezone(UTC):%Y%m%dT%H%M%S%f}.{id_}"


def _cursor_read(text: str, sort: Sort) -> Key:
    moment, _, number = text.rpartition(".")
    try:
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise ValueError(number)
        if sort.value.lstrip("-") == "created":
            return int(number), int(number)
        return datetime.strptime(moment, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC), int(number)
    except ValueError:
        raise DomainError("cursor_invalid", "This page of the list does not exist: go back to the first.") from None
