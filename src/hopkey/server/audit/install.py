"""The database itself keeps the audit trail append-only: no update and no delete gets past these triggers."""

from __future__ import annotations

from typing import Any

from django.db import connections

_TABLE = "hopkey_audit_event"
_MESSAGE = "hopkey: the audit trail is append-only"

_SQLITE = [
    statement
    for operation in ("UPDATE", "DELETE")
    for statement in (
        f"DROP TRIGGER IF EXISTS hopkey_audit_no_{operation.lower()}",
        f"CREATE TRIGGER hopkey_audit_no_{operation.lower()} BEFORE {operation} ON {_TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
    )
]
_POSTGRESQL = [
    "CREATE OR REPLACE FUNCTION hopkey_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_MESSAGE}'; END $$",
    f"DROP TRIGGER IF EXISTS hopkey_audit_no_change ON {_TABLE}",
    f"CREATE TRIGGER hopkey_audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {_TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION hopkey_audit_refuse()",
]


def install_after_migrate(*, using: str = "default", **_: Any) -> None:
    """Handler of Django's ``post_migrate`` for this application: idempotent."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_lock(7204214)")
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE:
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_unlock(7204214)")
