"""Profile settings: display name and e-mail address."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from hopkey.server.accounts.services import user_update
from hopkey.server.errors import DomainError
from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def profile(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    context: dict[str, Any] = {"name": user.name, "error": None, "tab": "profile"}
    if request.method == "POST":
        name = request.POST.get("name", "")
        try:
            user_update(user=user, name=name, by=actor_of(request))
        except DomainError as error:
            context |= {"name": name, "error": error}
            return render(request, "web/profile.html", context, status=error.status)
        messages.success(request, "Saved.")
        return redirect("profile")
    return render(request, "web/profile.html", context)
