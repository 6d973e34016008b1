"""Single sign-on: to the OpenID Connect provider and back, to sign in, to confirm, or to link an account."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.accounts import oidc
from hopkey.server.accounts.limits import attempt
from hopkey.server.accounts.models import User
from hopkey.server.accounts.sessions import session_confirmed
from hopkey.server.accounts.signing_in import sign_in
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.people import identities
from hopkey.server.ui.access import recent_always, signed_in_only
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.ui.recent import safe_path
from hopkey.server.web.views.session import safe_target

_KEY = "oidc"
_AT_ONCE = 5
"""How many tabs may be at the provider at a time."""


@require_safe
def begin(request: HttpRequest) -> HttpResponseBase:
    if isinstance(request.user, User):
        return redirect(safe_target(request))
    return _begin(request, "sign-in", safe_target(request))


@require_safe
@signed_in_only
def begin_confirm(request: HttpRequest) -> HttpResponseBase:
    return _begin(request, "confirm", safe_path(request, request.GET.get("next", "")))


@require_safe
@signed_in_only
@recent_always
def begin_connect(request: HttpRequest) -> HttpResponseBase:
    return _begin(request, "connect", reverse("security"))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in_only
@recent_always
def disconnect(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST":
        what = f"the link with {current().oidc_name}"
        return render(request, "web/way_remove.html", {"what": what, "tab": "security"})
    identities.identity_disconnect(user=user_of(request), by=actor_of(request))
    messages.success(request, f"{current().oidc_name} does not sign in to your account any more.")
    return redirect("security")


@require_safe
def callback(request: HttpRequest) -> HttpResponseBase:
    """What the browser brings back is believed only together with what its own session kept."""
    kept = _take(request, request.GET.get("state", ""))
    if kept is None:
        return _problem(request, "This page was opened before, or too late. Begin again.", 400, "/")
    again = reverse("sign_in") if kept["purpose"] == "sign-in" else kept["next"]
    if "error" in request.GET:
        cancelled = request.GET["error"] == "access_denied"
        text = "You did not sign in there." if cancelled else "The sign-in service could not sign you in."
        return _problem(request, text + " Nothing was changed here.", 400, again)
    try:
        claims = oidc.finish(kept=kept, code=request.GET.get("code", ""), issuer=request.GET.get("iss", ""))
        return _done(request, kept, claims)
    except DomainError as error:
        who = request.user if isinstance(request.user, User) else None
        detail = {"with": "oidc", "reason": error.code}
        record(Event.SIGN_IN_REFUSED, by=actor_of(request), kind="user", id=who.pk if who else "", detail=detail)
        return _problem(request, error.message, error.status, again)


def _begin(request: HttpRequest, purpose: str, target: str) -> HttpResponseBase:
    try:
        attempt(request, "oidc")
        base = current().public_url.rstrip("/") or f"{request.scheme}://{request.get_host()}"
        started = oidc.start(callback=base + reverse("oidc_callback"), again=purpose == "confirm")
    except DomainError as error:
        return _problem(request, error.message, error.status, reverse("sign_in") if purpose == "sign-in" else target)
    user = request.user.pk if isinstance(request.user, User) else ""
    waiting: dict[str, Any] = request.session.get(_KEY, {})
    waiting[started.state] = {**started.kept, "purpose": purpose, "next": target, "user": user}
    while len(waiting) > _AT_ONCE:
        del waiting[min(waiting, key=lambda state: float(waiting[state]["at"]))]
    request.session[_KEY] = waiting
    return redirect(started.url)


def _take(request: HttpRequest, state: str) -> dict[str, Any] | None:
    """What was kept for this state: once, in time, and for the same person as is signed in now."""
    waiting = request.session.get(_KEY, {})
    kept = waiting.pop(state, None)
    request.session[_KEY] = waiting
    who = request.user.pk if isinstance(request.user, User) else ""
    if kept is None or not 0 <= time.time() - kept["at"] < oidc.STATE_SECONDS or kept["user"] != who:
        return None
    return dict(kept)


def _done(request: HttpRequest, kept: dict[str, Any], claims: oidc.Claims) -> HttpResponseBase:
    by, target = actor_of(request), kept["next"]
    if kept["purpose"] == "sign-in":
        secret = request.session.get("invitation", "")
        user, team = identities.identity_sign_in(claims=claims, invitation=secret, by=by)
        request.session.pop(_KEY, None)
        if team is not None:
            request.session.pop("invitation", None)
            target = reverse("workspace", args=[team.pk])
        return sign_in(request, user=user, method="oidc", target=target)
    user = user_of(request)
    if kept["purpose"] == "connect":
        identities.identity_connect(user=user, claims=claims, by=by)
        messages.success(request, f"{current().oidc_name} signs in to your account from now on.")
    else:
        identities.identity_confirms(user=user, claims=claims)
        session_confirmed(session=request.session, user=user, method="oidc", by=by)
    return redirect(target)


def _problem(request: HttpRequest, message: str, status: int, again: str) -> HttpResponseBase:
    return render(request, "web/oidc_problem.html", {"message": message, "again": again}, status=status)
