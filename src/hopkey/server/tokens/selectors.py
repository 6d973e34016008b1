"""Reading tokens, without their digests."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from hopkey.server.accounts.models import User
from hopkey.server.errors import NotFound
from hopkey.server.tokens.models import Cutoff, Grant, Token


def token_list(*, owner: User | None = None) -> QuerySet[Token]:
    """Tokens, newest first, with owner, last use and granted teams at hand: two queries for any page."""
    grants = Prefetch("grants", Grant.objects.select_related("workspace"))
    tokens = Token.objects.defer("digest").select_related("owner", "use").prefetch_related(grants)
    return tokens if owner is None else tokens.filter(owner=owner)


def token_get(*, token_id: int, owner: User) -> Token:
    """The owner's token of this id. Raises `NotFound`."""
    token = token_list(owner=owner).filter(pk=token_id).first()
    if token is None:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    return token


def tokens_reaching(team_id: str) -> QuerySet[Token]:
    """The tokens that reach this team now, newest first, whatever stops them otherwise: for the team's owners."""
    members = User.objects.filter(memberships__workspace=team_id)
    granted = Grant.objects.filter(token=OuterRef("pk"), workspace=team_id)
    cut = Cutoff.objects.filter(token=OuterRef("pk"), workspace=team_id)
    return token_list().filter(Q(restricted=False) | Exists(granted), ~Exists(cut), owner__in=members)


def tokens_cut_off(team_id: str) -> QuerySet[Cutoff]:
    """The tokens that this team's owners cut off from it and that still exist, the latest first."""
    return (
        Cutoff.objects.filter(workspace=team_id)
        .select_related("token__owner", "token__use")
        .defer("token__digest")
        .order_by("-pk")
    )


def token_list_own(owner: User) -> QuerySet[Token]:
    """As `token_list`, with the teams each was cut off from at hand: for the page of its owner."""
    return token_list(owner=owner).prefetch_related("cutoffs__workspace")
