"""Places of tokens in an order, found by index at any number of tokens.

A plain list walks along the index of its order. A narrowed one cannot know beforehand whether a match comes every
second token or every hundred thousandth, and each needs another way; so the ways are tried from the cheapest:

1. the next `WINDOW` tokens in order: fills a page wherever matches are frequent (of a team they seldom are);
2. all tokens that match the narrowest condition by its own index, if they are at most `FEW`;
3. along the whole order: matches are then frequent enough for that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from hopkey.server.accounts.search import user_ids_containing
from hopkey.server.accounts.selectors import user_ids_matching
from hopkey.server.errors import DomainError
from hopkey.server.tokens import search
from hopkey.server.tokens.filters import Filter, Sort, State
from hopkey.server.tokens.format import is_well_formed, token_digest
from hopkey.server.tokens.models import FAR, Token

EXPIRING_DAYS = 14
UNUSED_DAYS = 90
WINDOW = 1500
FEW = 8000
SMALL = 20_000
"""Tokens up to which a text too short for the search index is looked for in every label."""
_OWNERS = 1000
"""Matching owners up to which they are named one by one."""

Key = tuple[Any, int]
"""The place of a token in an order: the value ordered by, and its id."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of SQL and its values."""

    sql: str
    values: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Text:
    """What a text can match: a label, owners by name or address, a public id; or a digest alone."""

    label: str = ""
    owners: Clause | None = None
    public_id: str = ""
    digest: bytes = b""

    @property
    def exact(self) -> Clause | None:
        """Where one token at most can match."""
        if self.digest:
            return Clause("t.digest = %s", [self.digest])
        return Clause("t.public_id = %s", [self.public_id]) if self.public_id and not self.label else None

    def condition(self) -> Clause:
        parts = [search.label_condition(self.label)]
        if self.owners is not None:
            parts.append((f"t.owner_id IN ({self.owners.sql})", self.owners.values))
        if self.public_id:
            parts.append(("t.public_id = %s", [self.public_id]))
        return Clause(f"({' OR '.join(sql for sql, _ in parts)})", [value for _, values in parts for value in values])

    def candidates(self) -> Clause:
        """Ids by the index of each, together."""
        sql, values = search.label_ids(self.label)
        parts = [Clause(sql, values)]
        if self.owners is not None:
            owned = f"SELECT id FROM hopkey_token WHERE owner_id IN ({self.owners.sql})"  # noqa: S608
            parts.append(Clause(owned, self.owners.values))
        if self.public_id:
            parts.append(Clause("SELECT id FROM hopkey_token WHERE public_id = %s", [self.public_id]))
        return Clause(
            " UNION ALL ".join(part.sql for part in parts), [value for part in parts for value in part.values]
        )


def keys(chosen: Filter, now: datetime, place: Key | None, limit: int) -> list[Key]:
    """The first `limit` places after `place`. Raises `DomainError` (``filter_invalid``) for a text too short."""
    text = _text(chosen.text, among_few=bool(chosen.owner))
    if text is not None and text.exact is not None:
        return _run(chosen, now, place, limit, (*_narrowing(chosen, None), text.exact))
    narrowing = _narrowing(chosen, text)
    if chosen.owner:
        # The owner's index gives them all, a thousand at most.
        fence = "OFFSET 0" if connection.vendor == "postgresql" else "LIMIT -1"
        owner = "COALESCE((SELECT u.id FROM hopkey_user u WHERE LOWER(u.email) = LOWER(%s)), %s)"
        owned = Clause(f"(SELECT id FROM hopkey_token WHERE owner_id = {owner} {fence})", [chosen.owner] * 2)  # noqa: S608
        return _run(chosen, now, place, limit, narrowing, among=owned)
    if not narrowing and _along_index(chosen):
        return _run(chosen, now, place, limit, ())
    if not chosen.team:
        found = _run(chosen, now, place, limit, narrowing, window=True)
        if len(found) >= limit:
            return found
    if text is not None and len(text.label) < search.MINIMUM:
        if (Token.objects.aggregate(last=Max("pk"))["last"] or 0) > SMALL:
            message = f"Search for at least {search.MINIMUM} characters: there are too many tokens for less."
            raise DomainError("filter_invalid", message, field="text")
        return _run(chosen, now, place, limit, narrowing)
    for source in _candidates(chosen, text, now):
        if chosen.team and text is None:
            # Of a team alone, as its page asks: in one query where it is not large.
            of_team = _of_few(chosen, now, place, limit, narrowing, source)
            if of_team is not None:
                return of_team
            break
        ids = _few(source)
        if ids is not None:
            return _run(chosen, now, place, limit, narrowing, among=_listed(ids))
    return _run(chosen, now, place, limit, narrowing)


