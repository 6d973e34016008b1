"""The chain over the audit trail: each event's hash covers the event and the hash before it (SHA-256).

Whoever changes, removes or slips in an event breaks it from there on. Who can write the whole database could compute
it anew; against that an administrator keeps the head elsewhere and asks whether it is still part of the chain
(docs/audit.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from hopkey.server.audit.models import AuditEvent, AuditHead
from hopkey.server.errors import DomainError

GENESIS = "0" * 64
_HEAD = re.compile(r"([0-9]{1,18}):([0-9A-Fa-f]{64})")
COLUMNS = (
    "id", "at", "event", "actor_id", "actor_label", "subject_kind", "subject_id", "subject_label", "address", "agent",
    "detail",
)  # fmt: skip
"""What the hash covers, in this order, each as the database writes it as text."""


def text_of(vendor: str, column: str, row: str) -> str:
    """SQL for a column of `row` as the text that is hashed."""
    if vendor != "postgresql":
        return f"CAST({row}.{column} AS TEXT)"
    if column == "at":
        return f"to_char({row}.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return f"{row}.{column}::text"


def link_hash(previous: str, texts: Sequence[str]) -> str:
    """The hash of an event with these texts after the one with the hash `previous`: each text after its length in
    bytes, so that nothing can move from one to the next.
    """
    parts = [previous.encode("ascii")]
    for text in texts:
        data = text.encode("utf-8")
        parts.append(b"%d:%s" % (len(data), data))
    return hashlib.sha256(b"".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """``fault``: the first thing that is wrong, in words, empty if nothing is. ``seq`` and ``hash``: the head."""

    checked: int
    seq: int
    hash: str
    pruned_seq: int
    fault: str


def head_read(text: str) -> tuple[int, str] | None:
    """A head noted earlier, ``SEQ:HASH``; None for an empty text. Raises `DomainError` (``head_invalid``)."""
    text = text.strip()
    if not text:
        return None
    found = _HEAD.fullmatch(text)
    if found is None:
        message = "A head is SEQ:HASH as an earlier verification gave it: a number and 64 hexadecimal digits."
        raise DomainError("head_invalid", message, field="expect")
    return int(found.group(1)), found.group(2).lower()


def chain_verify(expect: tuple[int, str] | None = None) -> Verdict:
    """Compute the whole chain anew and compare. `expect`: a head noted earlier, which must still be in it."""
    vendor = connection.vendor
    columns = ", ".join(text_of(vendor, column, "e") for column in COLUMNS)
    alone = not connection.in_atomic_block
    with transaction.atomic():
        if vendor == "postgresql" and alone:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        head = AuditHead.objects.get(pk=1)
        return _verify(head, f"SELECT l.seq, l.hash, {columns} FROM hopkey_audit_link l "  # noqa: S608
                       "LEFT JOIN hopkey_audit_event e ON e.id = l.event_id WHERE l.seq > %s ORDER BY l.seq LIMIT 2000",
                       expect)  # fmt: skip


def _verify(head: AuditHead, statement: str, expect: tuple[int, str] | None) -> Verdict:
    seq, hash_, checked = head.pruned_seq, head.pruned_hash, 0
    met = expect is None or expect == (seq, hash_) or expect[0] < seq
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, [seq])
            rows = cursor.fetchall()
        if not rows:
            break
        for number, stored, *texts in rows:
            if number != seq + 1:
                return Verdict(checked, head.seq, head.hash, head.pruned_seq, f"event {seq + 1} is missing")
            if None in texts:
                return Verdict(checked, head.seq, head.hash, head.pruned_seq, f"event {number} was removed")
            computed = link_hash(hash_, texts)
            if computed != stored:
                return Verdict(checked, head.seq, head.hash, head.pruned_seq, f"event {number} was changed")
            seq, hash_, checked = number, computed, checked + 1
            met = met or expect == (seq, hash_)
    fault = ""
    if (seq, hash_) != (head.seq, head.hash):
        fault = f"events after {seq} were removed: the chain should end at {head.seq}"
    elif AuditEvent.objects.count() != checked:
        fault = "there are events outside the chain"
    elif not met:
        fault = "the head noted earlier is not in the chain: it was computed anew"
    return Verdict(checked, head.seq, head.hash, head.pruned_seq, fault)
