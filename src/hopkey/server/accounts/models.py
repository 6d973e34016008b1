"""People, and the one-time links by which they come in."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from hopkey.server.ids import new_id


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """A person with an account. Signs in with the e-mail address, which is unique whatever its case.

    ``is_active`` False: sessions and tokens are refused at once; nothing is lost. ``session_epoch``: sessions begun in
    an earlier one are refused, however they were begun. ``email_proven_at``: since when it is known that the address is
    this person's; empty where the person typed it and nothing has shown it yet (docs/identity.md).
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    is_administrator = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    session_epoch = models.PositiveIntegerField(default=0)
    email_proven_at = models.DateTimeField(null=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "hopkey_user"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case_unique")]
        # Few of many, listed by address: each has an index of its own.
        indexes = [
            models.Index(fields=["email"], condition=models.Q(is_administrator=True), name="user_administrators"),
            models.Index(fields=["email"], condition=models.Q(is_active=False), name="user_inactive"),
            models.Index(fields=["email"], condition=models.Q(last_login=None), name="user_never_in"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_session_auth_hash(self) -> str:
        """What a session remembers of the account: it ends with another password and with the next epoch."""
        return self._session_hash(None)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under keys that were in use before (Django's ``SECRET_KEY_FALLBACKS``)."""
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes | None) -> str:
        value = f"{self.session_epoch}:{self.password}"
        return salted_hmac("hopkey.accounts.session", value, secret=secret, algorithm="sha256").hexdigest()


class LinkPurpose(StrEnum):
    SETUP = "setup"
    PASSWORD = "password"  # noqa: S105 - a purpose
    INVITE = "invite"


class OneTimeLink(models.Model):
    """A link that works once: for the first administrator, to set the password of an account, or to invite somebody
    to have one (``email``, and as an administrator or not). ``inviter``: the administrator who invites; None: an
    operator.

    Only the SHA-256 digest of its secret is kept. Redeeming deletes the row.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    purpose = models.CharField(max_length=16)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="links")
    email = models.EmailField(max_length=254, blank=True)
    administrator = models.BooleanField(default=False)
    inviter = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "hopkey_one_time_link"


class OidcIdentity(models.Model):
    """An identity at an OpenID Connect provider that signs in as an account.

    Known by issuer and subject, never by its e-mail address: subjects are unique and never given to somebody else
    (OpenID Connect Core 1.0, section 2), and another provider's subjects mean other people.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    email = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "hopkey_oidc_identity"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="oidc_identity_unique"),
            models.UniqueConstraint(fields=["user", "issuer"], name="oidc_identity_one_per_issuer"),
        ]
