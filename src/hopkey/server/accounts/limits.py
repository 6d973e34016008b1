"""How often things may be tried, counted in the database for all processes and nodes (``ACCOUNT_RATE_LIMITS``)."""

from __future__ import annotations

from datetime import datetime

from allauth.core.internal import ratelimit
from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from hopkey.server.errors import DomainError


def attempt(request: HttpRequest, action: str, *, key: str | None = None, wait: str = "a minute") -> None:
    """Count one more, also of requests that only read. Raises `DomainError` (``too_many_attempts``, 429)."""
    if not ratelimit.consume(request, app="allauth.account", action=action, key=key, limit_get=True):
        raise DomainError("too_many_attempts", f"Too many attempts. Wait {wait}, then try again.", status=429)


def attempts_forget(*, before: datetime) -> int:
    """Remove what was counted, or remembered of forms, and does not count any more; how much. The caches themselves do
    so only when they are full.
    """
    removed = 0
    moment = connection.ops.adapt_datetimefield_value(before)
    with connection.cursor() as cursor:
        for kept in settings.CACHES.values():
            table = connection.ops.quote_name(str(kept["LOCATION"]))
            cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [moment])  # noqa: S608 - a name of ours
            removed += cursor.rowcount
    return removed
