"""Profile settings: which notices come by mail."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from hopkey.server.notices.services import ALWAYS, kinds_for, kinds_off, notices_set
from hopkey.server.notices.words import TITLES
from hopkey.server.ui.access import signed_in
from hopkey.server.ui.actors import actor_of, user_of


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def notices(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    kinds = kinds_for(user)
    if request.method == "POST":
        wanted = set(request.POST.getlist("on"))
        off = [kind.value for kind in kinds if kind not in ALWAYS and kind.value not in wanted]
        notices_set(user=user, off=off, by=actor_of(request))
        messages.success(request, "Saved.")
        return redirect("notices")
    off_now = kinds_off(user)
    rows = [(kind.value, *TITLES[kind], kind in ALWAYS, kind.value not in off_now) for kind in kinds]
    context = {"rows": rows, "tab": "notices"}
    return render(request, "web/notices.html", context)
