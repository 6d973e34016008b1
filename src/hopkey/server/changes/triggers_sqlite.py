"""Triggers on SQLite: row triggers, whose writes commit with what they speak of.

SQLite has one writer at a time, so the order of ``seq`` is the order of commit by itself. Inside a batch
(`hopkey.server.changes.batch`) a key is written once. ``REPLACE`` deletes the rows in its way without the triggers of
a deletion (https://www.sqlite.org/lang_conflict.html): a trigger before the insertion speaks for them.
"""

from __future__ import annotations

from typing import Any

from hopkey.server.changes.watched import EVERYTHING, WATCHED, Watched

_WRITE = """
    SELECT RAISE(ABORT, 'hopkey: the change head is missing; run hopkey migrate')
        WHERE NOT EXISTS (SELECT 1 FROM hopkey_change_head WHERE id = 1);
    UPDATE hopkey_change_head SET seq = seq + 1, nonce = lower(hex(randomblob(16)))
        WHERE id = 1 AND NOT EXISTS (
            SELECT 1 FROM hopkey_change c
            WHERE c.seq > hopkey_change_head.batch_from AND c.kind = '{kind}' AND c.key = CAST({row}.{key} AS TEXT));
    INSERT OR IGNORE INTO hopkey_change (seq, kind, key, nonce, at)
        SELECT h.seq, '{kind}', CAST({row}.{key} AS TEXT), h.nonce, strftime('%Y-%m-%d %H:%M:%f', 'now')
        FROM hopkey_change_head h
        WHERE h.id = 1 AND NOT EXISTS (SELECT 1 FROM hopkey_change c WHERE c.seq = h.seq);
"""

_WRITE_EVERYTHING = f"""
    UPDATE hopkey_change_head SET seq = seq + 1, nonce = lower(hex(randomblob(16))) WHERE id = 1;
    INSERT INTO hopkey_change (seq, kind, key, nonce, at)
        SELECT h.seq, '{EVERYTHING}', 'replaced', h.nonce, strftime('%Y-%m-%d %H:%M:%f', 'now')
        FROM hopkey_change_head h WHERE h.id = 1;
"""  # noqa: S608 - a constant


def statements() -> list[str]:
    """SQL that installs every trigger anew."""
    result = []
    for watched in WATCHED:
        for operation in ("INSERT", "UPDATE", "DELETE"):
            result.extend(_trigger(watched, operation))
        result.extend(_replacing(watched))
    return result


def installed(cursor: Any) -> bool:
    """Whether all of it is there already, as this version has it: SQLite keeps the text of each trigger."""
    wanted = {statement for statement in statements() if statement.startswith("CREATE")}
    cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
    return wanted <= {row[0] for row in cursor.fetchall()}


def _replacing(watched: Watched) -> list[str]:
    """A row that takes the place of another, by ``INSERT OR REPLACE`` or ``UPDATE OR REPLACE``."""
    table, result = watched.table, []
    same = " OR ".join(
        "(" + " AND ".join(f"r.{column} = NEW.{column}" for column in columns) + ")"
        for columns in (("id",), *watched.unique)
    )
    columns = ", ".join(sorted({"id", *(column for columns in watched.unique for column in columns)}))
    for operation, event, other in (
        ("insert", "INSERT", ""),
        ("update", f"UPDATE OF {columns}", " AND r.rowid IS NOT OLD.rowid"),
    ):
        name = f"hopkey_change_{table}_replace_{operation}"
        result += [
            f"DROP TRIGGER IF EXISTS {name}",
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} "  # noqa: S608 - of names of ours
            f"WHEN EXISTS (SELECT 1 FROM {table} r WHERE ({same}){other}) BEGIN {_WRITE_EVERYTHING} END",
        ]
    return result


def _trigger(watched: Watched, operation: str) -> list[str]:
    name = f"hopkey_change_{watched.table}_{operation.lower()}"
    rows = {"INSERT": ("NEW",), "DELETE": ("OLD",), "UPDATE": ("OLD", "NEW")}[operation]
    body = _write(watched, rows[0])
    if operation == "UPDATE":
        # Old and new key differ only when something moved; then both are stale.
        body = _write(watched, "NEW")
    when = ""
    if operation == "UPDATE" and watched.columns:
        differs = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in watched.columns)
        when = f"WHEN {differs} "
    result = [
        f"DROP TRIGGER IF EXISTS {name}",
        f"CREATE TRIGGER {name} AFTER {operation} ON {watched.table} {when}BEGIN {body} END",
    ]
    if operation == "UPDATE":
        moved = f"{name}_moved"
        result += [
            f"DROP TRIGGER IF EXISTS {moved}",
            f"CREATE TRIGGER {moved} AFTER UPDATE ON {watched.table} "
            f"WHEN OLD.{watched.key} IS NOT NEW.{watched.key} BEGIN {_write(watched, 'OLD')} END",
        ]
    return result


def _write(watched: Watched, row: str) -> str:
    return _WRITE.format(kind=watched.kind, key=watched.key, row=row)
