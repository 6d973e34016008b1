"""Profile settings, Personal Access Tokens."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.tokens import selectors, services
from hopkey.server.tokens.expiry import DEFAULT_DAYS, EXPIRY_DAYS, NEVER, expiry_moment
from hopkey.server.ui.access import recent_for_changes, signed_in
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.workspaces.selectors import team_list_for

PAGE_SIZE = 12


@require_safe
@signed_in
def token_list(request: HttpRequest) -> HttpResponse:
    return render(request, "web/tokens.html", _list_context(request) | _form_context(request))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recent_for_changes
def token_new(request: HttpRequest) -> HttpResponse:
    """The form as a page of its own, and generation: the token is shown in the answer to the POST, and never again."""
    if request.method != "POST":
        return render(request, "web/token_new.html", _form_context(request))
    user = user_of(request)
    days = request.POST.get("expiry", "")
    restricted = request.POST.get("reach") == "some"
    try:
        if days != NEVER and days not in {str(item) for item in EXPIRY_DAYS}:
            raise DomainError("expiry_invalid", "Choose when the token expires.", field="expiry")
        if not _once(user.pk, request.POST.get("once", "")):
            messages.info(request, "That token was generated already; it is shown only once.")
            return redirect("tokens")
        made = services.token_generate_for(
            owner=user,
            label=request.POST.get("label", ""),
            days=None if days == NEVER else int(days),
            team_ids=request.POST.getlist("teams") if restricted else None,
            by=actor_of(request),
        )
    except DomainError as error:
        return render(request, "web/token_new.html", _form_context(request) | {"error": error}, status=error.status)
    base = current().public_url.rstrip("/") or f"{request.scheme}://{request.get_host()}"
    collection = "COLLECTION_ID"
    command = f"hopkey test {collection} --server {base} --token {made.text}"
    context = {"token": made.token, "text": made.text, "command": command, "server": base, "tab": "tokens"}
    return render(request, "web/token_shown.html", context, status=201)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@recent_for_changes
def token_delete(request: HttpRequest, token_id: int) -> HttpResponse:
    user = user_of(request)
    token = selectors.token_get(token_id=token_id, owner=user)
    if request.method != "POST":
        return render(request, "web/token_delete.html", {"token": token, "tab": "tokens"})
    services.token_delete(token_id=token.pk, owner=user, by=actor_of(request), reason="deleted by its owner")
    messages.success(request, f"Deleted “{token.label}”. It is refused from now on.")
    return redirect("tokens")


def _list_context(request: HttpRequest) -> dict[str, Any]:
    pages = Paginator(selectors.token_list(owner=user_of(request)), PAGE_SIZE)
    return {"page": pages.get_page(request.GET.get("page")), "now": timezone.now(), "tab": "tokens"}


def _form_context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    chosen = request.POST.get("expiry", str(DEFAULT_DAYS))
    choices = [(str(days), f"{days} days", expiry_moment(days, now)) for days in EXPIRY_DAYS]
    return {
        "choices": [*choices, (NEVER, "No expiry", None)],
        "chosen": chosen,
        "label": request.POST.get("label", ""),
        "teams": list(team_list_for(user_of(request))),
        "chosen_teams": request.POST.getlist("teams"),
        "reach": request.POST.get("reach", "all"),
        "once": secrets.token_urlsafe(16),
        "error": None,
        "tab": "tokens",
    }


def _once(user_id: str, nonce: str) -> bool:
    """Whether this form was not sent before: a second click or a reload must not make a second token."""
    return bool(nonce) and len(nonce) <= 64 and cache.add(f"token-form:{user_id}:{nonce}", 1, 86_400)
