"""What the database itself does for the audit trail: it is append-only, and every event enters the chain.

Triggers do both, so that no code of ours and no plain SQL can forget. Removing events older than the trail is kept
is the one exception (`hopkey.server.audit.services.audit_prune`).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.apps import apps
from django.db import connections, transaction

from hopkey.server.audit.chain import COLUMNS, GENESIS, link_hash, text_of

_MESSAGE = "hopkey: the audit trail is append-only"
_MISSING = "hopkey: the head of the audit trail is missing; run hopkey migrate"


def _sqlite_hash() -> str:
    texts = (text_of("sqlite", column, "NEW") for column in COLUMNS)
    return " || ".join(["h.hash", *(f"length(CAST({text} AS BLOB)) || ':' || {text}" for text in texts)])


def _postgresql_hash() -> str:
    texts = (text_of("postgresql", column, "NEW") for column in COLUMNS)
    return " || ".join(["head_.hash", *(f"octet_length({text}) || ':' || {text}" for text in texts)])


_SQLITE = [
    "DROP TRIGGER IF EXISTS hopkey_audit_no_update",
    "CREATE TRIGGER hopkey_audit_no_update BEFORE UPDATE ON hopkey_audit_event "
    f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
    "DROP TRIGGER IF EXISTS hopkey_audit_no_delete",
    "CREATE TRIGGER hopkey_audit_no_delete BEFORE DELETE ON hopkey_audit_event "
    "WHEN NOT EXISTS (SELECT 1 FROM hopkey_audit_head h WHERE OLD.at < h.kept_from) "
    f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
    "DROP TRIGGER IF EXISTS hopkey_audit_link_no_update",
    "CREATE TRIGGER hopkey_audit_link_no_update BEFORE UPDATE ON hopkey_audit_link "
    f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
    "DROP TRIGGER IF EXISTS hopkey_audit_link_no_delete",
    "CREATE TRIGGER hopkey_audit_link_no_delete BEFORE DELETE ON hopkey_audit_link "
    "WHEN NOT EXISTS (SELECT 1 FROM hopkey_audit_head h WHERE OLD.seq <= h.pruned_seq) "
    f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END",
    "DROP TRIGGER IF EXISTS hopkey_audit_chain",
    # SHA256 is a function of the connection: Django brings it, and so does the gate's writer.
    "CREATE TRIGGER hopkey_audit_chain AFTER INSERT ON hopkey_audit_event BEGIN "
    f"SELECT RAISE(ABORT, '{_MISSING}') WHERE NOT EXISTS (SELECT 1 FROM hopkey_audit_head WHERE id = 1); "
    "INSERT INTO hopkey_audit_link (seq, event_id, hash) "
    f"SELECT h.seq + 1, NEW.id, SHA256({_sqlite_hash()}) FROM hopkey_audit_head h WHERE h.id = 1; "
    "UPDATE hopkey_audit_head SET seq = seq + 1, "
    "hash = (SELECT l.hash FROM hopkey_audit_link l WHERE l.event_id = NEW.id) WHERE id = 1; END",
]

_POSTGRESQL = [
    f"""
    CREATE OR REPLACE FUNCTION hopkey_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{_MESSAGE}'; END $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION hopkey_audit_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM hopkey_audit_head h WHERE OLD.at < h.kept_from) THEN RETURN OLD; END IF;
        RAISE EXCEPTION '{_MESSAGE}';
    END $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION hopkey_audit_link_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM hopkey_audit_head h WHERE OLD.seq <= h.pruned_seq) THEN RETURN OLD; END IF;
        RAISE EXCEPTION '{_MESSAGE}';
    END $$
    """,
    # At the end of the transaction, and after the lock that every change of authority takes first: two transactions
    # that do both wait for one another in one order only.
    f"""
    CREATE OR REPLACE FUNCTION hopkey_audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        head_ hopkey_audit_head%ROWTYPE;
        hash_ text;
    BEGIN
        PERFORM 1 FROM hopkey_change_head WHERE id = 1 FOR UPDATE;
        SELECT * INTO head_ FROM hopkey_audit_head WHERE id = 1 FOR UPDATE;
        IF head_.id IS NULL THEN RAISE EXCEPTION '{_MISSING}'; END IF;
        hash_ := encode(sha256(convert_to({_postgresql_hash()}, 'UTF8')), 'hex');
        INSERT INTO hopkey_audit_link (seq, event_id, hash) VALUES (head_.seq + 1, NEW.id, hash_);
        UPDATE hopkey_audit_head SET seq = head_.seq + 1, hash = hash_ WHERE id = 1;
        RETURN NULL;
    END $$
    """,
    "DROP TRIGGER IF EXISTS hopkey_audit_no_change ON hopkey_audit_event",
    "CREATE TRIGGER hopkey_audit_no_change BEFORE UPDATE OR TRUNCATE ON hopkey_audit_event "
    "FOR EACH STATEMENT EXECUTE FUNCTION hopkey_audit_refuse()",
    "DROP TRIGGER IF EXISTS hopkey_audit_no_delete ON hopkey_audit_event",
    "CREATE TRIGGER hopkey_audit_no_delete BEFORE DELETE ON hopkey_audit_event "
    "FOR EACH ROW EXECUTE FUNCTION hopkey_audit_delete()",
    "DROP TRIGGER IF EXISTS hopkey_audit_link_no_change ON hopkey_audit_link",
    "CREATE TRIGGER hopkey_audit_link_no_change BEFORE UPDATE OR TRUNCATE ON hopkey_audit_link "
    "FOR EACH STATEMENT EXECUTE FUNCTION hopkey_audit_refuse()",
    "DROP TRIGGER IF EXISTS hopkey_audit_link_no_delete ON hopkey_audit_link",
    "CREATE TRIGGER hopkey_audit_link_no_delete BEFORE DELETE ON hopkey_audit_link "
    "FOR EACH ROW EXECUTE FUNCTION hopkey_audit_link_delete()",
    "DROP TRIGGER IF EXISTS zz_hopkey_audit_chain ON hopkey_audit_event",
    "CREATE CONSTRAINT TRIGGER zz_hopkey_audit_chain AFTER INSERT ON hopkey_audit_event "
    "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hopkey_audit_chain()",
]


def install_after_migrate(*, using: str = "default", **_: Any) -> None:
    """Handler of Django's ``post_migrate`` for this application: idempotent."""
    connection = connections[using]
    head = apps.get_model("audit", "AuditHead")
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(7204214)")
        head.objects.using(using).get_or_create(id=1, defaults={"hash": GENESIS, "pruned_hash": GENESIS})
        if connection.vendor == "postgresql" and _installed(cursor):
            return
        _link_earlier(connection.vendor, cursor)
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE:
            cursor.execute(statement)


