"""Deleting other people's tokens: what it would hit, and why it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hopkey.server.errors import DomainError
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.oversight import Filter, token_ids
from hopkey.server.tokens.selectors import token_list
from hopkey.server.tokens.services import DELETE_AT_ONCE

NAMED = 100
"""Tokens a preview names; it counts all."""
LATELY_DAYS = 7
REASON_LENGTH = (3, 500)


@dataclass(frozen=True, slots=True)
class Hit:
    """The tokens of one owner among those to be deleted."""

    id: str
    name: str
    email: str
    tokens: int


@dataclass(frozen=True, slots=True)
class DeletionPreview:
    """``ids`` of the tokens there are; ``named``: the first `NAMED` of them, newest first; ``owners``: most hit first.
    ``used_lately``: how many were used within `LATELY_DAYS`.
    """

    ids: Sequence[int]
    named: Sequence[Token]
    owners: Sequence[Hit]
    used_lately: int


def deletion_preview(token_ids: Sequence[int], *, now: datetime) -> DeletionPreview:
    """Who and what would be hit. Raises `DomainError` (``too_many``)."""
    if len(token_ids) > DELETE_AT_ONCE:
        raise DomainError("too_many", f"At most {DELETE_AT_ONCE} tokens are deleted at once.", field="ids")
    rows = list(
        Token.objects.filter(pk__in=list(token_ids))
        .order_by("-pk")
        .values_list("pk", "owner_id", "owner__name", "owner__email", "use__used_at")
    )
    lately = now - timedelta(days=LATELY_DAYS)
    owners = Counter((owner, name, email) for _, owner, name, email, _ in rows)
    ids = [row[0] for row in rows]
    named = list(token_list().filter(pk__in=ids[:NAMED]))
    used_lately = sum(1 for row in rows if row[4] is not None and row[4] >= lately)
    return DeletionPreview(ids, named, [Hit(*key, count) for key, count in owners.most_common()], used_lately)


def token_ids_matching(chosen: Filter, *, now: datetime) -> list[int]:
    """The ids of everything that `chosen` matches. Raises `DomainError` (``too_many``)."""
    ids, more = token_ids(chosen, now=now, limit=DELETE_AT_ONCE)
    if more:
        raise DomainError("too_many", f"More than {DELETE_AT_ONCE} tokens match: narrow the list first.")
    return ids


def reason_read(text: str) -> str:
    """The reason for a deletion, on one line. Raises `DomainError` (``reason_missing``)."""
    reason = " ".join(text.split())[: REASON_LENGTH[1]]
    if len(reason) < REASON_LENGTH[0]:
        raise DomainError("reason_missing", "Say why, in at least 3 characters: the owners read it.", field="reason")
    return reason
