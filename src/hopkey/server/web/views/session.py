"""Signing in and out, through django-allauth; and the theme, which a visitor may choose too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allauth.account.forms import LoginForm
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import has_accounts
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.mail.settings import is_set_up
from hopkey.server.ui.access import back_of
from hopkey.server.ui.actors import actor_of
from hopkey.server.ui.context import THEME_COOKIE, THEMES


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    target = safe_target(request)
    if isinstance(request.user, User):
        return redirect(target)
    if request.method != "POST":
        return sign_in_page(request)
    if not current().password_sign_in:
        return sign_in_page(request, ["Nobody signs in with a password here: choose another way."], 403)
    form: Any = LoginForm(data=request.POST, request=request)
    # A deactivated account is refused like a wrong password: who holds neither learns nothing.
    if form.is_valid() and not form.user.is_active:
        form.add_error(None, "The email address and/or password you specified are not correct.")
    elif form.is_valid():
        return form.login(request, redirect_url=target)  # type: ignore[no-any-return]
    limited = any(error.code == "too_many_login_attempts" for error in form.non_field_errors().as_data())
    # What the limit stops is no attempt, nor is a form without an address or a password: neither fills the trail.
    if not limited and not {"login", "password"} & form.errors.keys():
        record(Event.SIGN_IN_FAILED, by=actor_of(request), kind="user", label=str(request.POST.get("login", ""))[:254])
    return sign_in_page(request, [error for errors in form.errors.values() for error in errors])


def sign_in_page(request: HttpRequest, errors: Sequence[str] = (), status: int = 400) -> HttpResponse:
    """The page with every way to sign in that is configured."""
    config = current()
    context = {
        "errors": errors,
        "email": request.POST.get("login", ""),
        "next": safe_target(request),
        "nobody": not has_accounts(),
        "password": config.password_sign_in,
        "mail": is_set_up(),
        "oidc": config.oidc_name if config.oidc_issuer else "",
        "signup": config.signup == "domain" and is_set_up(),
    }
    return render(request, "web/sign_in.html", context, status=status if errors else 200)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session on the server: a copied cookie is worth nothing afterwards."""
    if isinstance(request.user, User):
        record(Event.SIGNED_OUT, by=actor_of(request), kind="user", id=request.user.pk, label=request.user.email)
    logout(request)
    return redirect("sign_in")


@require_POST
def theme_set(request: HttpRequest) -> HttpResponse:
    theme = request.POST.get("theme", "auto")
    response = redirect(back_of(request))
    response.set_cookie(
        THEME_COOKIE,
        theme if theme in THEMES else "auto",
        max_age=31_536_000,
        samesite="Lax",
        httponly=True,
        secure=request.is_secure(),
    )
    return response


def safe_target(request: HttpRequest) -> str:
    """Where to go after signing in: only to a page of ours."""
    target = request.POST.get("next") or request.GET.get("next") or "/"
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if allowed and target.startswith("/") else "/"
