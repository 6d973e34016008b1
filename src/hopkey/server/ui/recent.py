"""Recent sign-in: what matters asks again who is there, when the sign-in is older than ``HOPKEY_RECENT_MINUTES``.

What was typed is not lost: the page that asks is the answer to the form itself, carries its fields, and sends them on
(307) once the person has proven who they are. Nothing of it is stored on the server.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from hopkey.server.accounts.proofs import proofs_of
from hopkey.server.accounts.sessions import is_recent
from hopkey.server.config import current
from hopkey.server.ui.actors import user_of
from hopkey.server.ui.back import back_of

View = Callable[..., HttpResponseBase]

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
PREFIX = "confirm-"
"""Names of the confirming page's own fields; all others belong to the form that was sent."""

_CARRY_BYTES = 200_000
_CARRY_FIELDS = 1_500
# What such fields hold must not stand in a page: their forms are filled in again.
_NEVER_CARRIED = ("password", "secret")
_TOKENS = ("hkp_", "hki_", "pat-", "whsec_")


def recent_for_changes(view: View) -> View:
    """A view whose unsafe requests need a recent sign-in. Below `signed_in`."""
    return _recent(view, SAFE_METHODS)


def recent_always(view: View) -> View:
    """A view that needs a recent sign-in to be seen at all. Below `signed_in`."""
    return _recent(view, ())


def confirm_page(request: HttpRequest, *, status: int = 403, **context: Any) -> HttpResponseBase:
    """The page that asks who is there; for a form, with its fields, so that confirming sends it."""
    if request.path == "/confirm":
        path = request.POST.get(PREFIX + "path") or request.GET.get("next", "")
        again = request.POST.get(PREFIX + "again", "")
    else:
        path, again = request.get_full_path(), "yes"
    context = {
        "path": safe_path(request, path),
        "again": again,
        "carried": _carried(request) if again else [],
        "proofs": proofs_of(user_of(request)),
        "error": None,
        "back": safe_path(request, back_path(request)) if again else safe_path(request, path),
        "oidc": current().oidc_name,
        **context,
    }
    return render(request, "ui/confirm.html", context, status=status)


def safe_path(request: HttpRequest, path: str) -> str:
    """`path` if it is one of ours, else the start page."""
    ours = path.startswith("/") and url_has_allowed_host_and_scheme(path, None)
    return path if ours and urlsplit(path).path != "/confirm" else "/"


def back_path(request: HttpRequest) -> str:
    """The page of the form that was sent, below our own host."""
    return urlsplit(back_of(request))._replace(scheme="", netloc="").geturl()


def _recent(view: View, free: tuple[str, ...]) -> View:
    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in free or is_recent(request.session):
            return view(request, *args, **kwargs)
        if request.method in SAFE_METHODS:
            return redirect("/confirm?" + urlencode({"next": request.get_full_path()}))
        if _can_be_carried(request):
            return confirm_page(request)
        messages.info(request, "Nothing was sent yet: confirm that it is you, then fill in the form again.")
        return redirect(
            "/confirm?" + urlencode({"next": urlsplit(back_of(request))._replace(scheme="", netloc="").geturl()})
        )

    return wrapped


def _carried(request: HttpRequest) -> list[tuple[str, str]]:
    """The fields of the form that was sent, without ours and without the CSRF token, which the page has anew."""
    return [
        (name, value)
        for name, values in request.POST.lists()
        for value in values
        if not name.startswith(PREFIX) and name != "csrfmiddlewaretoken"
    ]


def _can_be_carried(request: HttpRequest) -> bool:
    fields = _carried(request)
    if request.FILES or len(fields) > _CARRY_FIELDS or sum(len(value) for _, value in fields) > _CARRY_BYTES:
        return False
    # A pasted token is a secret as well.
    return not any(part in name.lower() for name, _ in fields for part in _NEVER_CARRIED) and not any(
        token in value for _, value in fields for token in _TOKENS
    )
