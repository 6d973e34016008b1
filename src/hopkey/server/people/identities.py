"""Whose account an identity at the OpenID Connect provider is; and accounts made by a proven address.

An identity is known by issuer and subject. Its address counts once, when it is linked, and only where the provider says
that it is verified and the account's own address is proven (docs/identity.md says why).
"""

from __future__ import annotations

import time

from django.db import IntegrityError, transaction
from django.utils import timezone

from hopkey.server.accounts import links
from hopkey.server.accounts.codes import email_prove
from hopkey.server.accounts.factors import factor_change_tell, factors_of
from hopkey.server.accounts.models import OidcIdentity, User
from hopkey.server.accounts.oidc import CONFIRM_SECONDS, Claims
from hopkey.server.accounts.services import email_normalise, name_normalise, user_create_row
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import Conflict, DomainError, Forbidden, NotFound
from hopkey.server.mail.settings import is_set_up
from hopkey.server.people.admission import admission_check
from hopkey.server.workspaces.invitations import invitation_accept_row, invitation_get
from hopkey.server.workspaces.models import Workspace
from hopkey.server.workspaces.services import personal_workspace_create


def identity_sign_in(*, claims: Claims, invitation: str = "", by: Actor) -> tuple[User, Workspace | None]:
    """The account of this identity, linked or made if it has to be; and the team it joined by the `invitation`.

    Raises `DomainError` (``email_invalid``), `Forbidden` (``account_inactive``, ``identity_unverified``,
    ``email_not_proven``, ``identity_is_another``, ``signup_closed``).
    """
    try:
        with transaction.atomic(durable=True):
            return _identity_sign_in(claims, invitation, by)
    except IntegrityError:
        # Two first sign-ins at once: the other one has linked it.
        with transaction.atomic(durable=True):
            return _identity_sign_in(claims, invitation, by)


def identity_connect(*, user: User, claims: Claims, by: Actor) -> None:
    """Link an identity to the account of whoever is signed in; the addresses may differ.

    Raises `Conflict` (``identity_taken``, ``identity_is_another``).
    """
    with transaction.atomic(durable=True):
        User.objects.select_for_update().get(pk=user.pk)
        other = OidcIdentity.objects.filter(issuer=claims.issuer, subject=claims.subject).first()
        if other is not None and other.user_id != user.pk:
            raise Conflict("identity_taken", "This sign-in belongs to another account here.")
        if other is not None:
            return
        if OidcIdentity.objects.filter(issuer=claims.issuer, user=user).exists():
            raise Conflict(
                "identity_is_another", "Your account is linked to another sign-in: disconnect that one first."
            )
        _link(user, claims, by)
        text = f"{current().oidc_name} can now sign in to your account."
        factor_change_tell(user, by, "A sign-in was linked", text)


