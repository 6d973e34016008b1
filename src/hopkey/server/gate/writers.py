"""Writing last uses and refusals by plain SQL, on both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from hopkey.server.gate.recorder import LastUse, Place, Writer, utc
from hopkey.server.notices.places import PLACES

_AUDIT_COLUMNS = "at, event, actor_id, actor_label, subject_kind, subject_id, subject_label, address, agent, detail"


class SqliteWriter:
    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=10, isolation_level=None)
        # The trigger that puts an event into the chain asks for it (hopkey.server.audit.install).
        self._connection.create_function(
            "SHA256", 1, lambda text: sha256(text.encode()).hexdigest(), deterministic=True
        )

    def uses(self, uses: dict[int, LastUse], places: list[Place]) -> None:
        # A token deleted meanwhile is no error: there is nothing to write about it any more.
        self._many(
            "INSERT INTO hopkey_token_use (token_id, used_at, idle_since, address, agent) "
            "SELECT id, ?1, ?1, ?2, ?3 FROM hopkey_token WHERE id = ?4 "
            "ON CONFLICT (token_id) DO UPDATE SET used_at = excluded.used_at, idle_since = excluded.used_at, "
            "address = excluded.address, agent = excluded.agent WHERE used_at IS NULL OR excluded.used_at > used_at",
            [(_text(use.at), use.address, use.agent, token_id) for token_id, use in uses.items()],
        )
        if places:
            self._many(
                "INSERT INTO hopkey_token_place (token_id, network, address, agent, seen_at) "
                "SELECT id, ?2, ?3, ?4, ?5 FROM hopkey_token WHERE id = ?1 "
                "AND (SELECT count(*) FROM hopkey_token_place p WHERE p.token_id = ?1) < ?6 "
                "ON CONFLICT (token_id, network) DO NOTHING",
                [(p.token_id, p.network, p.address, p.agent, _text(p.at), PLACES) for p in places],
            )

    def refusals(self, refusals: list[tuple[Any, ...]]) -> None:
        rows = [(_text(row[0].timestamp()), *row[1:]) for row in refusals]
        self._many(f"INSERT INTO hopkey_audit_event ({_AUDIT_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", rows)  # noqa: S608

    def prune(self, keep: int) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "DELETE FROM hopkey_change WHERE seq <= (SELECT seq - ? FROM hopkey_change_head WHERE id = 1)", (keep,)
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()

    def _many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(sql, rows)
        self._connection.execute("COMMIT")


class PostgresqlWriter:
    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, connect_timeout=5)

    def uses(self, uses: dict[int, LastUse], places: list[Place]) -> None:
        # Rows that somebody is deleting are skipped rather than waited for.
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM hopkey_token WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE SKIP LOCKED", (list(uses),)
            )
            live = [row[0] for row in cursor.fetchall()]
            cursor.executemany(
                "INSERT INTO hopkey_token_use (token_id, used_at, idle_since, address, agent) "
                "VALUES (%(id)s, %(at)s, %(at)s, %(address)s, %(agent)s) "
                "ON CONFLICT (token_id) DO UPDATE SET used_at = excluded.used_at, idle_since = excluded.used_at, "
                "address = excluded.address, agent = excluded.agent "
                "WHERE hopkey_token_use.used_at IS NULL OR excluded.used_at > hopkey_token_use.used_at",
                [
                    {"id": item, "at": utc(uses[item].at), "address": uses[item].address, "agent": uses[item].agent}
                    for item in live
                ],
            )
            kept = set(live)
            if any(place.token_id in kept for place in places):
                cursor.executemany(
                    "INSERT INTO hopkey_token_place (token_id, network, address, agent, seen_at) "
                    "SELECT %(id)s, %(network)s, %(address)s, %(agent)s, %(at)s "
                    "WHERE (SELECT count(*) FROM hopkey_token_place WHERE token_id = %(id)s) < %(most)s "
                    "ON CONFLICT (token_id, network) DO NOTHING",
                    [
                        {
                            "id": place.token_id,
                            "network": place.network,
                            "address": place.address,
                            "agent": place.agent,
                            "at": utc(place.at),
                            "most": PLACES,
                        }
                        for place in places
                        if place.token_id in kept
                    ],
                )

    def refusals(self, refusals: list[tuple[Any, ...]]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO hopkey_audit_event ({_AUDIT_COLUMNS}) "  # noqa: S608
                "VALUES (%s,%s,%s,%s,%s,%s,%s,%s,%s,%s::jsonb)",
                refusals,
            )

    def prune(self, keep: int) -> None:
        self._connection.execute(
            "DELETE FROM hopkey_change WHERE seq <= (SELECT seq - %s FROM hopkey_change_head WHERE id = 1)", (keep,)
        )

    def close(self) -> None:
        self._connection.close()


def sqlite_writer(path: Path) -> Callable[[], Writer]:
    return lambda: SqliteWriter(path)


def postgresql_writer(url: str) -> Callable[[], Writer]:
    return lambda: PostgresqlWriter(url)


def _text(seconds: float) -> str:
    """As Django writes moments into SQLite: UTC, without a zone."""
    return utc(seconds).strftime("%Y-%m-%d %H:%M:%S.%f")
