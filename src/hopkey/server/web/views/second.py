"""The second factor, asked for when somebody signs in."""

from __future__ import annotations

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.account.stages import LoginStageController
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from hopkey.server.accounts import factors, passkeys
from hopkey.server.accounts.limits import attempt
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.ui.actors import actor_of
from hopkey.server.web import ceremony


@require_http_methods(["GET", "HEAD", "POST"])
def second(request: HttpRequest) -> HttpResponseBase:
    if isinstance(request.user, User):
        return redirect("home")
    stage = LoginStageController.enter(request, AuthenticateStage.key)
    user = User.objects.filter(pk=stage.login.user.pk, is_active=True).first() if stage else None
    if stage is None or user is None:
        clear_login(request)
        return redirect("sign_in")
    context = {"factors": factors.factors_of(user), "email": user.email, "error": None}
    if request.method != "POST":
        return render(request, "web/second.html", context)
    by = Actor(user.pk, user.email, actor_of(request).address, actor_of(request).agent)
    try:
        row = factor_prove(request, user=user, purpose="second", by=by)
    except DomainError as error:
        if error.code != "too_many_attempts":  # what the limit stops is no attempt, and must not fill the trail
            record(Event.SECOND_FACTOR_FAILED, by=actor_of(request), kind="user", id=user.pk, label=user.email)
        return render(request, "web/second.html", {**context, "error": error}, status=error.status)
    record_authentication(request, user, "mfa", id=row.pk, type=row.type)
    answer: HttpResponseBase = stage.exit()
    if row.type == factors.RECOVERY_TYPE:
        left = factors.factors_of(user).recovery_left
        words = "none is left: make new ones now" if not left else f"{left} left"
        messages.warning(request, f"You used a recovery code; {words} (Profile settings, Security).")
    return answer


def factor_prove(request: HttpRequest, *, user: User, purpose: str, by: Actor, prefix: str = "") -> Authenticator:
    """The factor of `user` that this form proves: a passkey, or a code of the app or of the recovery codes.

    Raises `DomainError` (``code_wrong``, ``passkey_invalid``, ``too_many_attempts``).
    """
    credential = request.POST.get(prefix + "credential", "")
    if not credential:
        return factors.code_check(user=user, code=request.POST.get(prefix + "code", ""), by=by)
    attempt(request, "passkey")
    state = ceremony.take(request, purpose)
    _, row = passkeys.passkey_check(user=user, credential=credential, state=state, place=ceremony.place_of(request))
    return row
