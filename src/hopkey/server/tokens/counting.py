"""How many older tokens an owner has, which the policy's limit per user asks for each token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import IntegerField, Value
from django.db.models.expressions import Combinable, RawSQL


def older_count(*, upto: int | None, now: datetime) -> Combinable:
    """As `older_counts`, within a query on tokens; 0 for no limit."""
    if upto is None:
        return Value(0, output_field=IntegerField())
    moment = connection.ops.adapt_datetimefield_value(now)
    return RawSQL(
        "(SELECT count(*) FROM (SELECT 1 FROM hopkey_token o WHERE o.owner_id = hopkey_token.owner_id "
        "AND o.id < hopkey_token.id AND o.ends_at > %s LIMIT %s) older)",
        [moment, upto],
        output_field=IntegerField(),
    )


def older_counts(token_ids: Sequence[int], *, upto: int, now: datetime) -> dict[int, int]:
    """For each token how many of its owner's tokens that have not expired are older, counted up to `upto`."""
    if not token_ids:
        return {}
    marks = ", ".join(["%s"] * len(token_ids))
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, (SELECT count(*) FROM (SELECT 1 FROM hopkey_token o WHERE o.owner_id = t.owner_id "  # noqa: S608
            f"AND o.id < t.id AND o.ends_at > %s LIMIT %s) older) FROM hopkey_token t WHERE t.id IN ({marks})",
            [moment, upto, *token_ids],
        )
        return dict(cursor.fetchall())
