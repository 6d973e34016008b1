"""Personal access tokens at rest: a digest, never the token (docs/security.md)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Token(models.Model):
    """A read-only key of one person to team workspaces. Written once, read often, deleted for ever; never changed.

    ``restricted``: only the teams in ``grants`` are reached. The flag stands apart from the rows, so that deleting
    the last of those teams leaves a token that reaches nothing rather than everything. ``networks`` is a JSON array
    of CIDR texts; empty: from anywhere. ``expires_at`` null: never.
    """

    public_id = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(max_length=32, unique=True)
    label = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    restricted = models.BooleanField(default=False)
    networks = models.JSONField(default=list, blank=True)

    class Meta:
        db_table = "hopkey_token"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.label} ({self.public_id})"


class Grant(models.Model):
    """A team that a restricted token reaches."""

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="grants")
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "hopkey_token_grant"
        constraints = [models.UniqueConstraint(fields=["token", "workspace"], name="grant_once")]


class Use(models.Model):
    """The last use of a token, in a table of its own: written in batches off the request, and no change of authority.

    No row: never used.
    """

    token = models.OneToOneField(Token, primary_key=True, on_delete=models.CASCADE, related_name="use")
    used_at = models.DateTimeField()
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "hopkey_token_use"
