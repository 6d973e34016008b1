"""Fills the database of the settings with a large installation: ``python bench/oversight/seed.py TOKENS``.

By bulk SQL with the triggers put aside, under two minutes for a million tokens; afterwards everything is as if it had
come one by one: search index, audit chain, triggers, statistics. The database must be empty.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from bench.oversight import rows  # noqa: E402

from hopkey.server import preparing  # noqa: E402
from hopkey.server.config import Config  # noqa: E402

COLUMNS = {
    "hopkey_user": "id, email, name, is_active, is_administrator, created_at, session_epoch, password, last_login",
    "hopkey_workspace": "id, kind, name, owner_id, created_at",
    "hopkey_membership": "workspace_id, user_id, role, joined_at",
    "hopkey_token": "id, public_id, digest, label, owner_id, created_at, expires_at, restricted, networks",
    "hopkey_token_use": "token_id, used_at, idle_since, address, agent",
    "hopkey_token_grant": "token_id, workspace_id",
    "hopkey_audit_event": "at, event, actor_id, actor_label, subject_kind, subject_id, subject_label, address, agent, detail",
}
LARGE = ("hopkey_token", "hopkey_token_use", "hopkey_token_grant", "hopkey_audit_event")


def main() -> int:
    count = int(sys.argv[1])
    config = Config.load(os.environ, {})
    preparing.prepare(config)
    preparing.migrate(config)
    started = time.perf_counter()
    plan = rows.plan_of(count)
    (postgresql if config.uses_postgresql else sqlite)(plan)
    preparing.migrate(config)  # the triggers and search indexes come back
    finish(config.uses_postgresql)
    print(f"{count:,} tokens, {plan.users:,} people, {plan.teams:,} teams in {time.perf_counter() - started:.0f} s")
    return 0


def tables(plan: rows.Plan) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
    yield "hopkey_user", rows.users(plan)
    yield "hopkey_workspace", rows.workspaces(plan)
    yield "hopkey_membership", rows.memberships(plan)
    kept = list(rows.tokens(plan))
    yield "hopkey_token", (row.token for row in kept)
    yield "hopkey_token_use", (row.use for row in kept)
    yield "hopkey_token_grant", (grant for row in kept for grant in row.grants)
    yield "hopkey_audit_event", (rows.events(plan, row.token, number) for number, row in enumerate(kept, 1))


def sqlite(plan: rows.Plan) -> None:
    from django.db import connection

    from hopkey.server.audit.chain import COLUMNS as HASHED
    from hopkey.server.audit.chain import GENESIS, link_hash, text_of

    connection.ensure_connection()
    raw = connection.connection
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute("PRAGMA cache_size=-800000")
    raw.execute("BEGIN IMMEDIATE")
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    indexes = raw.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {LARGE!r}"
    ).fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    raw.execute("DROP TABLE IF EXISTS hopkey_token_search")
    for table, values in tables(plan):
        marks = ", ".join("?" * len(COLUMNS[table].split(", ")))
        raw.executemany(
            f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})", (tuple(map(_plain, row)) for row in values)
        )
    columns = ", ".join(text_of("sqlite", column, "e") for column in HASHED)
    head = [0, GENESIS]

    def links() -> Iterator[tuple[int, int, str]]:
        for id_, *texts in raw.execute(f"SELECT e.id, {columns} FROM hopkey_audit_event e ORDER BY e.id"):
            head[:] = [head[0] + 1, link_hash(str(head[1]), texts)]
            yield head[0], id_, head[1]  # type: ignore[misc]

    raw.executemany("INSERT INTO hopkey_audit_link (seq, event_id, hash) VALUES (?, ?, ?)", links())
    raw.execute("UPDATE hopkey_audit_head SET seq = ?, hash = ? WHERE id = 1", head)
    for _, statement in indexes:
        raw.execute(statement)
    raw.execute("COMMIT")
    connection.close()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def postgresql(plan: rows.Plan) -> None:
    from django.db import connection, transaction

    from hopkey.server.audit.chain import COLUMNS as HASHED
    from hopkey.server.audit.chain import text_of

    texts = [text_of("postgresql", column, "e") for column in HASHED]
    hashed = " || ".join(["hash_", *(f"octet_length({text}) || ':' || {text}" for text in texts)])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL session_replication_role = replica"
        )  # no triggers, no foreign keys: a superuser's right
        cursor.execute("DROP INDEX IF EXISTS token_label_search")
        cursor.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
            "LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid "
            f"WHERE c.oid IS NULL AND i.indrelid::regclass::text IN {LARGE!r}"
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for table, values in tables(plan):
            with cursor.copy(f"COPY {table} ({COLUMNS[table]}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
        cursor.execute("SELECT setval(pg_get_serial_sequence('hopkey_token', 'id'), %s)", [plan.tokens])
        cursor.execute(
            f"""
            DO $$ DECLARE e hopkey_audit_event%ROWTYPE; hash_ text := repeat('0', 64); seq_ bigint := 0;
            BEGIN
                FOR e IN SELECT * FROM hopkey_audit_event ORDER BY id LOOP
                    seq_ := seq_ + 1;
                    hash_ := encode(sha256(convert_to({hashed}, 'UTF8')), 'hex');
                    INSERT INTO hopkey_audit_link (seq, event_id, hash) VALUES (seq_, e.id, hash_);
                END LOOP;
                UPDATE hopkey_audit_head SET seq = seq_, hash = hash_ WHERE id = 1;
            END $$
            """
        )
        for _, statement in indexes:
            cursor.execute(statement)


def finish(is_postgresql: bool) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        if is_postgresql:
            connection.set_autocommit(True)
            cursor.execute("VACUUM ANALYZE")
        else:
            cursor.execute("PRAGMA optimize=0x10002")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
