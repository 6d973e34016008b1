"""Telling people, in the transaction of what is told: by mail, and to the webhooks that want to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.mail.services import mail_queue, mails_queue
from hopkey.server.notices.models import Preference
from hopkey.server.webhooks.events import WebhookEvent, moment
from hopkey.server.webhooks.models import Endpoint
from hopkey.server.webhooks.services import shown, webhook_queue

LISTED = 50
"""Tokens that one mail names; it counts the others."""

ALWAYS = frozenset({WebhookEvent.TOKEN_GENERATED, WebhookEvent.TOKEN_DELETED})
"""What cannot be switched off: a token made in somebody's name, and one taken from them."""
OWNERS = tuple(kind for kind in WebhookEvent if kind is not WebhookEvent.DIGEST)


class TokenFacts(Protocol):
    """What a notice says of a token: never its digest or its text."""

    @property
    def pk(self) -> int: ...
    @property
    def public_id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell one owner about some tokens. ``context`` goes into the mail, ``data`` into the webhook's body;
    ``mail`` False: to webhooks only.
    """

    owner: User
    tokens: Sequence[TokenFacts]
    context: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    mail: bool = True


def notices_tell(kind: WebhookEvent, notices: Sequence[Notice]) -> int:
    """Write mails and webhook events in the caller's transaction; the number of mails.

    Deactivated owners get none, nor do those who switched this kind off.
    """
    webhook_queue(kind, [_said(notice, token) for notice in notices for token in notice.tokens])
    told = [notice for notice in notices if notice.mail and notice.owner.is_active]
    silent = _switched_off(kind, (notice.owner.pk for notice in told))
    told = [notice for notice in told if notice.owner.pk not in silent]
    letters = [(notice.owner.email, _letter(kind, notice)) for notice in told]
    return mails_queue(template=kind.value.replace(".", "_"), letters=letters)


def _letter(kind: WebhookEvent, notice: Notice) -> dict[str, Any]:
    """What the mail of a notice says."""
    return {
        "name": notice.owner.name,
        "tokens": notice.tokens[:LISTED],
        "more": max(len(notice.tokens) - LISTED, 0),
        "count": len(notice.tokens),
        "switchable": kind not in ALWAYS,
        **notice.context,
    }


def webhook_disabled_tell(endpoint: Endpoint) -> int:
    """Tell the administrators, in the caller's transaction, that the server disabled a webhook; the number of mails."""
    administrators = User.objects.filter(is_administrator=True, is_active=True).order_by("pk")
    for user in administrators:
        context = {"name": user.name, "id": endpoint.pk, "place": shown(endpoint.url), "why": endpoint.disabled_why}
        mail_queue(to=user.email, template="webhook_disabled", context=context)
    return len(administrators)


def kinds_for(user: User) -> tuple[WebhookEvent, ...]:
    """What this person may be told."""
    return (*OWNERS, WebhookEvent.DIGEST) if user.is_administrator else OWNERS


def kinds_off(user: User) -> frozenset[str]:
    """What this person switched off."""
    row = Preference.objects.filter(user=user).values_list("off", flat=True).first()
    return frozenset(row or ())


def notices_set(*, user: User, off: Iterable[str], by: Actor) -> None:
    """Switch these kinds off, and all others on. Raises `DomainError` (``notice_invalid``)."""
    chosen = sorted(set(off))
    allowed = {kind.value for kind in kinds_for(user)} - {kind.value for kind in ALWAYS}
    wrong = sorted(set(chosen) - allowed)
    if wrong:
        raise DomainError("notice_invalid", f"This notice cannot be switched off: {wrong[0][:50]}.")
    with transaction.atomic(durable=True):
        before = sorted(kinds_off(user))
        # What belongs to an administrator stays as it is while somebody is none.
        kept = sorted({*chosen, *(kind for kind in before if kind not in {item.value for item in kinds_for(user)})})
        if kept == before:
            return
        Preference.objects.update_or_create(user=user, defaults={"off": kept})
        detail = {"off": kept}
        record(Event.NOTICES_CHANGED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)


def _switched_off(kind: WebhookEvent, owners: Iterable[str]) -> set[str]:
    if kind in ALWAYS:
        return set()
    rows = Preference.objects.filter(user__in=set(owners)).values_list("user_id", "off")
    return {user for user, off in rows if kind.value in off}


def _said(notice: Notice, token: TokenFacts) -> dict[str, Any]:
    owner = notice.owner
    return {
        "token": {
            "id": str(token.pk),
            "publicId": token.public_id,
            "label": token.label,
            "createdOn": moment(token.created_at),
            "expiresOn": moment(token.expires_at),
        },
        "owner": {"id": owner.pk, "email": owner.email, "name": owner.name},
        **notice.data,
    }
