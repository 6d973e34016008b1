"""Generating and deleting personal access tokens. There is no third thing: a token is never changed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record, records
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.notices.services import Notice, notices_tell
from hopkey.server.tokens.expiry import EXPIRY_DAYS, FARTHEST_DAYS, day_end, expiry_moment, last_day
from hopkey.server.tokens.format import token_generate
from hopkey.server.tokens.models import Cutoff, Grant, Token, Use
from hopkey.server.tokens.policies import policy_get
from hopkey.server.tokens.policy import lifetime_seconds
from hopkey.server.tokens.selectors import tokens_reaching
from hopkey.server.webhooks.events import WebhookEvent

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
    until: date | None = None,
) -> Generated:
    """Make a token for `owner`.

    `days` is one of `EXPIRY_DAYS`, or None for never; with `until`, which takes its place, the token lives to the end
    of that day (UTC). `team_ids` None: every team of the owner, now and later; a list: only those teams, of which the
    owner must be a member. `networks`: CIDR texts it may be used from.

    Raises `DomainError` with ``label_too_short``, ``label_too_long``, ``label_invalid``, ``expiry_invalid``,
    ``team_not_found``, ``teams_empty``, ``network_invalid``, ``owner_inactive``, ``too_many_tokens``, or
    ``policy_lifetime`` and ``policy_label`` for what the administrators' policy rules out.
    """
    label = label_normalise(label)
    now = timezone.now()
    expires_at = _expiry(days, until, now)
    if not owner.is_active:
        raise Conflict("owner_inactive", "This account is deactivated: reactivate it first.")
    teams = None if team_ids is None else sorted(set(team_ids))
    if teams is not None and not teams:
        raise DomainError("teams_empty", "Choose at least one team, or let the token reach all of them.", field="teams")
    cidrs = networks_normalise(networks)
    with transaction.atomic(durable=True):
        _policy_keep(owner, label=label, seconds=lifetime_seconds(now, expires_at), now=now)
        if teams is not None:
            mine = set(owner.memberships.filter(workspace_id__in=teams).values_list("workspace_id", flat=True))
            if mine != set(teams):
                raise DomainError("team_not_found", "You are not a member of one of these teams.", field="teams")
        new = token_generate()
        token = Token.objects.create(
            public_id=new.public_id,
            digest=new.digest,
            label=label,
            owner=owner,
            created_at=now,
            expires_at=expires_at,
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
        said = {"by": by.label or owner.email, "address": by.address}
        names = None if teams is None else sorted(token.grants.values_list("workspace__name", flat=True))
        context = {**said, "own": by.user_id == owner.pk, "teams": names}
        notices_tell(WebhookEvent.TOKEN_GENERATED, [Notice(owner, [token], context=context, data=said)])
    return Generated(token=token, text=new.text)


def _expiry(days: int | None, until: date | None, now: datetime) -> datetime | None:
    if until is not None:
        if day_end(until) <= now:
            raise DomainError("expiry_invalid", "That day is over: choose a later one.", field="expiry")
        if until > last_day(now, FARTHEST_DAYS):
            raise DomainError("expiry_invalid", "Choose a day within the next ten years.", field="expiry")
        return day_end(until)
    days_check(days)
    return expiry_moment(days, now)


def _policy_keep(owner: User, *, label: str, seconds: float | None, now: datetime) -> None:
    """Raises `DomainError` for a token that the policy would stop at once."""
    policy = policy_get()
    live = owner.tokens.filter(ends_at__gt=now).count()
    allowed = min(TOKENS_PER_USER, policy.tokens_per_user or TOKENS_PER_USER)
    if live >= allowed or owner.tokens.count() >= TOKENS_PER_USER:
        raise Conflict(
            "too_many_tokens", f"An account has at most {min(allowed, TOKENS_PER_USER)} tokens: delete some first."
        )
    if policy.lifetime_over(seconds) is not None:
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
        _deletion_tell([token], by=by, reason=reason)


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
        _deletion_tell(tokens, by=by, reason=reason)
        Token.objects.filter(pk__in=[token.pk for token in tokens]).delete()
    return tokens


def token_cut_off(*, token_id: int, team_id: str, by: Actor) -> Token:
    """Keep a token from a team, for ever; it goes on reaching its owner's other teams. Effective at once everywhere.

    Raises `NotFound` (``token_not_found``) for a token that does not reach the team.
    """
    with transaction.atomic(durable=True):
        token = tokens_reaching(team_id).select_for_update(of=("self",)).filter(pk=token_id).first()
        # Two owners at once: the second finds it done.
        if token is None or not Cutoff.objects.get_or_create(token=token, workspace_id=team_id)[1]:
            raise NotFound("token_not_found", "There is no such token that reaches this team.")
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
    # The account goes too: nobody is left to read a mail.
    _deletion_tell(tokens, by=by, reason=reason, mail=False)
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
    pk = token.pk
    token.delete()
    token.pk = pk


def _deletion_tell(tokens: Sequence[Token], *, by: Actor, reason: str, mail: bool = True) -> None:
    """Tell each owner about the tokens that somebody else took from them, and the webhooks about all of them."""
    of: dict[str, list[Token]] = {}
    for token in tokens:
        of.setdefault(token.owner_id, []).append(token)
    notices = []
    for owner_id, theirs in of.items():
        said = {"by": by.label, "reason": reason[:500], "byOwner": by.user_id == owner_id}
        context = {"by": by.label, "reason": reason[:500]}
        notices.append(
            Notice(theirs[0].owner, theirs, context=context, data=said, mail=mail and by.user_id != owner_id)
        )
    notices_tell(WebhookEvent.TOKEN_DELETED, notices)


def label_normalise(label: str) -> str:
    """What a token is for, in 3 to 100 visible characters.

    Raises `DomainError` (``label_too_short``, ``label_too_long``, ``label_invalid``).
    """
    label = " ".join(label.split())
    if len(label) < LABEL_LENGTH[0]:
        raise DomainError("label_too_short", "Give the token a label of at least 3 characters.", field="label")
    if len(label) > LABEL_LENGTH[1]:
        raise DomainError("label_too_long", "A label has at most 100 characters.", field="label")
    if not label.isprintable():
        raise DomainError("label_invalid", "A label has no invisible characters.", field="label")
    return label


def days_check(days: int | None) -> None:
    """Raises `DomainError` (``expiry_invalid``) for days that are none of `EXPIRY_DAYS`; None is never."""
    if days is not None and days not in EXPIRY_DAYS:
        raise DomainError("expiry_invalid", "A token lives 7, 30, 60 or 90 days, or never expires.", field="expiry")


def networks_normalise(texts: Sequence[str]) -> list[str]:
    """Networks as they are stored. Raises `DomainError` (``network_invalid``)."""
    if len(texts) > NETWORKS_PER_TOKEN:
        raise DomainError("network_invalid", f"At most {NETWORKS_PER_TOKEN} networks.", field="networks")
    return [_network(text.strip()) for text in texts if text.strip()]


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        shown = text[:50]
        raise DomainError(
            "network_invalid", f"“{shown}” is no address and no network such as 10.0.0.0/8.", field="networks"
        ) from None
    if "/" in text and str(network.network_address) != str(ipaddress.ip_address(text.partition("/")[0])):
        raise DomainError(
            "network_invalid",
            f"“{text}” means the network {network}: write that, or a single address.",
            field="networks",
        )
    return str(network)
