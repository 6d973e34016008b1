"""Beginning a session: every way in ends here, goes through django-allauth's stages and is recorded once."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records, perform_login, record_authentication
from allauth.account.models import Login
from django.http import HttpRequest, HttpResponse

from hopkey.server.accounts.models import User
from hopkey.server.accounts.sessions import session_methods_set


def sign_in(request: HttpRequest, *, user: User, method: str, target: str = "/", **detail: Any) -> HttpResponse:
    """Sign `user` in, who has just been recognised by `method` (``password``, ``link``, ``code``, ...).

    The answer leads to `target`, or first to whatever the account asks besides. Deactivated accounts are the caller's
    to refuse.
    """
    record_authentication(request, user, method, **detail)
    return cast("HttpResponse", perform_login(request, Login(user=user, redirect_url=target)))


def session_renew(request: HttpRequest, *, user: User) -> None:
    """A new session for whoever is signed in, when the old one ended with everything else."""
    methods = methods_of(request, user)
    get_adapter(request).login(request, user)
    session_methods_set(key=request.session.session_key or "", methods=methods)


def methods_of(request: HttpRequest, user: User) -> list[str]:
    """With what the session under way was begun, in order: such as ``password`` and ``totp``."""
    methods = []
    for item in get_authentication_records(request, user):
        name = str(item.get("type") if item.get("method") == "mfa" else item.get("method"))
        if name not in methods:
            methods.append(name)
    return methods
