"""Reading accounts."""

from __future__ import annotations

from django.db.models import QuerySet

from hopkey.server.accounts.models import User
from hopkey.server.errors import NotFound


def user_list() -> QuerySet[User]:
    return User.objects.order_by("email")


def user_get(email_or_id: str) -> User:
    """The account with this id or e-mail address. Raises `NotFound` (``user_not_found``)."""
    users = User.objects.filter(email__iexact=email_or_id.strip()) | User.objects.filter(pk=email_or_id.strip())
    user = users.first()
    if user is None:
        raise NotFound("user_not_found", f"There is no account {email_or_id!r}.")
    return user
