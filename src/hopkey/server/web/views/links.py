"""One-time links: set up the server, or set a password."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.accounts import links
from hopkey.server.accounts.models import LinkPurpose, User
from hopkey.server.accounts.signing_in import sign_in
from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.people.services import person_create_by_invite, person_create_first
from hopkey.server.ui.actors import actor_of

_KEY = "link"


@require_safe
def take(request: HttpRequest, secret: str) -> HttpResponse:
    """Move the secret from the address into the session: it then stands in no history, log or referrer."""
    try:
        links.link_get(secret)
    except DomainError as error:  # no session for whoever tries addresses
        return render(request, "web/link_invalid.html", {"message": error.message}, status=404)
    request.session[_KEY] = secret
    return redirect("welcome")


@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    secret = request.session.get(_KEY, "")
    try:
        link = links.link_get(secret)
    except DomainError as error:
        return render(request, "web/link_invalid.html", {"message": error.message}, status=404)
    context: dict[str, Any] = {"link": link, "account": link.user, "values": request.POST, "error": None}
    context["with_password"] = current().password_sign_in
    if request.method == "POST":
        try:
            user = _redeem(request, secret, link.purpose)
        except DomainError as error:
            return render(request, "web/welcome.html", {**context, "error": error}, status=error.status)
        request.session.pop(_KEY, None)
        return sign_in(request, user=user, method="link")
    return render(request, "web/welcome.html", context)


def _redeem(request: HttpRequest, secret: str, purpose: str) -> User:
    password = request.POST.get("password", "") if current().password_sign_in else None
    if purpose == LinkPurpose.INVITE:
        return person_create_by_invite(
            secret=secret, name=request.POST.get("name", ""), password=password, by=actor_of(request)
        )
    if purpose == LinkPurpose.SETUP:
        return person_create_first(
            secret=secret,
            email=request.POST.get("email", ""),
            name=request.POST.get("name", ""),
            password=password,
            by=actor_of(request),
        )
    return links.password_link_redeem(secret=secret, password=password, by=actor_of(request))
