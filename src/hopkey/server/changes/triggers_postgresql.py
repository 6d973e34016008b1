"""Triggers on PostgreSQL: deferred constraint triggers, so that the head is locked only from there to the commit.

The names sort after those of foreign keys. A key is written once per transaction: the first one has the lock on the
head until the commit, so a second would say nothing new. Whether a line is of this transaction is told by ``xmin``
too: the numbers of transactions in a dump mean nothing to the cluster it is restored into. ``ENABLE ALWAYS``: changes
that logical replication applies, or a session with ``session_replication_role = replica``, are changes as well.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from hopkey.server.changes.watched import EVERYTHING, WATCHED, Watched

_WRITE = """
CREATE OR REPLACE FUNCTION hopkey_change_write(kind_ text, key_ text) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    seq_ bigint;
    nonce_ text := replace(gen_random_uuid()::text, '-', '');
BEGIN
    IF EXISTS (
        SELECT 1 FROM hopkey_change
        WHERE kind = kind_ AND key = key_ AND txid = txid_current()
            AND xmin::text::bigint = txid_current() % 4294967296
    ) THEN
        RETURN;
    END IF;
    UPDATE hopkey_change_head SET seq = seq + 1, nonce = nonce_ WHERE id = 1 RETURNING seq INTO seq_;
    IF seq_ IS NULL THEN
        RAISE EXCEPTION 'hopkey: the change head is missing; run hopkey migrate';
    END IF;
    INSERT INTO hopkey_change (seq, kind, key, nonce, txid, at)
        VALUES (seq_, kind_, key_, nonce_, txid_current(), clock_timestamp());
END $$
"""

_ROW = """
CREATE OR REPLACE FUNCTION hopkey_change_row() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    old_ text := CASE WHEN TG_OP IN ('UPDATE', 'DELETE') THEN to_jsonb(OLD) ->> TG_ARGV[1] END;
    new_ text := CASE WHEN TG_OP IN ('UPDATE', 'INSERT') THEN to_jsonb(NEW) ->> TG_ARGV[1] END;
BEGIN
    IF old_ IS NOT NULL THEN
        PERFORM hopkey_change_write(TG_ARGV[0], old_);
    END IF;
    IF new_ IS NOT NULL AND new_ IS DISTINCT FROM old_ THEN
        PERFORM hopkey_change_write(TG_ARGV[0], new_);
    END IF;
    RETURN NULL;
END $$
"""

_TRUNCATE = f"""
CREATE OR REPLACE FUNCTION hopkey_change_truncate() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM hopkey_change_write('{EVERYTHING}', TG_TABLE_NAME::text);
    RETURN NULL;
END $$
"""


def statements() -> list[str]:
    """SQL that installs every function and trigger anew."""
    result = [_WRITE, _ROW, _TRUNCATE]
    for watched in WATCHED:
        result.extend(_triggers(watched))
    mark = sha256("".join(result).encode()).hexdigest()
    return [*result, f"COMMENT ON FUNCTION hopkey_change_row() IS '{mark}'"]


def installed(cursor: Any) -> bool:
    """Whether all of it is there already, as this version has it.

    Replacing a trigger locks its table against readers: a node that starts during a dump of the database must not
    stop the gates of all others until the dump has ended.
    """
    cursor.execute(
        "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE t.tgname LIKE 'zz\\_hopkey\\_change\\_%%' AND t.tgenabled = 'A' "
        "AND c.relname = ANY(%s) AND c.relnamespace = current_schema()::regnamespace",
        ([watched.table for watched in WATCHED],),
    )
    if cursor.fetchone()[0] != 3 * len(WATCHED):
        return False
    cursor.execute("SELECT obj_description(to_regproc('hopkey_change_row'), 'pg_proc')")
    return bool(statements()[-1].endswith(f"IS '{cursor.fetchone()[0]}'"))


def _triggers(watched: Watched) -> list[str]:
    table = watched.table
    arguments = f"'{watched.kind}', '{watched.key}'"
    differs = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in watched.columns)
    events = [("write", "INSERT OR DELETE", ""), ("update", "UPDATE", f"WHEN ({differs})" if differs else "")]
    result = []
    for name, event, when in events:
        trigger = f"zz_hopkey_change_{name}"
        result += [
            f"DROP TRIGGER IF EXISTS {trigger} ON {table}",
            f"CREATE CONSTRAINT TRIGGER {trigger} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW {when} EXECUTE FUNCTION hopkey_change_row({arguments})",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}",
        ]
    truncate = "zz_hopkey_change_truncate"
    result += [
        f"DROP TRIGGER IF EXISTS {truncate} ON {table}",
        f"CREATE TRIGGER {truncate} AFTER TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION hopkey_change_truncate()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {truncate}",
    ]
    return result
