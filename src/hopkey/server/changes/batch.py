"""Bulk writes: one change per key, however many rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import F

from hopkey.server.changes.models import ChangeHead


@contextmanager
def batch() -> Iterator[None]:
    """A transaction in which each (kind, key) enters the change log once.

    On SQLite the head says from where the batch counts; the mark is gone before the commit, and readers that found
    one in a committed head would believe no cache at all. PostgreSQL knows its transactions and needs no mark.
    """
    with transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            yield
            return
        ChangeHead.objects.filter(id=1).update(batch_from=F("seq"))
        yield
        ChangeHead.objects.filter(id=1).update(batch_from=None)
