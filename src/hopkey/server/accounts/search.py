"""Finding people by a part of their name or address, fast at many: trigrams, in the index of each database.

SQLite: an FTS5 table that follows ``hopkey_user`` by triggers; it keeps ids, because rows of a table with a text key
may be numbered anew. PostgreSQL: indexes of ``pg_trgm``, where that extension may be made; without it the search still
answers, only slower.
"""

from __future__ import annotations

from typing import Any

from django.db import Error, connection, connections, transaction

MINIMUM = 3
"""Characters below which no trigram helps."""

_SQLITE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS hopkey_user_search USING fts5("
    "user_id UNINDEXED, email, name, tokenize='trigram', detail='none')",
    "CREATE TRIGGER IF NOT EXISTS hopkey_user_search_insert AFTER INSERT ON hopkey_user BEGIN "
    "INSERT INTO hopkey_user_search (user_id, email, name) VALUES (NEW.id, NEW.email, NEW.name); END",
    "CREATE TRIGGER IF NOT EXISTS hopkey_user_search_delete AFTER DELETE ON hopkey_user BEGIN "
    "DELETE FROM hopkey_user_search WHERE user_id = OLD.id; END",
    "CREATE TRIGGER IF NOT EXISTS hopkey_user_search_update AFTER UPDATE OF email, name ON hopkey_user "
    "WHEN OLD.email <> NEW.email OR OLD.name <> NEW.name BEGIN "
    "UPDATE hopkey_user_search SET email = NEW.email, name = NEW.name WHERE user_id = OLD.id; END",
)
_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX IF NOT EXISTS user_email_search ON hopkey_user USING gin (email gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS user_name_search ON hopkey_user USING gin (name gin_trgm_ops)",
)


def install_after_migrate(*, using: str = "default", **_: Any) -> None:
    """Handler of Django's ``post_migrate``: idempotent."""
    database = connections[using]
    if database.vendor == "postgresql":
        try:
            with transaction.atomic(using=using), database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(7204216)")
                for statement in _POSTGRESQL:
                    cursor.execute(statement)
        except Error:
            return  # not allowed to make extensions: searching goes on without the index
        return
    with transaction.atomic(using=using), database.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name = 'hopkey_user_search_insert'")
        there = cursor.fetchone() is not None
        for statement in _SQLITE:
            cursor.execute(statement)
        if not there:
            # People from before the triggers.
            cursor.execute("DELETE FROM hopkey_user_search")
            cursor.execute(
                "INSERT INTO hopkey_user_search (user_id, email, name) SELECT id, email, name FROM hopkey_user"
            )


def user_ids_containing(text: str) -> tuple[str, list[Any]]:
    """A query for the ids of people whose name or address contains `text`, whatever its case, or whose id it is; and
    its values.
    """
    sql, values = _containing(text)
    return f"{sql} UNION ALL SELECT id FROM hopkey_user WHERE id = %s", [*values, text]  # noqa: S608 - our own query


def _containing(text: str) -> tuple[str, list[Any]]:
    like = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    if connection.vendor == "postgresql":
        return "SELECT id FROM hopkey_user WHERE email ILIKE %s OR name ILIKE %s", [like, like]
    condition = "(u.email LIKE %s ESCAPE '\\' OR u.name LIKE %s ESCAPE '\\')"
    if len(text) < MINIMUM:
        return f"SELECT u.id FROM hopkey_user u WHERE {condition}", [like, like]  # noqa: S608 - our own condition
    # One query per column: an index of trigrams serves no OR. Who matches in both comes twice.
    found = " UNION ALL ".join(
        f"SELECT u.id FROM hopkey_user_search f CROSS JOIN hopkey_user u ON u.id = f.user_id "  # noqa: S608
        f"WHERE f.{column} LIKE %s AND {condition}"
        for column in ("email", "name")
    )
    return found, [f"%{text}%", like, like] * 2