_MARK = sha256("".join(_POSTGRESQL).encode()).hexdigest()
_POSTGRESQL.append(f"COMMENT ON FUNCTION hopkey_audit_chain() IS '{_MARK}'")


def _installed(cursor: Any) -> bool:
    """Whether all of it is there as this version has it: replacing triggers would wait for a dump under way, and all
    that writes would wait behind it.
    """
    cursor.execute(
        "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'D' AND tgrelid IN (to_regclass('hopkey_audit_event'), "
        "to_regclass('hopkey_audit_link')) AND tgname LIKE '%%hopkey\\_audit\\_%%'"
    )
    if cursor.fetchone()[0] != sum(
        statement.startswith("CREATE") and "TRIGGER" in statement for statement in _POSTGRESQL
    ):
        return False
    cursor.execute("SELECT obj_description(to_regproc('hopkey_audit_chain'), 'pg_proc')")
    return bool(cursor.fetchone()[0] == _MARK)


def _link_earlier(vendor: str, cursor: Any) -> None:
    """Events from before there was a chain enter it in the order of their ids."""
    cursor.execute("SELECT seq, hash FROM hopkey_audit_head WHERE id = 1")
    seq, hash_ = cursor.fetchone()
    if seq:
        return
    columns = ", ".join(text_of(vendor, column, "e") for column in COLUMNS)
    cursor.execute(f"SELECT e.id, {columns} FROM hopkey_audit_event e ORDER BY e.id")
    for id_, *texts in cursor.fetchall():
        seq, hash_ = seq + 1, link_hash(hash_, texts)
        cursor.execute("INSERT INTO hopkey_audit_link (seq, event_id, hash) VALUES (%s, %s, %s)", [seq, id_, hash_])
    if seq:
        cursor.execute("UPDATE hopkey_audit_head SET seq = %s, hash = %s WHERE id = 1", [seq, hash_])
