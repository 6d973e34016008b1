"""Signing in with a passkey, and the options a browser needs before it can use one."""

from __future__ import annotations

from typing import Any

from allauth.account.stages import LoginStageController
from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from hopkey.server.accounts import passkeys
from hopkey.server.accounts.limits import attempt
from hopkey.server.accounts.models import User
from hopkey.server.accounts.sessions import is_recent
from hopkey.server.accounts.signing_in import sign_in
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError
from hopkey.server.ui.actors import actor_of
from hopkey.server.web import ceremony
from hopkey.server.web.views.session import safe_target, sign_in_page


@require_safe
def options(request: HttpRequest, purpose: str) -> HttpResponse:
    """For ``sign-in`` (whatever passkey there is), ``second`` (of whoever is signing in), ``confirm`` and ``new``."""
    try:
        attempt(request, "passkey")
    except DomainError as error:
        return JsonResponse({"message": error.code, "statusCode": error.status}, status=error.status)
    place = ceremony.place_of(request)
    user = request.user if isinstance(request.user, User) else None
    made: tuple[dict[str, Any], dict[str, Any]] | None = None
    if purpose == "sign-in" and user is None:
        made = passkeys.authentication_begin(user=None, place=place)
    elif purpose == "second":
        stage = LoginStageController.enter(request, AuthenticateStage.key)
        if stage is not None:
            made = passkeys.authentication_begin(user=stage.login.user, place=place)
    elif purpose == "confirm" and user is not None:
        made = passkeys.authentication_begin(user=user, place=place)
    elif purpose == "new" and user is not None and is_recent(request.session):
        made = passkeys.registration_begin(user=user, place=place)
    if made is None:
        return JsonResponse({"message": "passkey_not_now", "statusCode": 403}, status=403)
    ceremony.keep(request, purpose, made[1])
    return JsonResponse(made[0])


@require_POST
def sign_in_with_passkey(request: HttpRequest) -> HttpResponseBase:
    """A passkey is both factors in one: nothing else is asked."""
    try:
        attempt(request, "passkey")
        state = ceremony.take(request, "sign-in")
        user, row = passkeys.passkey_check(
            user=None,
            credential=request.POST.get("credential", ""),
            state=state,
            place=ceremony.place_of(request),
        )
    except DomainError as error:
        if error.code != "too_many_attempts":
            record(Event.SIGN_IN_FAILED, by=actor_of(request), kind="user", detail={"with": "passkey"})
        return sign_in_page(request, [error.message], error.status)
    return sign_in(
        request,
        user=user,
        method="mfa",
        target=safe_target(request),
        id=row.pk,
        type=row.type,
        passwordless=True,
    )
