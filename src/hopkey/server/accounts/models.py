"""People, and the one-time links by which they come in."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from hopkey.server.ids import new_id


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username or "")


class User(AbstractBaseUser):
    """A person with an account. Signs in with the e-mail address, which is unique whatever its case.

    ``is_active`` False: sessions and tokens are refused at once; nothing is lost.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)
    is_administrator = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        db_table = "hopkey_user"
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case_unique")]

    def __str__(self) -> str:
        return self.email


class LinkPurpose(StrEnum):
    SETUP = "setup"
    PASSWORD = "password"  # noqa: S105 - a purpose


class OneTimeLink(models.Model):
    """A link that sets a password once: for the first administrator, or for an account an operator created.

    Only the SHA-256 digest of its secret is kept. Redeeming deletes the row.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    purpose = models.CharField(max_length=16)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="links")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "hopkey_one_time_link"
