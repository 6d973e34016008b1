"""Automation tokens at rest: a digest, never the token (docs/automation.md)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from hopkey.server.automation.judging import Access

ACCESS_CHOICES = [(access.value, access.value) for access in Access]


class AutomationToken(models.Model):
    """A key with which a program administers this server in the name of the administrator who created it.

    Written once, deleted for ever, never changed. It works only while its creator is an active administrator.
    ``networks`` is a JSON array of CIDR texts; empty: from anywhere. ``expires_at`` null: never.
    """

    public_id = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(max_length=32, unique=True)
    label = models.CharField(max_length=100)
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="automation_tokens")
    access = models.CharField(max_length=8, choices=ACCESS_CHOICES)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    networks = models.JSONField(default=list, blank=True)

    class Meta:
        db_table = "hopkey_automation_token"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.label} ({self.public_id})"


class AutomationUse(models.Model):
    """The last use of an automation token, written at most once a minute. No row: never used."""

    token = models.OneToOneField(AutomationToken, primary_key=True, on_delete=models.CASCADE, related_name="use")
    used_at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "hopkey_automation_use"
