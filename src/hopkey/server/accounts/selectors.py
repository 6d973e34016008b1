"""Reading accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from hopkey.server.accounts.models import User
from hopkey.server.accounts.search import user_ids_containing
from hopkey.server.errors import DomainError, NotFound


def user_list() -> QuerySet[User]:
    return User.objects.order_by("email")


def user_get(email_or_id: str) -> User:
    """The account with this id or e-mail address. Raises `NotFound` (``user_not_found``)."""
    wanted = email_or_id.strip()
    # No database knows a text with NUL; PostgreSQL would not even be asked.
    user = None if "\0" in wanted else User.objects.filter(Q(email=wanted.lower()) | Q(pk=wanted)).first()
    if user is None:
        raise NotFound("user_not_found", f"There is no account {email_or_id!r}.")
    return user


def user_get_by_id(user_id: str) -> User:
    """For programs, which say ids. Raises `NotFound` (``user_not_found``)."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound("user_not_found", "There is no account with this id.")
    return user


_WINDOW = 400
STATES = ("", "active", "administrator", "deactivated", "invited")


@dataclass(frozen=True, slots=True)
class UserPage:
    """Accounts by e-mail address; ``cursor`` leads to the next page, empty at the end."""

    users: Sequence[User]
    cursor: str


def user_page_after(*, text: str = "", state: str = "", cursor: str = "", limit: int) -> UserPage:
    """As `user_page`, with the way to the next page. Raises `DomainError` (``filter_invalid``)."""
    if state not in STATES:
        raise DomainError("filter_invalid", f"state is one of {', '.join(STATES[1:])}, or empty.", field="state")
    text, cursor = (value.strip()[:254].replace("\0", "") for value in (text, cursor))
    users = user_page(text=text, state=state, after=cursor, limit=limit + 1)
    return UserPage(users[:limit], users[limit - 1].email if len(users) > limit else "")


def user_page(*, text: str = "", state: str = "", after: str = "", limit: int) -> list[User]:
    """Accounts by e-mail address, after that address: those matching `text`, and of a state (``administrator``,
    ``active``, ``deactivated``, ``invited``: no password yet).
    """
    users = User.objects.order_by("email")
    if after:
        users = users.filter(email__gt=after)
    if state == "administrator":
        users = users.filter(is_administrator=True)
    elif state in ("active", "deactivated"):
        users = users.filter(is_active=state == "active")
    elif state == "invited":
        users = users.filter(last_login=None)
    if not text:
        return list(users[:limit])
    # Where matches are frequent, the next few addresses hold a page of them; else the index finds all there are.
    following = users.filter(pk__in=users.values("pk")[:_WINDOW])
    found = list(following.filter(Q(email__icontains=text) | Q(name__icontains=text))[:limit])
    return found if len(found) >= limit else list(users.filter(pk__in=_containing(text))[:limit])


def user_counts(users: Sequence[User]) -> dict[str, tuple[int, int]]:
    """By id: how many tokens, and how many teams, each of these has; one query."""
    tokens = User.objects.filter(pk=OuterRef("pk")).annotate(number=Count("tokens")).values("number")
    teams = User.objects.filter(pk=OuterRef("pk")).annotate(number=Count("memberships")).values("number")
    rows = User.objects.filter(pk__in=[user.pk for user in users])
    return {pk: (own, joined) for pk, own, joined in rows.values_list("pk", Subquery(tokens), Subquery(teams))}


def has_accounts() -> bool:
    """Whether this server was set up: somebody has an account."""
    return User.objects.exists()


def last_administrator_is(user: User) -> bool:
    """Whether nobody else could administer this server."""
    others = User.objects.filter(is_administrator=True, is_active=True).exclude(pk=user.pk)
    return user.is_administrator and user.is_active and not others.exists()


def user_ids_matching(text: str, limit: int) -> list[str]:
    """Ids of accounts whose name or e-mail address contains `text`, whatever its case, or whose id it is; at most
    `limit`, in no order.
    """
    sql, values = user_ids_containing(text)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM ({sql}) matching LIMIT {int(limit)}", values)  # noqa: S608 - our own query
        return [id_ for (id_,) in cursor.fetchall()]


def _containing(text: str) -> RawSQL:
    sql, values = user_ids_containing(text)
    return RawSQL(sql, values)  # noqa: S611 - our own query with the text as a value
