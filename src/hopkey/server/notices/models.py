"""What people do not want to be told, how far things were told, and from where tokens were used."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class Preference(models.Model):
    """``off``: a JSON array of the kinds that this person switched off. No row: none."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="notice_preference"
    )
    off = models.JSONField(default=list)

    class Meta:
        db_table = "hopkey_notice_preference"


class Watermark(models.Model):
    """How far something was told, moved on in the transaction that writes the mails: each is told once, whatever
    restarts. ``after``: the id within the moment ``at`` that was told last; ``state``: what else must be remembered.
    """

    name = models.CharField(primary_key=True, max_length=40)
    at = models.DateTimeField()
    after = models.BigIntegerField(default=0)
    state = models.JSONField(default=dict)

    class Meta:
        db_table = "hopkey_notice_watermark"


class Place(models.Model):
    """A network that a token was used from, written by the gate at the first use from there, off the request.

    ``address`` and ``agent`` are those of that use. ``told_at`` null: its owner was not told yet. At most
    `hopkey.server.notices.places.PLACES` for a token.
    """

    token = models.ForeignKey("tokens.Token", on_delete=models.CASCADE, related_name="places")
    network = models.CharField(max_length=43)
    address = models.CharField(max_length=45)
    agent = models.CharField(max_length=200, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_token_place"
        constraints = [models.UniqueConstraint(fields=["token", "network"], name="place_once")]
        indexes = [models.Index(fields=["id"], name="place_untold", condition=models.Q(told_at=None))]
