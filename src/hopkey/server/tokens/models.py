"""Personal access tokens at rest: a digest, never the token (docs/security.md)."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

FAR = datetime(9999, 12, 31, tzinfo=UTC)
"""Where tokens that never expire stand in an order by expiry."""


class Token(models.Model):
    """A read-only key of one person to team workspaces. Written once, read often, deleted for ever; never changed.

    ``restricted``: only the teams in ``grants`` are reached. The flag stands apart from the rows, so that deleting
    the last of those teams leaves a token that reaches nothing rather than everything. ``networks`` is a JSON array
    of CIDR texts; empty: from anywhere. ``expires_at`` null: never; ``ends_at`` is the same with `FAR` for never, kept
    by the database for ordered lists.
    """

    public_id = models.CharField(max_length=12, unique=True)
    digest = models.BinaryField(max_length=32, unique=True)
    label = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    restricted = models.BooleanField(default=False)
    networks = models.JSONField(default=list, blank=True)
    ends_at = models.GeneratedField(
        expression=Coalesce("expires_at", models.Value(FAR, output_field=models.DateTimeField())),
        output_field=models.DateTimeField(),
        db_persist=True,
    )

    class Meta:
        db_table = "hopkey_token"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["ends_at", "id"], name="token_ends"),
            # With the end: an owner's live tokens are counted from the index alone.
            models.Index(fields=["owner", "id", "ends_at"], name="token_owner_ends"),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.public_id})"


class Grant(models.Model):
    """A team that a restricted token reaches."""

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="grants")
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "hopkey_token_grant"
        constraints = [models.UniqueConstraint(fields=["token", "workspace"], name="grant_once")]


class Cutoff(models.Model):
    """A team that its owners cut this token off from, for ever: the token itself stays as it is."""

    token = models.ForeignKey(Token, on_delete=models.CASCADE, related_name="cutoffs")
    workspace = models.ForeignKey("workspaces.Workspace", on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hopkey_token_cutoff"
        constraints = [models.UniqueConstraint(fields=["token", "workspace"], name="cutoff_once")]


class Use(models.Model):
    """The last use of a token, in a table of its own: written in batches off the request, and no change of authority.

    ``used_at`` null: never used. ``idle_since``: the last use, or the generation of a token never used.
    """

    token = models.OneToOneField(Token, primary_key=True, on_delete=models.CASCADE, related_name="use")
    used_at = models.DateTimeField(null=True)
    idle_since = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta:
        db_table = "hopkey_token_use"
        indexes = [
            models.Index(fields=["idle_since", "token"], name="use_idle"),
            models.Index(fields=["used_at", "token"], name="use_used"),
        ]


class PolicyRow(models.Model):
    """The administrators' policy on tokens: at most one row, and no row means no limits.

    Null and empty: no limit of that kind. Days count whole days of 86,400 s. ``networks`` is a JSON array of CIDR
    texts; ``label_pattern`` a regular expression (RE2) that the whole label must match.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    max_days = models.PositiveIntegerField(null=True)
    never_allowed = models.BooleanField(default=True)
    tokens_per_user = models.PositiveIntegerField(null=True)
    unused_days = models.PositiveIntegerField(null=True)
    networks = models.JSONField(default=list, blank=True)
    label_pattern = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "hopkey_token_policy"
