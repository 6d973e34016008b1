"""When each task is due, and who is at it."""

from __future__ import annotations

from django.db import models


class Task(models.Model):
    """A task that recurs. ``due_at``: not before. Whoever runs it moves that forward first, so that nobody else
    begins; it is moved back to the next regular moment when the task has ended.
    """

    name = models.CharField(primary_key=True, max_length=40)
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "hopkey_task"
