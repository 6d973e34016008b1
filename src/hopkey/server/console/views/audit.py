"""The audit trail: filter, search, export, verify."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from hopkey.server.audit.chain import chain_verify
from hopkey.server.audit.models import Event
from hopkey.server.audit.selectors import (
    PAGE_SIZE,
    AuditFilter,
    audit_before_read,
    audit_each,
    audit_filter_read,
    audit_list,
)
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.exports.files import FORMATS, file_of
from hopkey.server.exports.shapes import event_shape
from hopkey.server.tokens.format import AUTOMATION_PREFIX, PREFIX, is_of_kind, is_well_formed, public_id_of
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of


@require_safe
@administrator_only
def audit(request: HttpRequest) -> HttpResponse:
    chosen = audit_filter_read(request.GET.dict())
    if is_token(chosen.subject):
        return redirect(reverse("console_audit") + "?" + urlencode({"subject": subject_of(chosen.subject)}))
    found = list(audit_list(chosen, before=audit_before_read(request.GET.get("before", "")))[: PAGE_SIZE + 1])
    events, query = found[:PAGE_SIZE], _query(chosen)
    context = {
        "events": events,
        "chosen": chosen,
        "values": query,
        "kinds": sorted(Event),
        "groups": sorted({item.value.partition(".")[0] for item in Event}),
        "next": "?" + urlencode({**query, "before": str(events[-1].pk)}) if len(found) > PAGE_SIZE else "",
        "first": "?" + urlencode(query) if request.GET.get("before") else "",
        "query": urlencode(query),
        "kept_days": current().audit_days,
        "section": "audit",
    }
    return render(request, "console/audit.html", context)


@require_POST
@administrator_only
def search(request: HttpRequest) -> HttpResponse:
    """The form posts, so that a pasted token stands in no address, history or log."""
    chosen = audit_filter_read(request.POST.dict())
    query = _query(chosen) | ({"subject": subject_of(chosen.subject)} if chosen.subject else {})
    return redirect(reverse("console_audit") + "?" + urlencode(query))


@require_safe
@administrator_only
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    kind = request.GET.get("format", "csv")
    if kind not in FORMATS:
        raise DomainError("filter_invalid", "format is csv or json.", field="format")
    chosen = audit_filter_read(request.GET.dict())
    record(Event.AUDIT_EXPORTED, by=actor_of(request), kind="audit", label="audit trail", detail=_query(chosen))
    return StreamingHttpResponse(
        file_of(kind, (event_shape(event) for event in audit_each(chosen))),
        content_type=FORMATS[kind],
        headers={"Content-Disposition": f'attachment; filename="audit-{timezone.now():%Y-%m-%d}.{kind}"'},
    )


@require_POST
@administrator_only
def verify(request: HttpRequest) -> HttpResponse:
    verdict = chain_verify()
    if verdict.fault:
        messages.error(request, f"The audit trail was tampered with: {verdict.fault}.")
    else:
        messages.success(
            request, f"Whole: {verdict.checked} events, each as it was written. Head: {verdict.seq}:{verdict.hash}"
        )
    return redirect("console_audit")


def subject_of(text: str) -> str:
    """What to look for: of a token, pasted whole or begun, its public id."""
    if is_token(text):
        return public_id_of(text) if text.startswith((PREFIX, AUTOMATION_PREFIX)) else ""
    if text.startswith((PREFIX, AUTOMATION_PREFIX)) and text[4:16].isalnum() and len(text[4:16]) == 12:
        return text[4:16]
    return text


def is_token(text: str) -> bool:
    """Whether this is a whole token of any kind, which may stand in no address."""
    return is_well_formed(text) or is_of_kind(text, AUTOMATION_PREFIX)


def _query(chosen: AuditFilter) -> dict[str, Any]:
    values = {
        "event": chosen.event,
        "actor": chosen.actor,
        "subject": "" if is_token(chosen.subject) else chosen.subject,
        "since": chosen.since.isoformat() if chosen.since else "",
        "until": chosen.until.isoformat() if chosen.until else "",
    }
    return {name: value for name, value in values.items() if value}
