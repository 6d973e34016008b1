"""One line of figures a day: counting a million tokens takes longer than showing a page may."""

from __future__ import annotations

from django.db import models


class Day(models.Model):
    """The figures of a day (UTC) as they were at ``at``, its last count. Null: nobody counted that day.

    ``generated``, ``deleted`` and ``refused`` are of that day alone, and come from the audit trail.
    """

    day = models.DateField(primary_key=True)
    at = models.DateTimeField()
    users = models.IntegerField(null=True)
    teams = models.IntegerField(null=True)
    live = models.IntegerField(null=True)
    never_expires = models.IntegerField(null=True)
    expiring = models.IntegerField(null=True)
    unused = models.IntegerField(null=True)
    generated = models.IntegerField(default=0)
    deleted = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)

    class Meta:
        db_table = "hopkey_figures_day"
        ordering = ["day"]