def _text(text: str, *, among_few: bool) -> _Text | None:
    if not text:
        return None
    if is_well_formed(text):
        return _Text(digest=token_digest(text))
    if text.startswith("hkp_") and len(text) >= 16 and text[4:16].isalnum():
        return _Text(public_id=text[4:16])
    public_id = text if len(text) == 12 and text.isalnum() else ""
    owners = Clause(*user_ids_containing(text)) if among_few else _owners(text)
    return _Text(text, owners, public_id)


def _owners(text: str) -> Clause | None:
    """The people whose name or address contains `text`, as what stands in IN (...)."""
    ids = user_ids_matching(text, _OWNERS + 1)
    if len(ids) > _OWNERS:
        return Clause(*user_ids_containing(text))
    if not ids:
        return None
    if connection.vendor == "postgresql":
        return Clause("SELECT unnest(%s::text[])", [ids])
    return Clause("SELECT value FROM json_each(%s)", [json.dumps(ids)])


def _along_index(chosen: Filter) -> bool:
    """Whether the index of the order also serves the state."""
    served = {
        State.ANY: ("created", "expires", "used"),
        State.EXPIRING: ("expires",),
        State.EXPIRED: ("expires",),
        State.NEVER_USED: ("created",),
        State.NEVER_EXPIRES: ("created", "expires"),
    }
    return chosen.sort.column in served.get(chosen.state, ())


def _narrowing(chosen: Filter, text: _Text | None) -> tuple[Clause, ...]:
    """What the team and the text ask for."""
    found = []
    if chosen.team:
        found.append(
            Clause(
                "t.owner_id IN (SELECT user_id FROM hopkey_membership WHERE workspace_id = %s) "
                "AND (NOT t.restricted OR EXISTS (SELECT 1 FROM hopkey_token_grant g "
                "WHERE g.token_id = t.id AND g.workspace_id = %s)) "
                "AND NOT EXISTS (SELECT 1 FROM hopkey_token_cutoff c WHERE c.token_id = t.id AND c.workspace_id = %s)",
                [chosen.team] * 3,
            )
        )
    if text is not None:
        found.append(text.condition())
    return tuple(found)


def _candidates(chosen: Filter, text: _Text | None, now: datetime) -> Iterator[Clause]:
    """Ids of everything that can match, by one condition each, narrowest guess first."""
    if chosen.team:
        members = "SELECT user_id FROM hopkey_membership WHERE workspace_id = %s"
        yield Clause(f"SELECT id FROM hopkey_token WHERE owner_id IN ({members})", [chosen.team])  # noqa: S608
    if text is not None:
        yield text.candidates()
    if chosen.team or text is not None:
        return
    if chosen.state is State.OWNER_INACTIVE:
        inactive = "SELECT id FROM hopkey_user WHERE NOT is_active"
        yield Clause(f"SELECT id FROM hopkey_token WHERE owner_id IN ({inactive})")  # noqa: S608
    elif chosen.state in (State.LIVE, State.UNUSED):
        yield Clause("SELECT id FROM hopkey_token WHERE ends_at > %s", [_moment_parameter(now)])
    elif chosen.state is State.NEVER_EXPIRES:
        yield Clause("SELECT id FROM hopkey_token WHERE ends_at = %s", [_moment_parameter(FAR)])
    elif chosen.state is State.NEVER_USED:
        yield Clause("SELECT token_id AS id FROM hopkey_token_use WHERE used_at IS NULL")


