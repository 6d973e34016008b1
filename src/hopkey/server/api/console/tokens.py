"""Everybody's tokens: find, look at, export, delete one or many."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from hopkey.server.api import types
from hopkey.server.api.guard import refusal
from hopkey.server.api.operations import Call, Operation, Route
from hopkey.server.audit.selectors import AuditFilter, audit_list
from hopkey.server.errors import NotFound
from hopkey.server.exports.downloads import Download, tokens_export
from hopkey.server.exports.shapes import event_shape, moment, token_shape
from hopkey.server.long_work import streamed
from hopkey.server.tokens import oversight, services
from hopkey.server.tokens.deletion import DeletionPreview, deletion_preview, reason_read, token_ids_matching
from hopkey.server.tokens.format import holds_secret

_EVENTS = 20


def _list(call: Call) -> dict[str, Any]:
    if any(map(holds_secret, (call.query.text, call.query.owner, call.query.team))):
        raise refusal(
            "token_in_address",
            "A token must not stand in an address: send it in the body of POST /v1/console/tokens/search.",
            400,
            field="text",
        )
    return _page(call.query)


def _search(call: Call) -> dict[str, Any]:
    return _page(call.body)


def _page(asked: types.TokenQuery) -> dict[str, Any]:
    chosen, now = _filter(asked), timezone.now()
    page = oversight.token_page(chosen, cursor=asked.cursor, limit=asked.limit, now=now)
    return {
        "items": [token_shape(token, now=now, over=page.over.get(token.pk)) for token in page.tokens],
        "cursor": page.cursor,
        "searchedTo": moment(page.searched_to),
    }


def _get(call: Call, token_id: str) -> dict[str, Any]:
    now = timezone.now()
    token, over = oversight.token_judged(id_read(token_id), now=now)
    events = audit_list(AuditFilter(subject=token.public_id))[:_EVENTS]
    return {"token": token_shape(token, now=now, over=over), "events": [event_shape(event) for event in events]}


def _delete(call: Call, token_id: str) -> dict[str, Any]:
    reason = reason_read(call.body.reason)
    services.token_delete(token_id=id_read(token_id), by=call.caller.by, reason=reason)
    return {"id": token_id, "deleted": True}


def _delete_many(call: Call) -> dict[str, Any]:
    """Without ``dryRun`` what is deleted are ids, never a filter: exactly what somebody has seen."""
    body, now = call.body, timezone.now()
    if body.filter is not None and (body.ids or not body.dry_run):
        raise refusal(
            "filter_invalid", "filter stands alone, in a dry run; delete the ids of its answer.", 400, field="filter"
        )
    ids = [int(id_) for id_ in body.ids]
    if body.filter is not None:
        ids = token_ids_matching(_filter(body.filter), now=now)
    elif not ids:
        raise refusal("input_invalid", "ids is empty: name at least one token.", 400, field="ids")
    reason = "" if body.dry_run else reason_read(body.reason)
    preview = deletion_preview(ids, now=now)
    if not body.dry_run:
        services.tokens_delete(token_ids=preview.ids, by=call.caller.by, reason=reason)
    return _deletion(preview, now=now, deleted=not body.dry_run)


def _deletion(preview: DeletionPreview, *, now: Any, deleted: bool) -> dict[str, Any]:
    return {
        "deleted": deleted,
        "count": len(preview.ids),
        "usedLately": preview.used_lately,
        "owners": [
            {"id": hit.id, "name": hit.name, "email": hit.email, "tokens": hit.tokens} for hit in preview.owners
        ],
        "ids": [str(id_) for id_ in preview.ids],
        "tokens": [token_shape(token, now=now) for token in preview.named],
    }


def _export(call: Call) -> StreamingHttpResponse:
    file = tokens_export(_filter(call.query), kind=call.query.format, by=call.caller.by, now=timezone.now())
    return download(call.request, file)


def download(request: HttpRequest, file: Download) -> StreamingHttpResponse:
    """Sent while it is made, outside of the threads of the pages."""
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"}
    return streamed(request, file.pieces, content_type=file.media, headers=headers)


def id_read(text: str) -> int:
    """The id of a token in an address. Raises `NotFound` for what is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    return int(text)


def _filter(asked: types.TokenFilter) -> oversight.Filter:
    return oversight.filter_read({name: str(value) for name, value in msgspec.structs.asdict(asked).items()})


_FILTER_CODES = ("filter_invalid", "cursor_invalid")
ROUTES = (
    Route(
        "console/tokens",
        "api_console_tokens",
        [
            Operation(
                "GET",
                _list,
                "Tokens of everybody, by filter, in order, page by page",
                types.TokenList,
                types.TokenQuery,
                codes=(*_FILTER_CODES, "token_in_address"),
            )
        ],
    ),
    Route(
        "console/tokens/search",
        "api_console_tokens_search",
        [
            Operation(
                "POST",
                _search,
                "The same with the filter in the body, where text may be a whole token",
                types.TokenList,
                body=types.TokenSearch,
                codes=_FILTER_CODES,
            )
        ],
    ),
    Route(
        "console/tokens/export",
        "api_console_tokens_export",
        [
            Operation(
                "GET",
                _export,
                "Everything that a filter matches, as a file",
                list[types.TokenInfo],
                types.TokenExportQuery,
                sensitive=True,
                media=("application/json", "text/csv"),
                codes=("filter_invalid",),
            )
        ],
    ),
    Route(
        "console/tokens/delete",
        "api_console_tokens_delete",
        [
            Operation(
                "POST",
                _delete_many,
                "Delete up to 10,000 tokens at once, or say what that would hit",
                types.Deletion,
                body=types.TokensDeletion,
                sensitive=True,
                codes=("reason_missing", "too_many", "filter_invalid"),
            )
        ],
    ),
    Route(
        "console/tokens/<str:token_id>",
        "api_console_token",
        [
            Operation("GET", _get, "One token, and what happened to it", types.TokenDetail, codes=("token_not_found",)),
            Operation(
                "DELETE",
                _delete,
                "Delete a token for ever",
                types.Deleted,
                body=types.TokenDeletion,
                sensitive=True,
                codes=("token_not_found", "reason_missing"),
            ),
        ],
    ),
)
