"""Finding labels by a part of them, fast at a million tokens: trigrams, in the index of each database.

SQLite: an FTS5 table that follows ``hopkey_token`` by triggers. PostgreSQL: an index of ``pg_trgm``, where that
extension may be made; without it the search still answers, only slower.
"""

from __future__ import annotations

from typing import Any

from django.db import Error, connection, connections, transaction

MINIMUM = 3
"""Characters below which no trigram helps."""

_SQLITE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS hopkey_token_search USING fts5("
    "label, content='hopkey_token', content_rowid='id', tokenize='trigram', detail='none')",
    "CREATE TRIGGER IF NOT EXISTS hopkey_token_search_insert AFTER INSERT ON hopkey_token BEGIN "
    "INSERT INTO hopkey_token_search (rowid, label) VALUES (NEW.id, NEW.label); END",
    "CREATE TRIGGER IF NOT EXISTS hopkey_token_search_delete AFTER DELETE ON hopkey_token BEGIN "
    "INSERT INTO hopkey_token_search (hopkey_token_search, rowid, label) VALUES ('delete', OLD.id, OLD.label); END",
    "CREATE TRIGGER IF NOT EXISTS hopkey_token_search_update AFTER UPDATE OF label ON hopkey_token BEGIN "
    "INSERT INTO hopkey_token_search (hopkey_token_search, rowid, label) VALUES ('delete', OLD.id, OLD.label); "
    "INSERT INTO hopkey_token_search (rowid, label) VALUES (NEW.id, NEW.label); END",
)


def install_after_migrate(*, using: str = "default", **_: Any) -> None:
    """Handler of Django's ``post_migrate``: idempotent."""
    database = connections[using]
    if database.vendor == "postgresql":
        try:
            with transaction.atomic(using=using), database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(7204215)")
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute(
                    "CREATE INDEX IF NOT EXISTS token_label_search ON hopkey_token USING gin (label gin_trgm_ops)"
                )
        except Error:
            return  # not allowed to make extensions: searching goes on without the index
        return
    with transaction.atomic(using=using), database.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name = 'hopkey_token_search_insert'")
        there = cursor.fetchone() is not None
        for statement in _SQLITE:
            cursor.execute(statement)
        if not there:
            # Tokens from before the triggers.
            cursor.execute("INSERT INTO hopkey_token_search (hopkey_token_search) VALUES ('rebuild')")


def label_condition(text: str) -> tuple[str, list[Any]]:
    """SQL for: the label of ``t`` contains `text`, whatever its case; and its values."""
    if connection.vendor == "postgresql":
        return "t.label ILIKE %s", [f"%{like_escape(text)}%"]
    return "t.label LIKE %s ESCAPE '\\'", [f"%{like_escape(text)}%"]


def label_ids(text: str) -> tuple[str, list[Any]]:
    """A query for the ids of tokens whose label contains `text`, by the index; and its values."""
    condition, values = label_condition(text)
    if connection.vendor == "postgresql" or len(text) < MINIMUM:
        return f"SELECT t.id FROM hopkey_token t WHERE {condition}", values  # noqa: S608 - our own condition
    # The trigrams give the candidates one by one; for wildcards that were meant as letters LIKE has the last word.
    # CROSS JOIN: in this order (https://www.sqlite.org/optoverview.html, 7.3).
    return (
        "SELECT t.id FROM hopkey_token_search f CROSS JOIN hopkey_token t ON t.id = f.rowid "  # noqa: S608
        f"WHERE f.label LIKE %s AND {condition}",
        [f"%{text}%", *values],
    )


def like_escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
