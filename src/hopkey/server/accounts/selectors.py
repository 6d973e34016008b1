"""Reading accounts."""

from __future__ import annotations

from django.db.models import Q, QuerySet

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


def user_get_by_id(user_id: str) -> User:
    """For programs, which say ids. Raises `NotFound` (``user_not_found``)."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound("user_not_found", "There is no account with this id.")
    return user


def user_page(*, text: str = "", state: str = "", after: str = "", limit: int) -> list[User]:
    """Accounts by e-mail address, after that address: those matching `text`, and of a state (``administrator``,
    ``active``, ``deactivated``, ``invited``: no password yet).
    """
    users = User.objects.order_by("email")
    if after:
        users = users.filter(email__gt=after)
    if text:
        users = users.filter(Q(email__icontains=text) | Q(name__icontains=text) | Q(pk=text))
    if state == "administrator":
        users = users.filter(is_administrator=True)
    elif state in ("active", "deactivated"):
        users = users.filter(is_active=state == "active")
    elif state == "invited":
        users = users.filter(last_login=None)
    return list(users[:limit])


def user_ids_matching(text: str, limit: int) -> list[str]:
    """Ids of accounts whose name or e-mail address contains `text`, whatever its case; at most `limit`."""
    matching = Q(email__icontains=text) | Q(name__icontains=text)
    return list(User.objects.filter(matching).order_by("email").values_list("pk", flat=True)[:limit])
