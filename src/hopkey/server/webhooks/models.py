"""Where events are sent, and each of them from the transaction that caused it to its delivery."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.utils import timezone

from hopkey.server.ids import new_id


class Endpoint(models.Model):
    """An address that gets the events in ``events`` (a JSON array of names).

    ``secret`` is the signing key, sealed (`hopkey.server.sealing`): it is needed for every delivery and shown once.
    ``failing_since``: the first failure after the last success. ``disabled_why`` is empty for one that a person
    disabled.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    url = models.CharField(max_length=2000)
    events = models.JSONField(default=list)
    secret = models.BinaryField()
    enabled = models.BooleanField(default=True)
    disabled_why = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=254, blank=True)
    failing_since = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_webhook"
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.url


class State(StrEnum):
    """Values are stored: they are added to, never renamed."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(models.Model):
    """One event on its way to one address.

    ``key`` is its ``webhook-id``, the same at every try. ``payload`` is the body, byte for byte as it is signed; it is
    emptied once delivered. ``status``: of the last answer, null without one; ``answer``: its beginning.
    """

    key = models.CharField(max_length=40, unique=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    payload = models.TextField(blank=True)
    state = models.CharField(max_length=10, default=State.QUEUED.value)
    attempts = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=300, blank=True)
    claim = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_webhook_delivery"
        indexes = [
            models.Index(fields=["due_at"], name="webhook_due", condition=models.Q(state="queued")),
            models.Index(fields=["endpoint", "-id"], name="webhook_recent"),
            models.Index(fields=["ended_at"], name="webhook_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.event} ({self.key})"
