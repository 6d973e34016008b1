"""Tokens of everybody: find, look at, export, delete one or many."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hopkey.server.audit.models import Event
from hopkey.server.audit.selectors import AuditFilter, audit_list
from hopkey.server.audit.services import record
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.exports.files import FORMATS, file_of
from hopkey.server.exports.shapes import token_shape, token_state
from hopkey.server.tokens import oversight
from hopkey.server.tokens.format import is_well_formed
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.oversight import Filter, Sort, State
from hopkey.server.tokens.policy import WORDS
from hopkey.server.tokens.services import DELETE_AT_ONCE, tokens_delete
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of
from hopkey.server.workspaces.selectors import team_get

STATES = (
    (State.ANY, "Any state"),
    (State.LIVE, "Live"),
    (State.EXPIRING, "Expires within 14 days"),
    (State.EXPIRED, "Expired"),
    (State.UNUSED, "Unused for 90 days"),
    (State.NEVER_USED, "Never used"),
    (State.NEVER_EXPIRES, "Never expires"),
    (State.OWNER_INACTIVE, "Owner deactivated"),
    (State.OVER_POLICY, "Stopped by the policy"),
)
SORTS = (
    (Sort.NEWEST, "Newest first"),
    (Sort.OLDEST, "Oldest first"),
    (Sort.EXPIRES_FIRST, "Expires soonest"),
    (Sort.EXPIRES_LAST, "Expires last"),
    (Sort.IDLE_FIRST, "Longest unused"),
    (Sort.IDLE_LAST, "Used last"),
)
_NAMED = 100
"""Tokens a preview names; it counts all."""


@require_safe
@administrator_only
def token_list(request: HttpRequest) -> HttpResponse:
    chosen = oversight.filter_read(request.GET.dict())
    if is_well_formed(chosen.text):
        # Somebody wrote it into the address: it must not stay there.
        return _found_by_token(request, chosen.text)
    page = oversight.token_page(chosen, cursor=request.GET.get("after", ""))
    query = _query(chosen)
    now = timezone.now()
    context = {
        "rows": [_row(token, page, now) for token in page.tokens],
        "chosen": chosen,
        "narrowed": bool(query),
        "states": STATES,
        "sorts": SORTS,
        "team": _team_name(chosen.team),
        "query": query,
        "next": _with(query, after=page.cursor) if page.cursor else "",
        "is_first": not request.GET.get("after"),
        "first": _with(query),
        "searched_to": page.searched_to,
        "section": "tokens",
    }
    return render(request, "console/tokens.html", context)


@require_POST
@administrator_only
def search(request: HttpRequest) -> HttpResponse:
    """The search box posts, so that a pasted token stands in no address, history or log."""
    chosen = oversight.filter_read(request.POST.dict())
    if is_well_formed(chosen.text):
        return _found_by_token(request, chosen.text)
    return redirect(reverse("console_tokens") + _with(_query(chosen)))


@require_safe
@administrator_only
def token(request: HttpRequest, token_id: int) -> HttpResponse:
    page = oversight.token_page(Filter(), cursor=str(token_id + 1), limit=1)
    if not page.tokens or page.tokens[0].pk != token_id:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    found = page.tokens[0]
    context = {
        "row": _row(found, page, timezone.now()),
        "events": audit_list(AuditFilter(subject=found.public_id))[:20],
        "section": "tokens",
    }
    return render(request, "console/token.html", context)


@require_safe
@administrator_only
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    kind = request.GET.get("format", "csv")
    if kind not in FORMATS:
        raise DomainError("filter_invalid", "format is csv or json.", field="format")
    chosen = oversight.filter_read(request.GET.dict())
    now = timezone.now()
    record(Event.TOKENS_EXPORTED, by=actor_of(request), kind="token", label="tokens", detail={"filter": _query(chosen)})
    shapes = (token_shape(token, now=now) for token in oversight.token_each(chosen, now=now))
    return StreamingHttpResponse(
        file_of(kind, shapes),
        content_type=FORMATS[kind],
        headers={"Content-Disposition": f'attachment; filename="tokens-{now:%Y-%m-%d}.{kind}"'},
    )


@require_http_methods(["POST"])
@administrator_only
def delete(request: HttpRequest) -> HttpResponse:
    """First the preview of who and what is hit, then, with a reason, the deletion: both of the same tokens."""
    ids, query = _asked_for(request)
    reason = " ".join(request.POST.get("reason", "").split())[:500]
    error = None
    if request.POST.get("confirmed") and len(reason) >= 3:
        gone = tokens_delete(token_ids=ids, by=actor_of(request), reason=reason)
        words = f"“{gone[0].label}” of {gone[0].owner.name}" if len(gone) == 1 else f"{len(gone)} tokens"
        messages.success(request, f"Deleted {words}. Refused from now on, on every node.")
        return redirect(reverse("console_tokens") + _with(query))
    if request.POST.get("confirmed"):
        error = DomainError("reason_missing", "Say why, in at least 3 characters: the owners read it.", field="reason")
    tokens = list(Token.objects.filter(pk__in=ids).select_related("owner", "use").defer("digest").order_by("-pk"))
    if not tokens:
        messages.info(request, "Choose at least one token.")
        return redirect(reverse("console_tokens") + _with(query))
    owners = Counter((item.owner.name, item.owner.email) for item in tokens)
    context = {
        "tokens": tokens[:_NAMED],
        "count": len(tokens),
        "unnamed": max(0, len(tokens) - _NAMED),
        "ids": ",".join(str(item.pk) for item in tokens),
        "owners": owners.most_common(),
        "used_lately": sum(1 for item in tokens if _used_lately(item)),
        "reason": reason,
        "query": query,
        "back": reverse("console_tokens") + _with(query),
        "error": error,
        "section": "tokens",
    }
    return render(request, "console/tokens_delete.html", context, status=error.status if error else 200)


def _asked_for(request: HttpRequest) -> tuple[list[int], dict[str, str]]:
    """The ids chosen one by one, or of everything that the filter matches; and the filter."""
    chosen = oversight.filter_read(request.POST.dict())
    query = _query(chosen)
    if request.POST.get("everything"):
        ids = []
        for item in oversight.token_each(chosen, now=timezone.now()):
            ids.append(item.pk)
            if len(ids) > DELETE_AT_ONCE:
                raise DomainError("too_many", f"More than {DELETE_AT_ONCE} tokens match: narrow the list first.")
        return ids, query
    texts = [part for value in request.POST.getlist("id") for part in value.split(",")]
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= 18], query


def _found_by_token(request: HttpRequest, text: str) -> HttpResponse:
    """By digest. What was pasted is gone after this line."""
    page = oversight.token_page(Filter(text=text), limit=1)
    if not page.tokens:
        messages.info(request, "No token of this server has that secret: it was deleted, or was never made here.")
        return redirect("console_tokens")
    return redirect("console_token", token_id=page.tokens[0].pk)


def _row(token: Token, page: oversight.Page, now: Any) -> dict[str, Any]:
    over = page.over.get(token.pk)
    return {"token": token, "state": token_state(token, now=now, over=over), "why": WORDS[over] if over else ""}


def _used_lately(token: Token) -> bool:
    use = getattr(token, "use", None)
    return use is not None and use.used_at is not None and (timezone.now() - use.used_at).days < 7


def _team_name(team_id: str) -> str:
    return team_get(team_id).name if team_id else ""


def _query(chosen: Filter) -> dict[str, str]:
    """The parts of a filter that differ from the plain list, for addresses and hidden fields."""
    values = {
        "state": chosen.state.value if chosen.state is not State.ANY else "",
        "sort": chosen.sort.value if chosen.sort is not Sort.NEWEST else "",
        "owner": chosen.owner,
        "team": chosen.team,
        "text": chosen.text if not is_well_formed(chosen.text) else "",
    }
    return {name: value for name, value in values.items() if value}


def _with(query: dict[str, str], **more: str) -> str:
    values = {**query, **more}
    return "?" + urlencode(values) if values else "?"