def identity_disconnect(*, user: User, by: Actor) -> None:
    """Raises `NotFound` (``identity_not_found``) or `Conflict` (``last_way``)."""
    with transaction.atomic(durable=True):
        User.objects.select_for_update().get(pk=user.pk)
        row = OidcIdentity.objects.filter(user=user, issuer=current().oidc_issuer).first()
        if row is None:
            raise NotFound("identity_not_found", "Your account is not linked.")
        mail = is_set_up() and user.email_proven_at is not None
        password = current().password_sign_in and user.has_usable_password()
        if not (password or mail or factors_of(user).passkeys):
            raise Conflict("last_way", "It is your only way in: set a password or add a passkey first.")
        row.delete()
        detail = {"issuer": row.issuer, "subject": row.subject}
        record(Event.USER_OIDC_UNLINKED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
        text = f"{current().oidc_name} does not sign in to your account any more."
        factor_change_tell(user, by, "A sign-in was unlinked", text)


def identity_forget(*, user: User, by: Actor) -> int:
    """Unlink every identity of an account, for an operator: the next sign-in may link another one; how many.

    Meant for whoever got a new identity at the provider. The sessions stay.
    """
    with transaction.atomic(durable=True):
        rows = list(OidcIdentity.objects.select_for_update().filter(user=user))
        for row in rows:
            row.delete()
            detail = {"issuer": row.issuer, "subject": row.subject}
            record(Event.USER_OIDC_UNLINKED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
        if rows:
            text = f"{by.label} unlinked single sign-on from your account."
            factor_change_tell(user, by, "A sign-in was unlinked", text)
    return len(rows)


def identity_confirms(*, user: User, claims: Claims) -> None:
    """Whether this identity is the account's own, and was proven just now.

    Raises `DomainError` (``proof_wrong``, ``proof_too_old``).
    """
    if not OidcIdentity.objects.filter(user=user, issuer=claims.issuer, subject=claims.subject).exists():
        raise DomainError("proof_wrong", "That sign-in is not linked to your account.")
    if claims.auth_time is not None and time.time() - claims.auth_time > CONFIRM_SECONDS:
        raise DomainError("proof_too_old", "The sign-in service did not ask you anew. Use another way to confirm.")


def person_create_proven(*, email: str, name: str, invitation: str = "", by: Actor) -> tuple[User, Workspace | None]:
    """An account for whoever has just shown that this address is theirs, and the team of the `invitation`.

    Raises `Forbidden` (``signup_closed``) and what `user_create_row` and `invitation_get` raise.
    """
    with transaction.atomic(durable=True):
        return person_create_proven_row(email=email, name=name, invitation=invitation, by=by)


def person_create_proven_row(*, email: str, name: str, invitation: str, by: Actor) -> tuple[User, Workspace | None]:
    """`person_create_proven` in the caller's transaction."""
    email = email_normalise(email)
    invite = links.invite_take(email)
    team = invitation_get(invitation) if invitation else None
    if team is not None and team.email not in ("", email):
        raise DomainError("invitation_for_other", "This invitation is for another e-mail address.")
    if invite is None:
        admission_check(email=email, invited=team is not None)
    administrator = invite is not None and invite.administrator
    by = Actor(label=email, address=by.address, agent=by.agent) if not by.user_id else by
    user = user_create_row(email=email, name=_name(name, email), password=None, is_administrator=administrator, by=by)
    personal_workspace_create(user)
    if invite is not None:
        invite.delete()
    if team is None:
        return user, None
    itself = Actor(user.pk, user.email, by.address, by.agent)
    return user, invitation_accept_row(secret=invitation, user=user, by=itself)


def _identity_sign_in(claims: Claims, invitation: str, by: Actor) -> tuple[User, Workspace | None]:
    known = OidcIdentity.objects.select_related("user").filter(issuer=claims.issuer, subject=claims.subject).first()
    if known is not None:
        _active(known.user)
        OidcIdentity.objects.filter(pk=known.pk).update(used_at=timezone.now(), email=claims.email)
        return known.user, None
    if not claims.email or not claims.email_verified:
        raise Forbidden(
            "identity_unverified",
            "The sign-in service does not say that your e-mail address is verified, so no account can be found by it. "
            "Verify it there, or sign in another way and link it under Profile settings, Security.",
        )
    user = User.objects.select_for_update().filter(email=email_normalise(claims.email)).first()
    team = None
    if user is None:
        user, team = person_create_proven_row(email=claims.email, name=claims.name, invitation=invitation, by=by)
    else:
        _active(user)
        if user.email_proven_at is None:
            raise Forbidden(
                "email_not_proven",
                f"There is an account for {user.email}, but nobody has shown yet that the address is its holder's. "
                "If it is yours, sign in the way you did before and link this under Profile settings, Security. "
                "If you know nothing of it, tell an administrator of this server.",
            )
        if OidcIdentity.objects.filter(user=user, issuer=claims.issuer).exists():
            raise Forbidden(
                "identity_is_another",
                f"The account of {user.email} is linked to another sign-in. An administrator of this server can help.",
            )
        text = f"{current().oidc_name} can now sign in to your account: it knows you by the same address."
        factor_change_tell(user, by, "A sign-in was linked", text)
    _link(user, claims, by)
    email_prove(user=user, by=by)
    return user, team


def _link(user: User, claims: Claims, by: Actor) -> None:
    OidcIdentity.objects.create(
        user=user, issuer=claims.issuer, subject=claims.subject, email=claims.email, used_at=timezone.now()
    )
    detail = {"issuer": claims.issuer, "subject": claims.subject, "email": claims.email}
    record(Event.USER_OIDC_LINKED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)


def _active(user: User) -> None:
    if not user.is_active:
        raise Forbidden("account_inactive", "This account is deactivated. Ask an administrator of this server.")


def _name(name: str, email: str) -> str:
    try:
        return name_normalise(name[:100])
    except DomainError:
        return name_normalise(email.partition("@")[0][:100])
