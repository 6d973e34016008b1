"""Generating and deleting personal access tokens. There is no third thing: a token is never changed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record, records
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.tokens.expiry import EXPIRY_DAYS, expiry_moment
from hopkey.server.tokens.format import token_generate
from hopkey.server.tokens.models import Cutoff, Grant, Token, Use
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import DAY_SECONDS
from hopkey.server.tokens.selectors import tokens_reaching

LABEL_LENGTH = (3, 100)
TOKENS_PER_USER = 1000
NETWORKS_PER_TOKEN = 50
DELETE_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Generated:
    """A new token and its text, which exists nowhere else and is shown once."""

    token: Token
    text: str = field(repr=False)


def token_generate_for(
    *,
    owner: User,
    label: str,
    days: int | None,
    by: Actor,
    team_ids: Sequence[str] | None = None,
    networks: Sequence[str] = (),
) -> Generated:
    """Make a token for `owner`.

    `days` is one of `EXPIRY_DAYS`, or None for never. `team_ids` None: every team of the owner, now and later; a
    list: only those teams, of which the owner must be a member. `networks`: CIDR texts it may be used from.

    Raises `DomainError` with ``label_too_short``, ``label_too_long``, ``label_invalid``,
    ``expiry_invalid``, ``team_not_found``,
    ``teams_empty``, ``network_invalid``, ``owner_inactive``, ``too_many_tokens``, or ``policy_lifetime`` and
    ``policy_label`` for what the administrators' policy rules out.
    """
    label = " ".join(label.split())
    if len(label) < LABEL_LENGTH[0]:
        raise DomainError("label_too_short", "Give the token a label of at least 3 characters.", field="label")
    if len(label) > LABEL_LENGTH[1]:
        raise DomainError("label_too_long", "A label has at most 100 characters.", field="label")
    if not label.isprintable():
        raise DomainError("label_invalid", "A label has no invisible characters.", field="label")
    if days is not None and days not in EXPIRY_DAYS:
        raise DomainError("expiry_invalid", "A token lives 7, 30, 60 or 90 days, or never expires.", field="expiry")
    if not owner.is_active:
        raise Conflict("owner_inactive", "This account is deactivated: reactivate it first.")
    teams = None if team_ids is None else sorted(set(team_ids))
    if teams is not None and not teams:
        raise DomainError("teams_empty", "Choose at least one team, or let the token reach all of them.", field="teams")
    cidrs = _networks(networks)
    with transaction.atomic(durable=True):
        _policy_keep(owner, label=label, days=days)
        if teams is not None:
            mine = set(owner.memberships.filter(workspace_id__in=teams).values_list("workspace_id", flat=True))
            if mine != set(teams):
                raise DomainError("team_not_found", "You are not a member of one of these teams.", field="teams")
        new = token_generate()
        now = timezone.now()
        token = Token.objects.create(
            public_id=new.public_id,
            digest=new.digest,
            label=label,
            owner=owner,
            created_at=now,
            expires_at=expiry_moment(days, now),
            restricted=teams is not None,
            networks=cidrs,
        )
        Use.objects.create(token=token, used_at=None, idle_since=now)
        if teams is not None:
            Grant.objects.bulk_create([Grant(token=token, workspace_id=team) for team in teams])
        record(
            Event.TOKEN_GENERATED,
            by=by,
            kind="token",
            id=token.public_id,
            label=label,
            detail={
                "owner": owner.email,
                "expires": token.expires_at.isoformat() if token.expires_at else None,
                "teams": teams,
                "networks": cidrs,
            },
        )
    return Generated(token=token, text=new.text)


def _policy_keep(owner: User, *, label: str, days: int | None) -> None:
    """Raises `DomainError` for a token that the policy would stop at once."""
    policy = policy_get()
    live = owner.tokens.filter(ends_at__gt=timezone.now()).count()
    allowed = min(TOKENS_PER_USER, policy.tokens_per_user or TOKENS_PER_USER)
    if live >= allowed or owner.tokens.count() >= TOKENS_PER_USER:
        raise Conflict(
            "too_many_tokens", f"An account has at most {min(allowed, TOKENS_PER_USER)} tokens: delete some first."
        )
    over = policy.lifetime_over(None if days is None else days * DAY_SECONDS)
    if over is not None:
        longest = "for ever" if policy.max_days is None else f"longer than {policy.max_days} days"
        raise DomainError(
            "policy_lifetime", f"The policy of this server allows no token to live {longest}.", field="expiry"
        )
    if policy.label_over(label) is not None:
        raise DomainError(
            "policy_label",
            f"The policy of this server requires labels of the form {policy.label_pattern}",
            field="label",
        )


def token_delete(*, token_id: int, by: Actor, owner: User | None = None, reason: str = "") -> None:
    """Delete a token for ever. When this returns, no request that starts later is served with it, on any node.

    With `owner`, only that person's own token is found. Raises `NotFound` (``token_not_found``).
    """
    with transaction.atomic(durable=True):
        tokens = Token.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=token_id)
        token = (tokens if owner is None else tokens.filter(owner=owner)).first()
        if token is None:
            raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
        _delete(token, by=by, reason=reason)


def tokens_delete(*, token_ids: Sequence[int], by: Actor, reason: str) -> list[Token]:
    """Delete these tokens in one transaction, all or none; the tokens as they were. Those gone already are left out.

    Raises `DomainError` (``too_many``) for more than `DELETE_AT_ONCE`.
    """
    if len(token_ids) > DELETE_AT_ONCE:
        raise DomainError("too_many", f"At most {DELETE_AT_ONCE} tokens are deleted at once.")
    with transaction.atomic(durable=True):
        tokens = list(
            Token.objects.select_for_update(of=("self",))
            .select_related("owner")
            .filter(pk__in=list(token_ids))
            .order_by("pk")
        )
        records(
            Event.TOKEN_DELETED,
            by=by,
            kind="token",
            subjects=[
                (token.public_id, token.label, {"owner": token.owner.email, "reason": reason[:500]}) for token in tokens
            ],
        )
        Token.objects.filter(pk__in=[token.pk for token in tokens]).delete()
    return tokens


def token_cut_off(*, token_id: int, team_id: str, by: Actor) -> Token:
    """Keep a token from a team, for ever; it goes on reaching its owner's other teams. Effective at once everywhere.

    Raises `NotFound` (``token_not_found``) for a token that does not reach the team.
    """
    with transaction.atomic(durable=True):
        token = tokens_reaching(team_id).filter(pk=token_id).first()
        if token is None:
            raise NotFound("token_not_found", "There is no such token that reaches this team.")
        Cutoff.objects.create(token=token, workspace_id=team_id)
        record(
            Event.TOKEN_CUT_OFF,
            by=by,
            kind="token",
            id=token.public_id,
            label=token.label,
            detail={"owner": token.owner.email, "team": team_id},
        )
    return token


def tokens_delete_of(owner: User, *, by: Actor, reason: str) -> int:
    """Delete all tokens of `owner` in the caller's transaction; the number deleted."""
    tokens = list(Token.objects.select_for_update(of=("self",)).select_related("owner").filter(owner=owner))
    for token in tokens:
        _delete(token, by=by, reason=reason)
    return len(tokens)


def _delete(token: Token, *, by: Actor, reason: str) -> None:
    record(
        Event.TOKEN_DELETED,
        by=by,
        kind="token",
        id=token.public_id,
        label=token.label,
        detail={"owner": token.owner.email, "reason": reason[:500]},
    )
    token.delete()


def _networks(texts: Sequence[str]) -> list[str]:
    if len(texts) > NETWORKS_PER_TOKEN:
        raise DomainError("network_invalid", f"At most {NETWORKS_PER_TOKEN} networks.", field="networks")
    try:
        return [str(ipaddress.ip_network(text.strip())) for text in texts if text.strip()]
    except ValueError as error:
        raise DomainError("network_invalid", f"Not a network such as 10.0.0.0/8: {error}", field="networks") from None
