"""Deleting other people's tokens: first the preview of who and what is hit, then, with a reason, the act."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from hopkey.server.console.views.parts import address
from hopkey.server.errors import DomainError
from hopkey.server.tokens import oversight
from hopkey.server.tokens.deletion import NAMED, deletion_preview, reason_read
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.oversight import filter_values
from hopkey.server.tokens.services import DELETE_AT_ONCE, tokens_delete
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of


@require_POST
@administrator_only
def delete(request: HttpRequest) -> HttpResponse:
    """Both steps are of the same tokens: what was previewed is sent back by its ids, and nothing else is deleted."""
    chosen = oversight.filter_read(request.POST.dict())
    back = reverse("console_tokens") + address(filter_values(chosen))
    confirmed = bool(request.POST.get("confirmed"))
    ids, more = _asked_for(request, chosen, confirmed)
    error = None
    if confirmed:
        try:
            reason = reason_read(request.POST.get("reason", ""))
        except DomainError as problem:
            error = problem
        else:
            messages.success(request, _done(tokens_delete(token_ids=ids, by=actor_of(request), reason=reason)))
            return redirect(back)
    context = _preview(ids)
    if not context["count"]:
        messages.info(request, "Choose at least one token. Those you chose may have been deleted already.")
        return redirect(back)
    context |= {
        "more_match": more,
        "at_once": DELETE_AT_ONCE,
        "reason": request.POST.get("reason", ""),
        "query": filter_values(chosen),
        "back": back,
        "error": error,
        "section": "tokens",
    }
    return render(request, "console/tokens_delete.html", context, status=error.status if error else 200)


def _asked_for(request: HttpRequest, chosen: oversight.Filter, confirmed: bool) -> tuple[list[int], bool]:
    """The ids asked for, at most `DELETE_AT_ONCE`, and whether more match the filter."""
    if request.POST.get("everything") and not confirmed:
        return oversight.token_ids(chosen, now=timezone.now(), limit=DELETE_AT_ONCE)
    given = request.POST.getlist("only") or request.POST.getlist("id")
    texts = [part for value in given for part in value.split(",")]
    ids = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= 18]
    return list(dict.fromkeys(ids)), False


def _preview(ids: list[int]) -> dict[str, Any]:
    preview = deletion_preview(ids, now=timezone.now())
    return {
        "tokens": preview.named,
        "count": len(preview.ids),
        "unnamed": len(preview.ids) - len(preview.named),
        "ids": ",".join(map(str, preview.ids)),
        "owners": preview.owners[:NAMED],
        "owner_count": len(preview.owners),
        "more_owners": max(0, len(preview.owners) - NAMED),
        "used_lately": preview.used_lately,
    }


def _done(gone: list[Token]) -> str:
    if not gone:
        return "They were deleted already."
    words = f"“{gone[0].label}” of {gone[0].owner.name}" if len(gone) == 1 else f"{len(gone)} tokens"
    return f"Deleted {words}. Refused from now on, on every node."
