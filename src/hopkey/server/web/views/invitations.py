"""Accepting an invitation into a team, with an account or by making one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.accounts.factors import factor_is_missing
from hopkey.server.accounts.models import User
from hopkey.server.accounts.signing_in import sign_in
from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.mail.settings import is_set_up
from hopkey.server.people.admission import signup_is_open
from hopkey.server.people.services import person_create_invited
from hopkey.server.ui.actors import actor_of
from hopkey.server.workspaces.invitations import invitation_accept, invitation_get

_KEY = "invitation"


@require_safe
def take(request: HttpRequest, secret: str) -> HttpResponse:
    """Move the secret from the address into the session."""
    try:
        invitation_get(secret)
    except DomainError as error:  # no session for whoever tries addresses
        return render(request, "web/link_invalid.html", {"message": error.message}, status=404)
    request.session[_KEY] = secret
    return redirect("join")


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    secret = request.session.get(_KEY, "")
    try:
        invitation = invitation_get(secret)
    except DomainError as error:
        message = f"{error.message} Ask an owner of the team for a new one."
        return render(request, "web/link_invalid.html", {"message": message}, status=404)
    opened, config = signup_is_open(invited=True), current()
    context = {
        "invitation": invitation,
        "values": request.POST,
        "error": None,
        "open": opened,
        "with_password": opened and config.password_sign_in,
        "oidc": config.oidc_name if config.oidc_issuer else "",
        "mail": is_set_up(),
    }
    if isinstance(request.user, User) and factor_is_missing(request.user):
        return redirect("security")
    if request.method != "POST":
        return render(request, "web/join.html", context)
    try:
        if isinstance(request.user, User):
            team = invitation_accept(secret=secret, user=request.user, by=actor_of(request))
            request.session.pop(_KEY, None)
            messages.success(request, f"You are now in {team.name}.")
            return redirect("workspace", workspace_id=team.pk)
        if not config.password_sign_in:
            raise DomainError("password_off", "Nobody signs in with a password here: choose another way.")
        user, team = person_create_invited(
            secret=secret,
            email=request.POST.get("email", ""),
            name=request.POST.get("name", ""),
            password=request.POST.get("password", ""),
            by=actor_of(request),
        )
    except DomainError as error:
        return render(request, "web/join.html", {**context, "error": error}, status=error.status)
    request.session.pop(_KEY, None)
    answer = sign_in(request, user=user, method="invitation", target=reverse("workspace", args=[team.pk]))
    messages.success(request, f"You are now in {team.name}.")
    return answer
