"""Who may come to a page, and what happens to errors of the domain there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from hopkey.server.accounts.factors import factor_is_missing
from hopkey.server.accounts.models import User
from hopkey.server.errors import DomainError, Forbidden, NotFound
from hopkey.server.ui.back import back_of
from hopkey.server.ui.recent import recent_always, recent_for_changes

View = Callable[..., HttpResponseBase]

__all__ = [
    "administrator_only",
    "back_of",
    "guarded",
    "recent_always",
    "recent_for_changes",
    "signed_in",
    "signed_in_only",
]


def signed_in(view: View) -> View:
    """Only for people who are signed in; others are sent to the sign-in page and back.

    Who must have a second factor and has none is led to set one up first.
    """

    @signed_in_only
    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if isinstance(request.user, User) and factor_is_missing(request.user):
            return redirect("security")
        return view(request, *args, **kwargs)

    return wrapped


def signed_in_only(view: View) -> View:
    """As `signed_in`, also without the second factor that is asked for: for the pages where it is set up."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User):
            target = request.get_full_path() if request.method == "GET" else "/"
            return redirect("/sign-in?" + urlencode({"next": target}))
        return guarded(view)(request, *args, **kwargs)

    return wrapped


def administrator_only(view: View) -> View:
    """Only for administrators; for everybody else who is signed in there is no such page.

    Whatever changes something needs a recent sign-in.
    """
    return administrator_reads(recent_for_changes(view))


def administrator_reads(view: View) -> View:
    """As `administrator_only`, for what changes nothing even where it is a POST, such as a search."""

    @signed_in
    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not (isinstance(request.user, User) and request.user.is_administrator):
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped


def guarded(view: View) -> View:
    """Domain errors that a view does not handle itself become pages: 404, 403, or a message where one came from."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.message) from None
        except Forbidden as error:
            return render(request, "ui/forbidden.html", {"message": error.message}, status=403)
        except DomainError as error:
            messages.error(request, error.message)
            return redirect(back_of(request))

    return wrapped
