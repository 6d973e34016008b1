"""Making and changing accounts. What touches teams and tokens too is in `hopkey.server.people`."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import last_administrator_is
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import Conflict, DomainError


def email_normalise(email: str) -> str:
    """The form in which addresses are stored and compared. Raises `DomainError` (``email_invalid``).

    Compare it with ``=`` only. A comparison that lets the database fold letters takes other addresses for the same:
    to PostgreSQL the dotless i is an i, and whoever has that mailbox would get somebody else's codes.
    """
    email = email.strip()
    try:
        if not email.rpartition("@")[0].isascii():  # some letters are ASCII only once they are small
            raise ValidationError("local part")
        email = email.lower()
        validate_email(email)
    except ValidationError:
        raise DomainError("email_invalid", "Enter an e-mail address such as ana@example.com.", field="email") from None
    if len(email) > 254:
        raise DomainError("email_invalid", "An e-mail address has at most 254 characters.", field="email")
    return email


def name_normalise(name: str) -> str:
    """A display name of 1 to 100 characters. Raises `DomainError` (``name_invalid``)."""
    name = " ".join(name.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise DomainError("name_invalid", "Enter a name of 1 to 100 characters.", field="name")
    return name


def password_check(password: str, user: User | None = None) -> None:
    """Raises `DomainError` (``password_weak``) that says what is wrong with the password."""
    if len(password) > 1024:
        raise DomainError("password_weak", "A password has at most 1,024 characters.", field="password")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError("password_weak", " ".join(error.messages), field="password") from None


def user_create_row(
    *, email: str, name: str, password: str | None, is_administrator: bool, proven: bool = True, by: Actor
) -> User:
    """Create an account in the caller's transaction. ``password`` None: none yet, a one-time link will set it.

    ``proven``: whether it is known that the address is this person's, or somebody who governs this server chose it.

    Raises `DomainError` with ``email_invalid``, ``email_taken``, ``name_invalid`` or ``password_weak``.
    """
    user = User(email=email_normalise(email), name=name_normalise(name), is_administrator=is_administrator)
    user.email_proven_at = timezone.now() if proven else None
    if password is None:
        user.set_unusable_password()
    else:
        password_check(password, user)
        user.set_password(password)
    if User.objects.filter(email=user.email).exists():
        raise Conflict("email_taken", "There is already an account with this e-mail address.", field="email")
    user.save(force_insert=True)
    record(
        Event.USER_CREATED,
        by=by,
        kind="user",
        id=user.pk,
        label=user.email,
        detail={"administrator": is_administrator},
    )
    return user


def user_update(*, user: User, name: str, by: Actor) -> User:
    """Change the display name. Raises `DomainError` (``name_invalid``)."""
    name = name_normalise(name)
    if name == user.name:
        return user
    with transaction.atomic(durable=True):
        user.name = name
        user.save(update_fields=["name"])
        record(Event.USER_CHANGED, by=by, kind="user", id=user.pk, label=user.email, detail={"name": name})
    return user


def user_email_set_row(*, user: User, email: str, by: Actor) -> None:
    """Change the address somebody signs in with, in the caller's transaction. The old one opens the account no more,
    nor do links that were sent there. Whoever governs this server chose the new one: it counts as proven.

    Raises `DomainError` (``email_invalid``) or `Conflict` (``email_taken``).
    """
    email, before = email_normalise(email), user.email
    if email == before:
        return
    if User.objects.filter(email=email).exclude(pk=user.pk).exists():
        raise Conflict("email_taken", "There is already an account with this e-mail address.", field="email")
    EmailAddress.objects.filter(user=user).delete()
    user.links.all().delete()
    user.email, user.email_proven_at = email, timezone.now()
    user.save(update_fields=["email", "email_proven_at"])
    detail = {"email": email, "before": before}
    record(Event.USER_CHANGED, by=by, kind="user", id=user.pk, label=email, detail=detail)


def credentials_forget(user: User) -> None:
    """End every way by which `user` could sign in, in the caller's transaction: password, links, second factors,
    passkeys and single sign-on.
    """
    user.set_unusable_password()
    user.save(update_fields=["password"])
    user.links.all().delete()
    Authenticator.objects.filter(user_id=user.pk).delete()
    user.identities.all().delete()


def password_set(*, user: User, password: str, by: Actor) -> None:
    """Set another password; every session ends. Raises `DomainError` (``password_weak``, ``password_off``)."""
    if not current().password_sign_in:
        raise DomainError("password_off", "Nobody signs in with a password here.")
    password_check(password, user)
    with transaction.atomic(durable=True):
        user.set_password(password)
        user.save(update_fields=["password"])
        sessions_end(user)
        user.refresh_from_db(fields=["session_epoch"])
        record(Event.USER_PASSWORD_SET, by=by, kind="user", id=user.pk, label=user.email)


def user_active_set(*, user: User, active: bool, by: Actor) -> None:
    """Deactivate (sessions end, tokens are refused from now on) or reactivate, in the caller's transaction."""
    if user.is_active == active:
        return
    user.is_active = active
    user.save(update_fields=["is_active"])
    if not active:
        sessions_end(user)
    event = Event.USER_REACTIVATED if active else Event.USER_DEACTIVATED
    record(event, by=by, kind="user", id=user.pk, label=user.email)


def sessions_end(user: User) -> int:
    """End every session of `user`, also those that nobody listed; how many were listed."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    keys = list(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
    ended, _ = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=user).delete()
    return ended


def last_administrator_keep(user: User) -> None:
    """Raises `Conflict` (``last_administrator``) if nobody else could administer this server."""
    if last_administrator_is(user):
        raise Conflict("last_administrator", "This is the last administrator: make somebody else one first.")
