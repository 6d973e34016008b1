"""The chain over the audit trail: whole after every kind of write, broken by every kind of tampering."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from hopkey.server.audit.actor import OPERATOR, Actor
from hopkey.server.audit.chain import chain_verify
from hopkey.server.audit.install import install_after_migrate
from hopkey.server.audit.models import AuditEvent, AuditHead, AuditLink, Event
from hopkey.server.audit.services import audit_prune, record, records

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def write(number: int, *, days_ago: float = 0) -> None:
    by = Actor(user_id="u1", label="Ana é🙂", address="192.0.2.1", agent="x\0y" * 100)
    at = timezone.now() - timedelta(days=days_ago)
    record(
        Event.TOKEN_DELETED,
        by=by,
        kind="token",
        id=f"t{number}",
        label="ä:1",
        detail={"b": [1.5, "ü"], "a": None},
        at=at,
    )


def test_an_empty_trail_and_a_full_one_are_whole() -> None:
    assert (chain_verify().fault, chain_verify().checked) == ("", 0)
    for number in range(5):
        write(number)
    records(Event.TOKEN_DELETED, by=OPERATOR, kind="token", subjects=[(f"m{i}", "l", {"n": i}) for i in range(7)])
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hopkey_audit_event (at, event, actor_id, actor_label, subject_kind, subject_id, subject_label, "
            "address, agent, detail) VALUES ('2026-01-02 03:04:05.000006', 'token.refused', '', '', '', '', '', '', '', '{}')"
        )
    verdict = chain_verify()
    assert (verdict.fault, verdict.checked, verdict.seq) == ("", 13, 13)


TAMPERING: list[tuple[str, str]] = [
    ("UPDATE hopkey_audit_event SET actor_label = 'nobody' WHERE subject_id = 't2'", "event 3 was changed"),
    ("UPDATE hopkey_audit_event SET detail = '{}' WHERE subject_id = 't2'", "event 3 was changed"),
    (
        "UPDATE hopkey_audit_event SET actor_id = 'u1A', actor_label = 'na é🙂' WHERE subject_id = 't2'",
        "event 3 was changed",
    ),
    ("DELETE FROM hopkey_audit_event WHERE subject_id = 't2'", "event 3 was removed"),
    ("DELETE FROM hopkey_audit_link WHERE seq = 3", "event 3 is missing"),
    ("DELETE FROM hopkey_audit_link WHERE seq = 5", "events after 4 were removed"),
    ("UPDATE hopkey_audit_link SET hash = repeat('0', 64) WHERE seq = 3", "event 3 was changed"),
    ("DELETE FROM hopkey_audit_link WHERE seq = 5; HEAD", "there are events outside the chain"),
]


@pytest.mark.parametrize(("statement", "fault"), TAMPERING)
def test_tampering_is_refused_by_the_database_and_found_when_forced(statement: str, fault: str) -> None:
    for number in range(5):
        write(number)
    statement, _, head = statement.partition("; ")
    if connection.vendor == "sqlite":
        statement = statement.replace("repeat('0', 64)", "printf('%064d', 0)")
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    drop_triggers()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        if head:
            fourth = AuditLink.objects.get(seq=4)
            AuditHead.objects.update(seq=4, hash=fourth.hash)
        assert fault in chain_verify().fault
    finally:
        install_after_migrate()


def drop_triggers() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%hopkey_audit%'")
            statements = [f"DROP TRIGGER {name} ON {table}" for name, table in cursor.fetchall()]
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'hopkey_audit%'")
            statements = [f"DROP TRIGGER {name}" for (name,) in cursor.fetchall()]
        for statement in statements:
            cursor.execute(statement)


def test_a_head_noted_elsewhere_unmasks_a_chain_computed_anew() -> None:
    for number in range(5):
        write(number)
    noted = chain_verify()
    write(6)
    assert chain_verify((noted.seq, noted.hash)).fault == ""
    drop_triggers()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE hopkey_audit_event SET actor_label = 'nobody' WHERE subject_id = 't2'")
        cursor.execute("DELETE FROM hopkey_audit_link")
    AuditHead.objects.update(seq=0, hash="0" * 64)
    install_after_migrate()
    assert chain_verify().fault == ""
    assert "computed anew" in chain_verify((noted.seq, noted.hash)).fault


def test_old_events_go_and_the_rest_is_verified_as_before() -> None:
    for number in range(6):
        write(number, days_ago=100 - number)
    for number in range(6, 9):
        write(number)
    before = timezone.now() - timedelta(days=96.5)
    assert audit_prune(before=before, by=OPERATOR) == 4
    assert audit_prune(before=before, by=OPERATOR) == 0
    assert [event.subject_id for event in AuditEvent.objects.order_by("id")][:2] == ["t4", "t5"]
    pruned = AuditEvent.objects.latest("id")
    assert (pruned.event, pruned.detail["removed"]) == (Event.AUDIT_PRUNED, 4)
    verdict = chain_verify()
    assert (verdict.fault, verdict.pruned_seq, verdict.checked) == ("", 4, 6)
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        AuditEvent.objects.filter(subject_id="t5").delete()
    assert audit_prune(before=timezone.now() + timedelta(days=1), by=OPERATOR) == 6
    assert chain_verify().fault == ""


def test_many_writers_make_one_chain() -> None:
    """Also with changes of authority in the other order: no deadlock, no gap."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection; it has one writer anyway")
    from django.db import connection as mine

    from hopkey.server.accounts.models import User

    errors: list[Exception] = []

    def work(number: int, first: Callable[[], object], second: Callable[[], object]) -> None:
        try:
            for _ in range(20):
                with transaction.atomic():
                    first()
                    second()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)
        finally:
            mine.close()

    threads = []
    for number in range(6):
        user = User.objects.create(email=f"u{number}@example.com", name="U")

        def change(user: User = user) -> None:
            user.is_active = not user.is_active
            user.save(update_fields=["is_active"])

        def note(number: int = number) -> None:
            write(number)

        order = (change, note) if number % 2 else (note, change)
        threads.append(threading.Thread(target=work, args=(number, *order)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    verdict = chain_verify()
    assert (verdict.fault, verdict.checked) == ("", 120)
