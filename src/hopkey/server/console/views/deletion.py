"""Deleting other people's tokens: first the preview of who and what is hit, then, with a reason, the act."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from hopkey.server.console.views.parts import address
from hopkey.server.console.views.tokens import token_values
from hopkey.server.errors import DomainError
from hopkey.server.tokens import oversight
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.services import DELETE_AT_ONCE, tokens_delete
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of

_NAMED = 100
"""Tokens and owners that a preview names; it counts all."""
_REASON = (3, 500)


@require_POST
@administrator_only
def delete(request: HttpRequest) -> HttpResponse:
    """Both steps are of the same tokens: what was previewed is sent back by its ids, and nothing else is deleted."""
    chosen = oversight.filter_read(request.POST.dict())
    back = reverse("console_tokens") + address(token_values(chosen))
    confirmed = bool(request.POST.get("confirmed"))
    ids, more = _asked_for(request, chosen, confirmed)
    reason = " ".join(request.POST.get("reason", "").split())[: _REASON[1]]
    error = None
    if confirmed and len(reason) >= _REASON[0]:
        gone = tokens_delete(token_ids=ids, by=actor_of(request), reason=reason)
        messages.success(request, _done(gone))
        return redirect(back)
    if confirmed:
        error = DomainError("reason_missing", "Say why, in at least 3 characters: the owners read it.", field="reason")
    context = _preview(ids)
    if not context["count"]:
        messages.info(request, "Choose at least one token. Those you chose may have been deleted already.")
        return redirect(back)
    context |= {
        "more_match": more,
        "at_once": DELETE_AT_ONCE,
        "reason": reason,
        "query": token_values(chosen),
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
    columns = ("pk", "owner__name", "owner__email", "use__used_at")
    rows = list(Token.objects.filter(pk__in=ids).order_by("-pk").values_list(*columns))
    since = timezone.now() - timedelta(days=7)
    owners = Counter((name, email) for _, name, email, _ in rows)
    named = [row[0] for row in rows[:_NAMED]]
    return {
        "tokens": list(Token.objects.filter(pk__in=named).select_related("owner", "use").defer("digest")),
        "count": len(rows),
        "unnamed": max(0, len(rows) - _NAMED),
        "ids": ",".join(str(row[0]) for row in rows),
        "owners": owners.most_common(_NAMED),
        "owner_count": len(owners),
        "more_owners": max(0, len(owners) - _NAMED),
        "used_lately": sum(1 for row in rows if row[3] is not None and row[3] >= since),
    }


def _done(gone: list[Token]) -> str:
    if not gone:
        return "They were deleted already."
    words = f"“{gone[0].label}” of {gone[0].owner.name}" if len(gone) == 1 else f"{len(gone)} tokens"
    return f"Deleted {words}. Refused from now on, on every node."
