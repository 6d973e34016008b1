"""Confirming a sign-in that is some time ago."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from hopkey.server.accounts.sessions import session_confirmed
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.ui.recent import PREFIX, confirm_page, safe_path


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def confirm(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST":
        return confirm_page(request, status=200)
    method = request.POST.get(PREFIX + "with", "")
    user, by = user_of(request), actor_of(request)
    try:
        _prove(request, method)
    except DomainError as error:
        detail = {"method": method[:20]}
        record(Event.SESSION_CONFIRM_FAILED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
        return confirm_page(request, error=error, status=error.status)
    session_confirmed(session=request.session, user=user, method=method, by=by)
    path = safe_path(request, request.POST.get(PREFIX + "path", ""))
    if request.POST.get(PREFIX + "again"):
        # The browser sends the same fields on, to the form's own address.
        return HttpResponse(status=307, headers={"Location": path})
    return redirect(path)


def _prove(request: HttpRequest, method: str) -> None:
    """Raises `DomainError` (``proof_wrong``, ``too_many_attempts``)."""
    if method != "password":
        raise DomainError("proof_wrong", "Choose how to confirm that it is you.")
    password_prove(request, request.POST.get(PREFIX + "password", ""))


def password_prove(request: HttpRequest, password: str) -> None:
    """Raises `DomainError` (``proof_wrong``, ``too_many_attempts``)."""
    user = user_of(request)
    try:
        found = get_adapter(request).authenticate(request, email=user.email, password=password)
    except ValidationError:
        raise DomainError(
            "too_many_attempts", "Too many wrong attempts. Wait five minutes, then try again.", status=429
        ) from None
    if found != user or not user.has_usable_password():
        raise DomainError("proof_wrong", "This password is not right.", field="confirm-password")