def _few(source: Clause) -> list[int] | None:
    """The ids of a source, if there are at most `FEW`."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({source.sql}) picked LIMIT {FEW + 1}", source.values)  # noqa: S608
        rows = cursor.fetchall()
    return None if len(rows) > FEW else list({id_ for (id_,) in rows})


def _listed(ids: Sequence[int]) -> Clause:
    """These ids as a table of one column."""
    if connection.vendor == "postgresql":
        return Clause("unnest(%s::bigint[])", [list(ids)])
    return Clause("(SELECT value AS id FROM json_each(%s))", [json.dumps(list(ids))])


def _of_few(
    chosen: Filter, now: datetime, place: Key | None, limit: int, narrowing: Sequence[Clause], source: Clause
) -> list[Key] | None:
    """As `_few` and a look among these ids, in one query; None where there are more than `FEW`. `source` gives each id
    once.
    """
    few = Clause(f"(SELECT id FROM ({source.sql}) source LIMIT {FEW + 1})", source.values)  # noqa: S608
    places = _statement(chosen, now, place, limit, narrowing, among=few)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.*, (SELECT count(*) FROM {few.sql} few) FROM ({places.sql}) p",  # noqa: S608 - our own statements
            [*few.values, *places.values],
        )
        rows = cursor.fetchall()
    if not rows:  # and so no number of ids either
        return None if _few(source) is None else []
    return None if rows[0][2] > FEW else sorted(_read(chosen.sort, rows), reverse=chosen.sort.descending)


def _run(
    chosen: Filter,
    now: datetime,
    place: Key | None,
    limit: int,
    narrowing: Sequence[Clause],
    *,
    among: Clause | None = None,
    window: bool = False,
) -> list[Key]:
    statement = _statement(chosen, now, place, limit, narrowing, among=among, window=window)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.values)
        return _read(chosen.sort, cursor.fetchall())


def _read(sort: Sort, rows: Sequence[Sequence[Any]]) -> list[Key]:
    return [(row[1] if sort.column == "created" else _moment_read(row[0]), row[1]) for row in rows]


def _statement(
    chosen: Filter,
    now: datetime,
    place: Key | None,
    limit: int,
    narrowing: Sequence[Clause],
    *,
    among: Clause | None = None,
    window: bool = False,
) -> Clause:
    """One query. `among`: only these ids are looked at. `window`: only the next `WINDOW` tokens in order."""
    sort, by_use = chosen.sort, chosen.sort.column == "used" or chosen.state is State.NEVER_USED
    # A token's id stands in both tables: in the order of the one that is walked along.
    id_ = "s.token_id" if by_use and among is None else "t.id"
    column = {"created": id_, "expires": "t.ends_at", "used": "s.idle_since"}[sort.column]
    ranged, judged = _conditions(chosen, now)
    use_alone = by_use and among is None and sort.column != "expires" and not judged and not narrowing
    tables, values = ("hopkey_token_use s", []) if use_alone else _tables(by_use, sort, among)
    if place is not None:
        ranged = [*ranged, _after(sort, column, id_, place)]
    order = " DESC" if sort.descending else ""
    ordering = f"{column}{order}" if sort.column == "created" else f"{column}{order}, {id_}{order}"
    if window:
        inner = "t.id, t.label, t.owner_id, t.public_id, t.restricted, t.ends_at"
        used = ", s.used_at, s.idle_since" if by_use else ""
        outer = ", ".join(f"{part}{order}" for part in (("place", "id") if sort.column != "created" else ("place",)))
        narrow = _and([*judged, *narrowing])
        outside = narrow.sql.replace("s.used_at", "t.used_at")
        statement = (
            f"SELECT place, id FROM (SELECT {column} AS place, {inner}{used} FROM {tables} WHERE {_and(ranged).sql} "  # noqa: S608
            f"ORDER BY {ordering} LIMIT {WINDOW}) t WHERE {outside} ORDER BY {outer} LIMIT {limit}"
        )
        values = [*values, *_and(ranged).values, *narrow.values]
    else:
        every = _and([*ranged, *judged, *narrowing])
        number = id_ if use_alone else "t.id"
        statement = (
            f"SELECT {column} AS place, {number} FROM {tables} WHERE {every.sql} ORDER BY {ordering} LIMIT {limit}"  # noqa: S608
        )
        values = [*values, *every.values]
    return Clause(statement, values)


def _tables(by_use: bool, sort: Sort, among: Clause | None) -> tuple[str, list[Any]]:
    """FROM. On SQLite, CROSS JOIN keeps this order of tables (https://www.sqlite.org/optoverview.html, 7.3)."""
    join = "CROSS JOIN" if connection.vendor == "sqlite" else "JOIN"
    if among is not None:
        tables = f"{among.sql} picked(id) JOIN hopkey_token t ON t.id = picked.id"
        if connection.vendor == "sqlite":
            tables = f"{among.sql} picked CROSS JOIN hopkey_token t ON t.id = picked.id"
        return tables + (f" {join} hopkey_token_use s ON s.token_id = t.id" if by_use else ""), list(among.values)
    if not by_use:
        return "hopkey_token t", []
    if sort.column == "expires":
        return f"hopkey_token t {join} hopkey_token_use s ON s.token_id = t.id", []
    return f"hopkey_token_use s {join} hopkey_token t ON t.id = s.token_id", []


def _after(sort: Sort, column: str, id_: str, place: Key) -> Clause:
    sign = "<" if sort.descending else ">"
    if sort.column == "created":
        return Clause(f"{column} {sign} %s", [place[1]])
    return Clause(f"({column}, {id_}) {sign} (%s, %s)", [_moment_parameter(place[0]), place[1]])


def _conditions(chosen: Filter, now: datetime) -> tuple[list[Clause], list[Clause]]:
    """What the state asks for: what an index of the order serves, and what is judged token by token. NOT (...) keeps
    an index out that would lose the order.
    """
    here = _moment_parameter(now)
    active = Clause("EXISTS (SELECT 1 FROM hopkey_user u WHERE u.id = t.owner_id AND u.is_active)")
    unended = Clause("NOT (t.ends_at <= %s)", [here])
    if chosen.state is State.LIVE:
        by_end = chosen.sort.column == "expires"
        return ([Clause("t.ends_at > %s", [here])], [active]) if by_end else ([], [unended, active])
    if chosen.state is State.EXPIRED:
        return [Clause("t.ends_at <= %s", [here])], []
    if chosen.state is State.EXPIRING:
        soon = _moment_parameter(now + timedelta(days=EXPIRING_DAYS))
        return [Clause("t.ends_at > %s AND t.ends_at <= %s", [here, soon])], [active]
    if chosen.state is State.UNUSED:
        long_ago = _moment_parameter(now - timedelta(days=UNUSED_DAYS))
        return [Clause("s.idle_since <= %s", [long_ago])], [unended, active]
    if chosen.state is State.NEVER_USED:
        never = Clause("s.used_at IS NULL")
        return ([never], []) if chosen.sort.column == "created" else ([], [never])
    if chosen.state is State.NEVER_EXPIRES:
        never = Clause("t.ends_at = %s", [_moment_parameter(FAR)])
        return ([never], [active]) if chosen.sort.column != "used" else ([], [never, active])
    if chosen.state is State.OWNER_INACTIVE:
        return [], [Clause("t.owner_id IN (SELECT id FROM hopkey_user WHERE NOT is_active)")]
    return [], []


def _and(clauses: Sequence[Clause]) -> Clause:
    return Clause(
        " AND ".join(clause.sql for clause in clauses) or "1 = 1", [value for item in clauses for value in item.values]
    )


def _moment_parameter(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _moment_read(value: Any) -> datetime:
    """SQLite answers raw statements with texts in UTC."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


def cursor_write(key: Key) -> str:
    value, id_ = key
    return f"{id_}" if not isinstance(value, datetime) else f"{value.astimezone(UTC):%Y%m%dT%H%M%S%f}.{id_}"


def cursor_read(text: str, sort: Sort) -> Key:
    """Raises `DomainError` (``cursor_invalid``)."""
    moment, _, number = text.rpartition(".")
    try:
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise ValueError(number)
        if sort.column == "created":
            return int(number), int(number)
        return datetime.strptime(moment, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC), int(number)
    except ValueError:
        raise DomainError("cursor_invalid", "This page of the list does not exist: go back to the first.") from None
