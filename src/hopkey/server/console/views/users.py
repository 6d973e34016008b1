"""Users: find, invite, make administrator, deactivate, sign out, delete."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hopkey.server.accounts import links
from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import user_get, user_page
from hopkey.server.audit.selectors import AuditFilter, audit_list
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.people import services
from hopkey.server.tokens.selectors import token_list
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of
from hopkey.server.workspaces.selectors import membership_list
from hopkey.server.workspaces.services import teams_with_sole_owner

PAGE_SIZE = 30
STATES = (
    ("", "Everybody"),
    ("active", "Active"),
    ("administrator", "Administrators"),
    ("deactivated", "Deactivated"),
    ("invited", "Never signed in"),
)


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
        link = links.invite_issue(email=email, administrator=administrator, by=actor_of(request))
    except DomainError as error:
        context = _list_context(request) | {"error": error, "email": email, "administrator": administrator}
        return render(request, "console/users.html", context, status=error.status)
    context = _list_context(request) | {"link": link, "invited": email, "days": links.LINK_DAYS}
    return render(request, "console/users.html", context, status=201)


@require_POST
@administrator_only
def invite_revoke(request: HttpRequest) -> HttpResponse:
    email = request.POST.get("email", "")
    if links.invite_revoke(emails=[email], by=actor_of(request)):
        messages.success(request, f"The invitation of {email} does not work any more.")
    return redirect("console_users")


@require_safe
@administrator_only
def user(request: HttpRequest, user_id: str) -> HttpResponse:
    return render(request, "console/user.html", _user_context(_find(user_id)))


_ACTS = {
    "deactivate": "Deactivated {name}: sessions ended, tokens refused.",
    "reactivate": "Reactivated {name}.",
    "make-administrator": "{name} is an administrator now.",
    "unmake-administrator": "{name} is no administrator any more.",
    "sign-out": "Signed {name} out everywhere.",
    "delete": "Deleted {name}.",
}
_ASK = ("deactivate", "make-administrator", "unmake-administrator", "sign-out", "delete")


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def act(request: HttpRequest, user_id: str, act: str) -> HttpResponse:
    """Each act asks on a page of its own, which says what will happen, and is done by a POST."""
    if act not in _ACTS:
        raise NotFound("page_not_found", "There is no such page.")
    found = _find(user_id)
    if request.method != "POST":
        if act not in _ASK:
            return redirect("console_user", user_id=found.pk)
        return render(request, "console/user_act.html", _user_context(found) | {"act": act})
    try:
        _do(act, found, request)
    except DomainError as error:
        context = _user_context(found) | {"act": act, "error": error}
        return render(request, "console/user_act.html", context, status=error.status)
    messages.success(request, _ACTS[act].format(name=found.name))
    if act == "delete" or found == request.user:
        return redirect("home" if found == request.user else "console_users")
    return redirect("console_user", user_id=found.pk)


def _do(act: str, found: User, request: HttpRequest) -> None:
    by = actor_of(request)
    if act == "deactivate":
        services.person_deactivate(user=found, by=by)
    elif act == "reactivate":
        services.person_reactivate(user=found, by=by)
    elif act in ("make-administrator", "unmake-administrator"):
        services.person_administrator_set(user=found, administrator=act.startswith("make"), by=by)
    elif act == "sign-out":
        services.person_sign_out(user=found, by=by)
    else:
        services.person_delete(user=found, by=by)


def _find(user_id: str) -> User:
    return user_get(user_id)


def _list_context(request: HttpRequest) -> dict[str, Any]:
    text = request.GET.get("text", "").strip()[:254].replace("\0", "")
    state = request.GET.get("state", "")
    after = request.GET.get("after", "")[:254].replace("\0", "")
    users = user_page(text=text, state=state, after=after, limit=PAGE_SIZE + 1)
    query = {name: value for name, value in (("text", text), ("state", state)) if value}
    more = users[PAGE_SIZE - 1].email if len(users) > PAGE_SIZE else ""
    return {
        "users": users[:PAGE_SIZE],
        "text": text,
        "state": state,
        "states": STATES,
        "next": "?" + urlencode({**query, "after": more}) if more else "",
        "first": "?" + urlencode(query) if after else "",
        "invites": list(links.invite_list()[:50]),
        "error": None,
        "section": "users",
    }


def _user_context(found: User) -> dict[str, Any]:
    return {
        "found": found,
        "memberships": list(membership_list(found)),
        "sole": teams_with_sole_owner(found),
        "tokens": list(token_list(owner=found)[:10]),
        "events": list(audit_list(AuditFilter(actor=found.pk))[:10]),
        "error": None,
        "section": "users",
    }
