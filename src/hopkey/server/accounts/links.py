"""One-time links: the way in for the first administrator and for accounts an operator created."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from hopkey.server.accounts.models import LinkPurpose, OneTimeLink, User
from hopkey.server.accounts.services import email_normalise, password_check, sessions_end, user_create_row
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import Conflict, NotFound
from hopkey.server.mail.services import mail_queue

LINK_DAYS = 7


def link_digest(secret: str) -> bytes:
    """What is stored of a link's secret (43 characters of 256 random bits)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def link_url(secret: str) -> str:
    return f"{current().base_url}/welcome/{secret}"


def setup_link_issue() -> str | None:
    """A fresh link that creates the first administrator, or None once anybody has an account. Earlier ones end."""
    with transaction.atomic():
        if User.objects.exists():
            OneTimeLink.objects.filter(purpose=LinkPurpose.SETUP).delete()
            return None
        OneTimeLink.objects.filter(purpose=LinkPurpose.SETUP).delete()
        return _issue(LinkPurpose.SETUP, None)


def password_link_issue(*, user: User, by: Actor) -> str:
    """A link with which `user` sets a password. Earlier ones end."""
    with transaction.atomic():
        OneTimeLink.objects.filter(user=user).delete()
        record(Event.USER_LINK_ISSUED, by=by, kind="user", id=user.pk, label=user.email)
        return _issue(LinkPurpose.PASSWORD, user)


def invite_issue(*, email: str, administrator: bool = False, inviter: User | None, by: Actor) -> str:
    """A link with which the holder of this address makes an account, also mailed there. An earlier one for it ends.

    It works only as long as `inviter` is an administrator; None: an operator invites.

    Raises `DomainError` (``email_invalid``) or `Conflict` (``email_taken``).
    """
    email = email_normalise(email)
    if User.objects.filter(email=email).exists():
        raise Conflict("email_taken", "There is already an account with this e-mail address.", field="email")
    with transaction.atomic(durable=True):
        OneTimeLink.objects.filter(purpose=LinkPurpose.INVITE, email=email).delete()
        detail = {"administrator": administrator}
        record(Event.USER_INVITED, by=by, kind="user", label=email, detail=detail)
        link = _issue(LinkPurpose.INVITE, None, email=email, administrator=administrator, inviter=inviter)
        mail_queue(
            to=email,
            template="account_invitation",
            context={"by": by.label if by.user_id else "", "link": link, "days": LINK_DAYS},
            secrets=("link",),
            useless_at=timezone.now() + timedelta(days=LINK_DAYS),
        )
        return link


def invite_list() -> QuerySet[OneTimeLink]:
    """Open invitations to have an account, newest first."""
    return _that_hold().filter(purpose=LinkPurpose.INVITE).order_by("-id")


def invite_revoke(*, emails: Sequence[str], by: Actor) -> int:
    """End the invitations of these addresses; how many there were."""
    wanted = {email.strip().lower() for email in emails}
    with transaction.atomic(durable=True):
        found = list(invite_list().select_for_update(of=("self",)).filter(email__in=wanted))
        for link in found:
            record(Event.USER_INVITE_REVOKED, by=by, kind="user", label=link.email)
            link.delete()
    return len(found)


def invite_redeem(*, secret: str, name: str, password: str | None, by: Actor) -> User:
    """Create the invited account in the caller's transaction. Raises `DomainError`."""
    link = _take(secret, LinkPurpose.INVITE)
    user = user_create_row(email=link.email, name=name, password=password, is_administrator=link.administrator, by=by)
    link.delete()
    return user


def invite_take(email: str) -> OneTimeLink | None:
    """The open invitation of this address, locked, for whoever has shown otherwise that the address is theirs."""
    return invite_list().select_for_update(of=("self",)).filter(email=email).first()


def link_get(secret: str) -> OneTimeLink:
    """The link with this secret, if it can still be used. Raises `NotFound` (``link_invalid``)."""
    link = _that_hold().select_related("user").filter(digest=link_digest(secret)).first()
    if link is None or (link.user is not None and not link.user.is_active):
        raise NotFound("link_invalid", "This link has been used or has expired. Ask an administrator for a new one.")
    return link


def setup_link_redeem(*, secret: str, email: str, name: str, password: str | None, by: Actor) -> User:
    """Create the first administrator in the caller's transaction.

    Raises `DomainError` for a bad link, e-mail, name or password.
    """
    link = _take(secret, LinkPurpose.SETUP)
    if User.objects.exists():
        raise NotFound("link_invalid", "This server is set up already: sign in instead.")
    user = user_create_row(email=email, name=name, password=password, is_administrator=True, by=by)
    link.delete()
    return user


def password_link_redeem(*, secret: str, password: str | None, by: Actor) -> User:
    """Set the password of the link's account; with None, where nobody signs in with one, the link alone signs in.

    Raises `DomainError` for a bad link or password.
    """
    with transaction.atomic(durable=True):
        link = _take(secret, LinkPurpose.PASSWORD)
        user = link.user
        if user is None:
            raise NotFound("link_invalid", "This link has been used or has expired.")
        link.delete()
        if password is None and not current().password_sign_in:
            return user
        password_check(password or "", user)
        user.set_password(password)
        user.save(update_fields=["password"])
        # Another password ends every session by itself: none is listed any more.
        sessions_end(user)
        user.refresh_from_db(fields=["session_epoch"])
        record(Event.USER_PASSWORD_SET, by=by, kind="user", id=user.pk, label=user.email)
    return user


def _that_hold() -> QuerySet[OneTimeLink]:
    """Links that have not expired, of operators and of those who are administrators still: whoever is dismissed keeps
    none as a way back.
    """
    of_administrators = Q(inviter__is_active=True, inviter__is_administrator=True)
    return OneTimeLink.objects.filter(Q(inviter=None) | of_administrators, expires_at__gt=timezone.now())


def _issue(purpose: LinkPurpose, user: User | None, **given: Any) -> str:
    secret = secrets.token_urlsafe(32)
    OneTimeLink.objects.create(
        digest=link_digest(secret),
        purpose=purpose,
        user=user,
        **given,
        expires_at=timezone.now() + timedelta(days=LINK_DAYS),
    )
    return link_url(secret)


def _take(secret: str, purpose: LinkPurpose) -> OneTimeLink:
    link = link_get(secret)
    locked = OneTimeLink.objects.select_for_update().filter(pk=link.pk, purpose=purpose).first()
    if locked is None:
        raise NotFound("link_invalid", "This link has been used or has expired.")
    locked.user = link.user
    return locked
