"""The actor of a request, for services that write."""

from __future__ import annotations

from django.http import HttpRequest

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor


def actor_of(request: HttpRequest) -> Actor:
    """Who sent this request, from where, with what."""
    user = request.user if isinstance(request.user, User) else None
    return Actor(
        user_id=user.pk if user else "",
        label=user.email if user else "",
        address=request.META.get("REMOTE_ADDR", ""),
        agent=request.headers.get("User-Agent", ""),
    )


def user_of(request: HttpRequest) -> User:
    """The signed-in person, in views that ask for one."""
    if not isinstance(request.user, User):
        raise TypeError("this view needs a signed-in user")
    return request.user
