"""The outbox: every mail, from the transaction that caused it to its delivery and some weeks beyond."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.utils import timezone


class State(StrEnum):
    """Values are stored: they are added to, never renamed.

    ``unset``: mail was not set up when its turn came, so it went to the log. ``late``: it would have been useless by
    the time it could be delivered.
    """

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    UNSET = "unset"
    LATE = "late"
    DISCARDED = "discarded"


class Message(models.Model):
    """One mail to one address.

    ``key`` is the left side of its Message-ID, the same at every try. ``body`` holds the texts, sealed
    (`hopkey.server.sealing`), since one-time links and codes stand in them; it is emptied once the mail was sent, or
    will never be. ``due_at``: not before; whoever delivers it moves that forward first and puts ``claim`` there.
    ``useless_at``: not after.
    """

    key = models.CharField(max_length=32, unique=True)
    to = models.EmailField(max_length=254)
    template = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    body = models.BinaryField(default=b"")
    urgent = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default=State.QUEUED.value)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    claim = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    useless_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_mail"
        indexes = [
            models.Index(fields=["-urgent", "due_at"], name="mail_due", condition=models.Q(state="queued")),
            models.Index(fields=["state", "id"], name="mail_state"),
            models.Index(fields=["ended_at"], name="mail_ended"),
            models.Index(fields=["to", "created_at"], name="mail_to"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.to})"
