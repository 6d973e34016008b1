"""The change log that keeps the gate's caches fresh (docs/architecture.md, "Cached, and never stale")."""

from __future__ import annotations

from django.db import models


class ChangeHead(models.Model):
    """The one row that orders all changes: ``seq`` of the newest, and a random ``nonce`` drawn with it.

    A reader that remembers both notices when history went back, even if ``seq`` has grown past it again.
    ``batch_from`` is set (to ``seq``) only inside a bulk write on SQLite and is null in every committed state.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    nonce = models.CharField(max_length=32)
    batch_from = models.BigIntegerField(null=True)
    pruned_through = models.BigIntegerField(default=0)

    class Meta:
        db_table = "hopkey_change_head"


class Change(models.Model):
    """One thing that is no longer what caches may believe: its kind, its key, and its place in the order."""

    seq = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=64)
    nonce = models.CharField(max_length=32)
    txid = models.BigIntegerField(null=True)
    at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_change"
        indexes = [models.Index(fields=["kind", "key", "txid"], name="change_once_per_transaction")]


class Installation(models.Model):
    """One row about this database as a whole: the fingerprint of the secret key that all its nodes share."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    key_fingerprint = models.CharField(max_length=64)

    class Meta:
        db_table = "hopkey_installation"
