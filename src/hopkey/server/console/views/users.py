"""Users: find, look at, invite."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from hopkey.server.accounts import links
from hopkey.server.accounts.selectors import user_counts, user_get, user_page
from hopkey.server.audit.selectors import AuditFilter, audit_list
from hopkey.server.console.views.acts import acts_of
from hopkey.server.console.views.parts import address, chips, details_of
from hopkey.server.console.views.tokens import rows_of
from hopkey.server.errors import DomainError
from hopkey.server.tokens import oversight
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.workspaces.selectors import membership_list

PAGE_SIZE = 30
_INVITES = 50
_TOKENS = 10
STATES = (
    ("", "Everybody"),
    ("active", "Active"),
    ("administrator", "Administrators"),
    ("deactivated", "Deactivated"),
    ("invited", "Never signed in"),
)
_CHIPS = {"text": "Search", "state": "Who"}


@require_safe
@administrator_only
def user_list_(request: HttpRequest) -> HttpResponse:
    return render(request, "console/users.html", _list_context(request))


@require_POST
@administrator_only
def invite(request: HttpRequest) -> HttpResponse:
    """The link is shown once, in this answer."""
    email = request.POST.get("email", "")
    administrator = request.POST.get("administrator") == "on"
    try:
        link = links.invite_issue(
            email=email, administrator=administrator, inviter=user_of(request), by=actor_of(request)
        )
    except DomainError as error:
        context = _list_context(request) | {"error": error, "email": email[:254], "administrator": administrator}
        return render(request, "console/users.html", context, status=error.status)
    context = _list_context(request) | {"link": link, "invited": email.strip(), "days": links.LINK_DAYS}
    return render(request, "console/users.html", context, status=201)


@require_POST
@administrator_only
def invite_revoke(request: HttpRequest) -> HttpResponse:
    email = request.POST.get("email", "")[:254]
    if links.invite_revoke(emails=[email], by=actor_of(request)):
        messages.success(request, f"The invitation of {email} does not work any more.")
    else:
        messages.info(request, f"There is no open invitation of {email}: it was used, revoked or has ended.")
    return redirect("console_users")


@require_safe
@administrator_only
def user(request: HttpRequest, user_id: str) -> HttpResponse:
    found = user_get(user_id)
    now = timezone.now()
    page = oversight.token_page_of(found, limit=_TOKENS, now=now)
    context = {
        "found": found,
        "acts": acts_of(found),
        "memberships": list(membership_list(found)[:200]),
        "rows": rows_of(page, now),
        "more_tokens": bool(page.cursor),
        "events": [(event, details_of(event)) for event in audit_list(AuditFilter(actor=found.pk))[:10]],
        "section": "users",
    }
    return render(request, "console/user.html", context)


def _list_context(request: HttpRequest) -> dict[str, Any]:
    text = request.GET.get("text", "").replace("\0", "").strip()[:254]
    state = request.GET.get("state", "")
    state = state if state in dict(STATES) else ""
    after = request.GET.get("after", "").replace("\0", "")[:254]
    users = user_page(text=text, state=state, after=after, limit=PAGE_SIZE + 1)
    values = {name: value for name, value in (("text", text), ("state", state)) if value}
    shown, more = users[:PAGE_SIZE], users[PAGE_SIZE - 1].email if len(users) > PAGE_SIZE else ""
    counts = user_counts(shown)
    invites = list(links.invite_list()[: _INVITES + 1])
    return {
        "users": [(item, *counts.get(item.pk, (0, 0))) for item in shown],
        "text": text,
        "state": state,
        "states": STATES,
        "chips": chips(values, _CHIPS, {"state": dict(STATES)[state]}),
        "clear": reverse("console_users"),
        "next": reverse("console_users") + address(values, after=more) if more else "",
        "first": reverse("console_users") + address(values) if after else "",
        "invites": invites[:_INVITES],
        "more_invites": len(invites) > _INVITES,
        "error": None,
        "section": "users",
    }
