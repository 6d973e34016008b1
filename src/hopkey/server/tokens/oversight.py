"""Everybody's tokens, for those who oversee them: lists that stay fast at a million tokens.

A page is found by its place in an index (keyset), never by counting: one query chooses the ids, one reads the tokens.
Nothing here reads a digest, except to compare it with that of a pasted token.
"""

from __future__ import annotations

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
from hopkey.server.tokens.format import is_well_formed, public_id_in, token_digest, token_in
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
_SCANS = 40
"""How often an act on all of them goes on scanning."""
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

    A token pasted into any field, alone or within a line such as ``Authorization: Bearer hkp_...``, becomes the text.
    """
    try:
        state = State(values.get("state") or "any")
    except ValueError:
        raise DomainError("filter_invalid", f"state is one of {', '.join(State)}.", field="state") from None
    try:
        sort = Sort(values.get("sort") or "-created")
    except ValueError:
        raise DomainError("filter_invalid", f"sort is one of {', '.join(Sort)}.", field="sort") from None
    texts = {name: (values.get(name) or "").replace("\0", "").strip()[:4000] for name in ("owner", "team", "text")}
    pasted = next(filter(None, map(token_in, texts.values())), "")
    # Where there is not the whole of a token, or one with an error in it, what is left of the secret goes no further.
    texts = {name: "" if token_in(given) else public_id_in(given)[:254] for name, given in texts.items()}
    texts["text"] = pasted or texts["text"]
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


def token_page(
    chosen: Filter, *, cursor: str = "", limit: int = PAGE_SIZE, now: datetime | None = None, grants: bool = True
) -> Page:
    """One page of tokens; with `grants`, the teams of restricted ones are at hand. Raises `DomainError`
    (``cursor_invalid``).
    """
    now = now or timezone.now()
    policy = policy_get()
    place = _cursor_read(cursor, chosen.sort) if cursor else None
    judged: _Judged | None = None
    if chosen.state is State.OVER_POLICY:
        judged = _over_policy(chosen, policy, now, place, limit)
        keys = judged.keys
    else:
        keys = _keys(chosen, now, place, limit + 1)
    page, more = keys[:limit], len(keys) > limit
    tokens = _tokens([id_ for _, id_ in page], grants)
    if judged is None:
        return Page(tokens, _cursor_write(page[-1]) if more else "", _over(tokens, policy, now))
    over = {token.pk: judged.over[token.pk] for token in tokens}
    if more or judged.end is None:
        return Page(tokens, _cursor_write(page[-1]) if more else "", over)
    return Page(tokens, _cursor_write((judged.end[1], judged.end[1])), over, judged.end[0])


def token_get(token_id: int, *, now: datetime | None = None) -> Page:
    """The page that holds this token alone. Raises `NotFound` (``token_not_found``)."""
    found = _tokens([token_id] if 0 < token_id < 2**63 else [], grants=True)
    if not found:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    return Page(found, "", _over(found, policy_get(), now or timezone.now()))


def token_page_of(owner: User, *, limit: int, now: datetime) -> Page:
    """The newest tokens of one person; the cursor only tells whether there are more."""
    found = list(token_list(owner=owner).prefetch_related(None)[: limit + 1])
    return Page(found[:limit], "more" if len(found) > limit else "", _over(found[:limit], policy_get(), now))


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
        ids = [id_ for _, id_ in _keys(chosen, now, None, limit + 1)]
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


def _over(tokens: Sequence[Token], policy: Policy, now: datetime) -> dict[int, Over]:
    """What the policy has against each, as `hopkey.server.tokens.verify.stopped_by_policy` judges at use."""
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


Key = tuple[Any, int]
"""The place of a token in an order: the value ordered by, and its id."""


def _keys(chosen: Filter, now: datetime, place: Key | None, limit: int) -> list[Key]:
    """The first `limit` places after `place`, from every way in which a token can match, in one query."""
    parts, values = [], []
    for number, source in enumerate(_sources(chosen)):
        statement, given = _statement(chosen, source, now, place, limit)
        parts.append(f"SELECT * FROM ({statement}) s{number}")  # noqa: S608 - only our own names are put in
        values += given
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        rows = cursor.fetchall()
    if chosen.sort.value.lstrip("-") == "created":
        found = {(id_, id_) for _, id_ in rows}
    else:
        found = {(_moment_read(value), id_) for value, id_ in rows}
    return sorted(found, reverse=chosen.sort.value.startswith("-"))[:limit]


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


def _statement(chosen: Filter, source: Source, now: datetime, place: Key | None, limit: int) -> tuple[str, list[Any]]:
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
    return statement, values


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
        yield f"t.ends_at > %s AND t.ends_at <= %s AND {active}", [here, soon]
    elif chosen.state is State.UNUSED:
        long_ago = _moment_parameter(now - timedelta(days=UNUSED_DAYS))
        yield f"s.idle_since <= %s AND NOT (t.ends_at <= %s) AND {active}", [long_ago, here]
    elif chosen.state is State.NEVER_USED:
        yield "s.used_at IS NULL", []
    elif chosen.state is State.NEVER_EXPIRES:
        yield f"t.ends_at = %s AND {active}", [_moment_parameter(FAR)]
    elif chosen.state is State.OWNER_INACTIVE:
        yield "t.owner_id IN (SELECT id FROM hopkey_user WHERE NOT is_active)", []
    if chosen.owner:
        by_email = "(SELECT u.id FROM hopkey_user u WHERE LOWER(u.email) = LOWER(%s))"
        yield f"t.owner_id = COALESCE({by_email}, %s)", [chosen.owner] * 2
    if chosen.team:
        yield (
            "t.owner_id IN (SELECT user_id FROM hopkey_membership WHERE workspace_id = %s) "
            "AND (NOT t.restricted OR EXISTS (SELECT 1 FROM hopkey_token_grant g "
            "WHERE g.token_id = t.id AND g.workspace_id = %s)) "
            "AND NOT EXISTS (SELECT 1 FROM hopkey_token_cutoff c WHERE c.token_id = t.id AND c.workspace_id = %s)",
            [chosen.team] * 3,
        )


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
    ids = [id_ for _, id_ in _keys(replace(chosen, state=State.LIVE), now, place, SCAN + 1)]
    older = _older(policy, ids[:SCAN], now)
    columns = ("id", "label", "created_at", "expires_at", "use__idle_since")
    rows = {row[0]: row for row in Token.objects.filter(pk__in=ids[:SCAN]).values_list(*columns)}
    found: list[Key] = []
    verdicts: dict[int, Over] = {}
    for id_ in ids[:SCAN]:
        if id_ not in rows:
            continue
        _, label, created, expires, idle_since = rows[id_]
        idle = (now - (idle_since or created)).total_seconds()
        seconds = lifetime_seconds(created, expires)
        over = policy.stops(seconds=seconds, label=label, older=older.get(id_, 0), idle=idle)
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
