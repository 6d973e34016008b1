"""Reading tokens, without their digests."""

from __future__ import annotations

from django.db.models import Count, QuerySet

from hopkey.server.accounts.models import User
from hopkey.server.errors import NotFound
from hopkey.server.tokens.models import Token


def token_list(*, owner: User | None = None) -> QuerySet[Token]:
    """Tokens, newest first, with owner, last use and granted teams at hand: three queries for any page."""
    tokens = Token.objects.defer("digest").select_related("owner", "use").prefetch_related("grants__workspace")
    return tokens if owner is None else tokens.filter(owner=owner)


def token_get(*, token_id: int, owner: User) -> Token:
    """The owner's token of this id. Raises `NotFound`."""
    token = token_list(owner=owner).filter(pk=token_id).first()
    if token is None:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    return token


def token_counts_by_owner() -> dict[str, int]:
    """How many tokens each owner has, by the owner's id."""
    rows = Token.objects.order_by().values("owner_id").annotate(number=Count("id"))
    return {row["owner_id"]: row["number"] for row in rows}
