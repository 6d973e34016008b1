"""Profile settings, Security: ways to sign in, and where one is signed in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hopkey.server.accounts import codes, sessions
from hopkey.server.accounts.factors import factor_is_missing, factors_of
from hopkey.server.accounts.models import OidcIdentity
from hopkey.server.accounts.services import password_set
from hopkey.server.accounts.signing_in import session_renew
from hopkey.server.config import current
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.mail.settings import is_set_up
from hopkey.server.ui.access import recent_always, signed_in_only
from hopkey.server.ui.actors import actor_of, user_of


@require_safe
@signed_in_only
def security(request: HttpRequest) -> HttpResponse:
    return render(request, "web/security.html", _context(request))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
@recent_always
def password(request: HttpRequest) -> HttpResponseBase:
    """Another password; the person stays signed in here, in a session of its own."""
    user = user_of(request)
    if request.method != "POST":
        return render(request, "web/password.html", {"error": None, "tab": "security"})
    try:
        password_set(user=user, password=request.POST.get("password", ""), by=actor_of(request))
    except DomainError as error:
        return render(request, "web/password.html", {"error": error, "tab": "security"}, status=error.status)
    session_renew(request, user=user)
    messages.success(request, "The new password is set. You are signed out everywhere else.")
    return redirect("security")


@require_POST
@signed_in_only
def email_prove(request: HttpRequest) -> HttpResponseBase:
    """Without a code: mail one. With it: the address is confirmed."""
    user, error = user_of(request), None
    try:
        if "code" in request.POST:
            codes.code_take(request=request, purpose="prove", code=request.POST["code"])
            with transaction.atomic(durable=True):
                codes.email_prove(user=user, by=actor_of(request))
            messages.success(request, "Your address is confirmed.")
            return redirect("security")
        codes.code_send(request=request, purpose="prove", email=user.email, wanted=True)
    except DomainError as problem:
        error = problem
    context = {"error": error, "tab": "security"}
    return render(request, "web/email_prove.html", context, status=error.status if error else 200)


@require_POST
@signed_in_only
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """Ending a session needs no recent sign-in: it takes access away, and must be quick."""
    try:
        sessions.session_end(user=user_of(request), session_id=session_id, by=actor_of(request))
    except NotFound as error:
        messages.info(request, error.message)
    else:
        messages.success(request, "Signed out there.")
    return redirect("security")


@require_POST
@signed_in_only
def sessions_end_others(request: HttpRequest) -> HttpResponse:
    key = request.session.session_key or ""
    ended = sessions.sessions_end_others(user=user_of(request), key=key, by=actor_of(request))
    messages.success(request, f"Signed out everywhere else: {ended} session{'' if ended == 1 else 's'} ended.")
    return redirect("security")


def _context(request: HttpRequest) -> dict[str, Any]:
    user, config = user_of(request), current()
    return {
        "with_password": config.password_sign_in,
        "oidc": config.oidc_name if config.oidc_issuer else "",
        "identity": OidcIdentity.objects.filter(user=user, issuer=config.oidc_issuer).first(),
        "mail": is_set_up(),
        "factors": factors_of(user),
        "missing": factor_is_missing(user),
        "devices": sessions.session_list(user=user, key=request.session.session_key or ""),
        "tab": "security",
        "error": None,
    }
