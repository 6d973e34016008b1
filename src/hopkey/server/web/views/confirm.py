"""Confirming a sign-in that is some time ago."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from hopkey.server.accounts import codes
from hopkey.server.accounts.factors import too_many
from hopkey.server.accounts.limits import attempt
from hopkey.server.accounts.proofs import proofs_of
from hopkey.server.accounts.sessions import session_confirmed
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.ui.access import signed_in_only
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.ui.recent import PREFIX, confirm_page, safe_path
from hopkey.server.web.views.second import factor_prove


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
def confirm(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST":
        return confirm_page(request, status=200)
    method = request.POST.get(PREFIX + "with", "")[:20]
    user, by = user_of(request), actor_of(request)
    context: dict[str, Any] = {"with": method, "mailed": method == "mail"}
    try:
        if method == "send":
            return _send(request)
        attempt(request, "confirm")
        _prove(request, method)
    except DomainError as error:
        if error.code != "too_many_attempts":  # what the limit stops is no attempt, and must not fill the trail
            detail = {"method": method}
            record(Event.SESSION_CONFIRM_FAILED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
        return confirm_page(request, error=error, status=error.status, **context)
    session_confirmed(session=request.session, user=user, method=method, by=by)
    path = safe_path(request, request.POST.get(PREFIX + "path", ""))
    if request.POST.get(PREFIX + "again"):
        # The browser sends the same fields on, to the form's own address.
        return HttpResponse(status=307, headers={"Location": path})
    return redirect(path)


def _send(request: HttpRequest) -> HttpResponseBase:
    user = user_of(request)
    codes.code_send(request=request, purpose="confirm", email=user.email, wanted=proofs_of(user).mail)
    return confirm_page(request, status=200, mailed=True)


def _prove(request: HttpRequest, method: str) -> None:
    """Raises `DomainError` (``proof_wrong``, ``too_many_attempts``, and those of each way)."""
    user = user_of(request)
    proofs = proofs_of(user)
    if method == "password" and proofs.password:
        _password_prove(request, request.POST.get(PREFIX + "password", ""))
    elif method in ("code", "passkey") and (proofs.code or proofs.passkey):
        factor_prove(request, user=user, purpose="confirm", by=actor_of(request), prefix=PREFIX)
    elif method == "mail" and proofs.mail:
        codes.code_take(request=request, purpose="confirm", code=request.POST.get(PREFIX + "mailed", ""))
    else:
        raise DomainError("proof_wrong", "Choose how to confirm that it is you.")


def _password_prove(request: HttpRequest, password: str) -> None:
    user = user_of(request)
    try:
        found = get_adapter(request).authenticate(request, email=user.email, password=password)
    except ValidationError:
        raise too_many() from None
    if found != user:
        raise DomainError("proof_wrong", "This password is not right.", field="confirm-password")
