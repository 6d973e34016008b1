"""Signing in, and making an account, with a code by mail."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.stagekit import clear_login
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from hopkey.server.accounts import codes
from hopkey.server.accounts.models import User
from hopkey.server.accounts.services import email_normalise, name_normalise
from hopkey.server.accounts.signing_in import sign_in
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.mail.settings import is_set_up
from hopkey.server.people.admission import admission_check, signup_is_open
from hopkey.server.people.identities import person_create_proven
from hopkey.server.ui.actors import actor_of
from hopkey.server.web.views.session import safe_target
from hopkey.server.workspaces.invitations import invitation_get
from hopkey.server.workspaces.models import Invitation

_SIGN_IN = "sign-in"
_SIGN_UP = "sign-up"
NO_ACCOUNT = "There is no account with this address, or it is deactivated: nobody can sign in with it."
UNPROVEN = (
    "Your account's address is not confirmed yet. Sign in the way you did before, and confirm it under Profile "
    "settings, Security; then codes work as well."
)
CLOSED = "Accounts come by invitation: ask an administrator of this server."
KNOWN = "There is an account with this address already: sign in instead."


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponseBase:
    """First the address, then the code; whether there is an account shows in the mailbox only."""
    target = safe_target(request)
    if isinstance(request.user, User):
        return redirect(target)
    context: dict[str, Any] = {"next": target, "email": request.POST.get("email", ""), "error": None}
    context["mail"] = is_set_up()
    if request.method == "POST":
        try:
            if "code" in request.POST:
                return _sign_in(request, target)
            _send(request, context["email"])
            return redirect(reverse("sign_in_code") + "?" + urlencode({"next": target, "sent": "1"}))
        except DomainError as error:
            context["error"] = error
    pending = codes.code_pending(request.session, _SIGN_IN) if "sent" in request.GET or "code" in request.POST else None
    context["pending"] = pending
    return render(request, "web/sign_in_code.html", context, status=_status(context))


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponseBase:
    """An account for whoever may have one: name and address, then the code that shows that the address is theirs."""
    if isinstance(request.user, User):
        return redirect("home")
    invitation = _invitation(request)
    if not signup_is_open(invited=invitation is not None) or not is_set_up():
        return render(request, "web/link_invalid.html", {"message": CLOSED}, status=403)
    context: dict[str, Any] = {"values": request.POST, "invitation": invitation, "error": None}
    if request.method == "POST":
        try:
            if "code" in request.POST:
                return _sign_up(request)
            email, name = email_normalise(request.POST.get("email", "")), name_normalise(request.POST.get("name", ""))
            admission_check(email=email, invited=invitation is not None)
            wanted = not User.objects.filter(email=email).exists()
            data = {"name": name, "invitation": request.session.get("invitation", "") if invitation else ""}
            codes.code_send(request=request, purpose=_SIGN_UP, email=email, wanted=wanted, text=KNOWN, data=data)
            return redirect(reverse("sign_up") + "?sent=1")
        except DomainError as error:
            context["error"] = error
    context["pending"] = (
        codes.code_pending(request.session, _SIGN_UP) if "sent" in request.GET or "code" in request.POST else None
    )
    return render(request, "web/sign_up.html", context, status=_status(context))


@require_POST
def sign_in_again(request: HttpRequest) -> HttpResponseBase:
    """Forget who was about to sign in."""
    clear_login(request)
    codes.code_forget(request.session)
    return redirect("sign_in")


def _status(context: dict[str, Any]) -> int:
    return context["error"].status if context["error"] else 200


def _send(request: HttpRequest, text: str) -> None:
    email = email_normalise(text)
    user = User.objects.filter(email=email, is_active=True).first()
    wanted = user is not None and user.email_proven_at is not None
    words = NO_ACCOUNT if user is None else UNPROVEN
    codes.code_send(request=request, purpose=_SIGN_IN, email=email, wanted=wanted, text=words)


def _sign_in(request: HttpRequest, target: str) -> HttpResponseBase:
    try:
        pending = codes.code_take(request=request, purpose=_SIGN_IN, code=request.POST.get("code", ""))
        user = User.objects.filter(email=pending.email, is_active=True).first()
        if user is None or user.email_proven_at is None:
            raise DomainError("code_expired", "This code is too old. Ask for a new one.")
    except DomainError as error:
        if error.code == "code_wrong":  # without a code that waits there is no attempt, and no limit on them
            record(Event.SIGN_IN_FAILED, by=actor_of(request), kind="user", detail={"with": "code"})
        raise
    return sign_in(request, user=user, method="code", target=target)


def _sign_up(request: HttpRequest) -> HttpResponseBase:
    pending = codes.code_take(request=request, purpose=_SIGN_UP, code=request.POST.get("code", ""))
    user, team = person_create_proven(
        email=pending.email,
        name=pending.data["name"],
        invitation=pending.data["invitation"],
        by=actor_of(request),
    )
    request.session.pop("invitation", None)
    target = reverse("workspace", args=[team.pk]) if team else "/"
    answer = sign_in(request, user=user, method="code", target=target)
    messages.success(request, f"You are now in {team.name}." if team else "Your account is ready.")
    return answer


def _invitation(request: HttpRequest) -> Invitation | None:
    """The invitation into a team this visitor came with, if it can still be used."""
    secret = request.session.get("invitation", "")
    try:
        return invitation_get(secret) if secret else None
    except DomainError:
        return None
