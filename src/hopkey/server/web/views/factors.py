"""Profile settings, Security: setting up and removing second factors."""

from __future__ import annotations

from typing import Any

import qrcode
from allauth.mfa.utils import decrypt, encrypt
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from hopkey.server.accounts import factors, passkeys
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.ui.access import recent_always, signed_in_only
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.web import ceremony

_PENDING = "totp_pending"


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
@recent_always
def app_new(request: HttpRequest) -> HttpResponseBase:
    """The secret waits in the session, encrypted, until the app has shown that it has it."""
    user = user_of(request)
    if factors.factors_of(user).totp:
        return redirect("security")
    kept = request.session.get(_PENDING)
    secret = decrypt(kept) if kept else factors.totp_secret_make()
    if not kept:
        request.session[_PENDING] = encrypt(secret)
    uri = factors.totp_uri(user=user, secret=secret, site=request.get_host())
    groups = " ".join(secret[index : index + 4] for index in range(0, len(secret), 4))
    context = {"uri": uri, "groups": groups, "qr": _qr(uri), "error": None, "tab": "security"}
    if request.method != "POST":
        return render(request, "web/app_new.html", context)
    try:
        codes = factors.totp_enable(user=user, secret=secret, code=request.POST.get("code", ""), by=actor_of(request))
    except DomainError as error:
        return render(request, "web/app_new.html", {**context, "error": error}, status=error.status)
    request.session.pop(_PENDING, None)
    return _added(request, "The authenticator app is set up.", codes)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
@recent_always
def app_remove(request: HttpRequest) -> HttpResponseBase:
    user = user_of(request)
    found = factors.factors_of(user)
    if found.totp is None:
        return redirect("security")
    if request.method != "POST":
        return _ask(request, "the authenticator app", last=not found.passkeys)
    factors.totp_disable(user=user, by=actor_of(request))
    messages.success(request, "The authenticator app is removed.")
    return redirect("security")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
@recent_always
def recovery_codes(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST":
        context = {"factors": factors.factors_of(user_of(request)), "tab": "security"}
        return render(request, "web/recovery_codes_new.html", context)
    codes = factors.recovery_codes_renew(user=user_of(request), by=actor_of(request))
    return _codes(request, "The earlier recovery codes do not work any more.", codes)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
@recent_always
def passkey_new(request: HttpRequest) -> HttpResponseBase:
    context: dict[str, Any] = {"name": request.POST.get("name", ""), "error": None, "tab": "security"}
    if request.method != "POST":
        return render(request, "web/passkey_new.html", context)
    try:
        codes = passkeys.passkey_add(
            user=user_of(request),
            name=request.POST.get("name", ""),
            credential=request.POST.get("credential", ""),
            state=ceremony.take(request, "new"),
            place=ceremony.place_of(request),
            by=actor_of(request),
        )
    except DomainError as error:
        return render(request, "web/passkey_new.html", {**context, "error": error}, status=error.status)
    return _added(request, "The passkey is set up: you can sign in with it.", codes)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
@recent_always
def passkey_remove(request: HttpRequest, passkey_id: int) -> HttpResponseBase:
    user = user_of(request)
    found = factors.factors_of(user)
    row = next((row for row in found.passkeys if row.pk == passkey_id), None)
    if row is None:
        raise NotFound("factor_not_found", "This passkey has been removed already.")
    if request.method != "POST":
        last = found.totp is None and len(found.passkeys) == 1
        return _ask(request, f"the passkey “{row.data['name']}”", last=last)
    name = passkeys.passkey_remove(user=user, passkey_id=passkey_id, by=actor_of(request))
    messages.success(request, f"The passkey “{name}” is removed.")
    return redirect("security")


def _ask(request: HttpRequest, what: str, *, last: bool) -> HttpResponseBase:
    return render(request, "web/factor_remove.html", {"what": what, "last": last, "tab": "security"})


def _added(request: HttpRequest, text: str, codes: list[str] | None) -> HttpResponseBase:
    if codes:
        return _codes(request, text, codes)
    messages.success(request, text)
    return redirect("security")


def _codes(request: HttpRequest, text: str, codes: list[str]) -> HttpResponseBase:
    """Recovery codes stand in this answer and nowhere else."""
    context = {"text": text, "codes": codes, "file": "%0A".join(codes) + "%0A", "tab": "security"}
    return render(request, "web/recovery_codes_shown.html", context, status=201)


def _qr(text: str) -> dict[str, Any]:
    """A QR code as one path of an inline SVG, drawn in units of a module."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    code.make(fit=True)
    matrix = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark)
    return {"size": len(matrix), "path": path}
