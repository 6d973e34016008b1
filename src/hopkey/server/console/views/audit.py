"""The audit trail: filter, search, export, verify."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST, require_safe

from hopkey.server.audit.chain import chain_verify
from hopkey.server.audit.models import AuditEvent, Event
from hopkey.server.audit.selectors import (
    PAGE_SIZE,
    AuditFilter,
    audit_before_read,
    audit_filter_read,
    audit_filter_values,
    audit_list,
)
from hopkey.server.config import current
from hopkey.server.console.views.parts import address, chips, details_of, download, groups_of, long_page
from hopkey.server.errors import DomainError
from hopkey.server.exports.downloads import audit_export
from hopkey.server.tokens.format import public_id_in
from hopkey.server.tokens.pasted import subject_in
from hopkey.server.ui.access import administrator_only, administrator_reads
from hopkey.server.ui.actors import actor_of

_CHIPS = {"subject": "Of", "actor": "By", "event": "Event", "since": "From", "until": "To"}
_GROUPS = groups_of(sorted(item.value for item in Event))


@require_safe
@administrator_only
def audit(request: HttpRequest) -> HttpResponse:
    given = _cleaned(request.GET.dict())
    if given != request.GET.dict():
        # Somebody wrote a token into the address: it must not stay there.
        return redirect(reverse("console_audit") + address({k: v for k, v in given.items() if v}))
    error, chosen, more = None, AuditFilter(), False
    events: list[AuditEvent] = []
    try:
        chosen = audit_filter_read(given)
        before = audit_before_read(given.get("before", ""))
        found = list(audit_list(chosen, before=before)[: PAGE_SIZE + 1])
        events, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    except DomainError as problem:
        error = problem
    values = audit_filter_values(chosen)
    context = {
        "events": [(event, details_of(event)) for event in events],
        "values": values if error is None else given,
        "chips": chips(values, _CHIPS, _texts(chosen, events)),
        "clear": reverse("console_audit"),
        "groups": _GROUPS,
        "next": address(values, before=str(events[-1].pk)) if more else "",
        "first": address(values) if given.get("before") else "",
        "query": urlencode(values),
        "export_url": reverse("console_audit_export"),
        "kept_days": current().audit_days,
        "error": error,
        "section": "audit",
    }
    return render(request, "console/audit.html", context, status=error.status if error else 200)


@require_POST
@administrator_reads
def search(request: HttpRequest) -> HttpResponse:
    """The form posts, so that a pasted token stands in no address, history or log."""
    given = _cleaned(request.POST.dict())
    given["subject"] = subject_in(request.POST.get("subject", "").replace("\0", ""))
    if request.POST.get("subject", "").strip() and not given["subject"].strip():
        messages.info(request, "There is no such token: an imported one is found whole, and while it exists.")
    wanted = {name: given.get(name, "").strip()[:254] for name in _CHIPS}
    return redirect(reverse("console_audit") + address({name: text for name, text in wanted.items() if text}))


@require_GET
@administrator_only
def export(request: HttpRequest) -> StreamingHttpResponse:
    chosen = audit_filter_read(_cleaned(request.GET.dict()))
    kind = request.GET.get("format", "csv")
    return download(request, audit_export(chosen, kind=kind, by=actor_of(request), now=timezone.now()))


@require_POST
@administrator_only
def verify(request: HttpRequest) -> StreamingHttpResponse:
    """Reads every event there is."""
    return long_page(request, "console/audit_verify.html", lambda: {"verdict": chain_verify(), "section": "audit"})


def _cleaned(given: dict[str, str]) -> dict[str, str]:
    """What was typed, with the public id in place of every token, whole or begun, in whatever field."""
    return {name: public_id_in(text.replace("\0", "")) for name, text in given.items()}


def _texts(chosen: AuditFilter, events: Sequence[AuditEvent]) -> dict[str, str]:
    """What ids are called, as far as the events on the page say so."""
    texts: dict[str, str] = {}
    for event in events[:1]:
        if chosen.actor and chosen.actor == event.actor_id:
            texts["actor"] = event.actor_label or chosen.actor
        if chosen.subject and chosen.subject == event.subject_id:
            texts["subject"] = event.subject_label or chosen.subject
    return texts
