"""The audit trail: filter, search, export, verify."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import StreamingHttpResponse
from django.utils import timezone

from hopkey.server.api import types
from hopkey.server.api.console.tokens import download
from hopkey.server.api.guard import refusal
from hopkey.server.api.operations import Call, Operation, Route, later
from hopkey.server.audit.chain import chain_verify, head_read
from hopkey.server.audit.selectors import AuditFilter, audit_before_read, audit_filter_read, audit_list
from hopkey.server.exports.downloads import audit_export
from hopkey.server.exports.shapes import event_shape, verdict_shape
from hopkey.server.tokens.format import holds_secret
from hopkey.server.tokens.pasted import subject_in


def _list(call: Call) -> dict[str, Any]:
    if any(map(holds_secret, (call.query.subject, call.query.actor))):
        raise refusal(
            "token_in_address",
            "A token must not stand in an address: send it in the body of POST /v1/console/audit/search.",
            400,
            field="subject",
        )
    return _page(call.query)


def _search(call: Call) -> dict[str, Any]:
    return _page(call.body)


def _page(asked: types.AuditQuery) -> dict[str, Any]:
    before = audit_before_read(asked.cursor)
    chosen = _filter(asked)
    if asked.subject.strip() and not chosen.subject:
        return {"items": [], "cursor": ""}  # an imported token that is not there, or no more
    found = list(audit_list(chosen, before=before)[: asked.limit + 1])
    events = found[: asked.limit]
    return {
        "items": [event_shape(event) for event in events],
        "cursor": str(events[-1].pk) if len(found) > asked.limit else "",
    }


def _export(call: Call) -> StreamingHttpResponse:
    file = audit_export(_filter(call.query), kind=call.query.format, by=call.caller.by, now=timezone.now())
    return download(call.request, file)


def _verify(call: Call) -> StreamingHttpResponse:
    expect = head_read(call.body.expect)
    return later(call, lambda: verdict_shape(chain_verify(expect)))


def _filter(asked: types.AuditSearch) -> AuditFilter:
    values = {name: str(value) for name, value in msgspec.structs.asdict(asked).items()}
    return audit_filter_read({**values, "subject": subject_in(asked.subject.strip())})


_CODES = ("filter_invalid", "cursor_invalid")
ROUTES = (
    Route(
        "console/audit",
        "api_console_audit",
        [
            Operation(
                "GET",
                _list,
                "Events, newest first, page by page",
                types.EventList,
                types.AuditQuery,
                codes=(*_CODES, "token_in_address"),
            )
        ],
    ),
    Route(
        "console/audit/search",
        "api_console_audit_search",
        [
            Operation(
                "POST",
                _search,
                "The same with the filter in the body, where subject may be a whole token",
                types.EventList,
                body=types.AuditQuery,
                codes=_CODES,
            )
        ],
    ),
    Route(
        "console/audit/export",
        "api_console_audit_export",
        [
            Operation(
                "GET",
                _export,
                "Everything that a filter matches, as a file",
                list[types.EventInfo],
                types.AuditExportQuery,
                sensitive=True,
                media=("application/json", "text/csv"),
                codes=("filter_invalid",),
            )
        ],
    ),
    Route(
        "console/audit/verify",
        "api_console_audit_verify",
        [
            Operation(
                "POST",
                _verify,
                "Compute the chain anew and compare",
                types.VerdictInfo,
                body=types.Verification,
                codes=("head_invalid",),
            )
        ],
    ),
)
