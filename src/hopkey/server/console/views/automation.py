"""Automation tokens: list, generate, delete. Every administrator sees and may delete all of them."""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from hopkey.server.automation.judging import Access
from hopkey.server.automation.selectors import automation_token_get, automation_token_list, stopped_by
from hopkey.server.automation.services import automation_token_delete, automation_token_generate
from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.tokens.expiry import DEFAULT_DAYS, EXPIRY_DAYS, NEVER, expiry_moment
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.ui.once import form_is_new

PAGE_SIZE = 20
CHOICES = (
    (Access.SCIM, "Provisioning", "People and groups over SCIM, for your identity provider"),
    (Access.READ, "Read only", "Lists users, invitations and workspaces; changes nothing"),
    (Access.FULL, "Full", "Everything an administrator may do with users and workspaces"),
)
"""From the least to the most."""
WORDS = {access.value: text for access, text, _ in CHOICES}


@require_safe
@administrator_only
def token_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    page = Paginator(automation_token_list(), PAGE_SIZE).get_page(request.GET.get("page"))
    tokens = [(token, WORDS[token.access], stopped_by(token, now)) for token in page.object_list]
    context = {"page": page, "tokens": tokens, "scim": f"{_base(request)}/scim/v2"}
    return render(request, "console/automation.html", context | _form_context(request))


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def token_new(request: HttpRequest) -> HttpResponse:
    """The form as a page of its own, and generation: the token is shown in the answer to the POST, and never again."""
    if request.method != "POST":
        return render(request, "console/automation_new.html", _form_context(request))
    days = request.POST.get("expiry", "")
    try:
        if days != NEVER and days not in {str(item) for item in EXPIRY_DAYS}:
            raise DomainError("expiry_invalid", "Choose when the token expires.", field="expiry")
        user = user_of(request)
        if not form_is_new("automation", user.pk, request.POST.get("once", "")):
            messages.info(request, "That token was generated already; it is shown only once.")
            return redirect("console_automation")
        made = automation_token_generate(
            creator=user,
            label=request.POST.get("label", ""),
            days=None if days == NEVER else int(days),
            access=request.POST.get("access", ""),
            networks=[part for part in re.split(r"[\s,]+", request.POST.get("networks", "")) if part],
            by=actor_of(request),
        )
    except DomainError as error:
        context = _form_context(request) | {"error": error}
        return render(request, "console/automation_new.html", context, status=error.status)
    base = _base(request)
    path = "/scim/v2/Users?count=1" if made.token.access == Access.SCIM else "/v1/infra/users?take=1"
    context = {
        "token": made.token,
        "access": WORDS[made.token.access],
        "text": made.text,
        "command": f'curl -H "Authorization: Bearer {made.text}" "{base}{path}"',
        "scim": f"{base}/scim/v2" if made.token.access != Access.READ else "",
        "section": "automation",
    }
    return render(request, "console/automation_shown.html", context, status=201)


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def token_delete(request: HttpRequest, token_id: int) -> HttpResponse:
    token = automation_token_get(token_id)
    if request.method != "POST":
        return render(request, "console/automation_delete.html", {"token": token, "section": "automation"})
    automation_token_delete(token_id=token.pk, by=actor_of(request), reason="deleted in the console")
    messages.success(request, f"Deleted “{token.label}”. It is refused from now on.")
    return redirect("console_automation")


def _form_context(request: HttpRequest) -> dict[str, Any]:
    now = timezone.now()
    return {
        "expiries": [
            *((str(days), f"{days} days", expiry_moment(days, now)) for days in EXPIRY_DAYS),
            (NEVER, "No expiry", None),
        ],
        "chosen": request.POST.get("expiry", str(DEFAULT_DAYS)),
        "choices": CHOICES,
        "access": request.POST.get("access", ""),
        "label": request.POST.get("label", ""),
        "networks": request.POST.get("networks", ""),
        "once": secrets.token_urlsafe(16),
        "error": None,
        "section": "automation",
    }


def _base(request: HttpRequest) -> str:
    return current().public_url.rstrip("/") or f"{request.scheme}://{request.get_host()}"
