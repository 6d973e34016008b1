"""``/v1/access-tokens/create``, ``list`` and ``revoke`` for the signed-in person, as the official server has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from hopkey.server.api.guard import BadRequest, json_body, reply, session_api
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.tokens import selectors, services
from hopkey.server.tokens.expiry import EXPIRY_DAYS
from hopkey.server.tokens.models import Token
from hopkey.server.ui.actors import actor_of, user_of

_FIELDS = ("label", "expiryInDays")
MAX_PAGE = 100


@session_api("POST", recent=True)
def create(request: HttpRequest) -> HttpResponse:
    """``{label, expiryInDays}`` -> 201 ``{token, info}``. The token is in this answer and nowhere else."""
    body = json_body(request)
    unknown = [name for name in body if name not in _FIELDS]
    if unknown:
        message = [f"property {name[:100]} should not exist" for name in unknown[:20]]
        raise BadRequest({"message": message, "error": "Bad Request", "statusCode": 400})
    label, days = body.get("label"), body.get("expiryInDays")
    if not isinstance(label, str) or len(label.strip()) < services.LABEL_LENGTH[0]:
        raise BadRequest({"statusCode": 400, "message": "access_token/label_too_short"})
    if "expiryInDays" not in body or isinstance(days, bool) or (days is not None and days not in EXPIRY_DAYS):
        raise BadRequest({"statusCode": 400, "message": "access_token/expiry_days_invalid"})
    try:
        made = services.token_generate_for(
            owner=user_of(request), label=label, days=None if days is None else int(days), by=actor_of(request)
        )
    except DomainError as error:
        raise BadRequest({"statusCode": error.status, "message": f"access_token/{error.code}"}, error.status) from None
    return reply({"token": made.text, "info": _info(made.token)}, 201)


@session_api("GET")
def list_(request: HttpRequest) -> HttpResponse:
    """``?offset=&limit=`` -> infos, newest first. Both are required; at most `MAX_PAGE` at once."""
    offset, limit = (_number(request, name) for name in ("offset", "limit"))
    tokens = selectors.token_list(owner=user_of(request))[offset : offset + min(limit, MAX_PAGE)]
    return reply([_info(token) for token in tokens])


@session_api("DELETE", recent=True)
def revoke(request: HttpRequest) -> HttpResponse:
    """``?id=`` -> ``true``; from then on the token is refused."""
    identity = request.GET.get("id", "")
    if not identity:
        raise BadRequest({"reason": "INVALID_ID"})
    try:
        if not identity.isascii() or not identity.isdigit() or len(identity) > 18:
            raise NotFound("token_not_found", "There is no such token.")
        services.token_delete(
            token_id=int(identity), owner=user_of(request), by=actor_of(request), reason="deleted by its owner"
        )
    except NotFound:
        raise BadRequest({"message": "access_token/access_token_not_found", "statusCode": 404}, 404) from None
    return reply(True)


def _info(token: Token) -> dict[str, Any]:
    use = getattr(token, "use", None)
    return {
        "id": str(token.pk),
        "label": token.label,
        "createdOn": _moment(token.created_at),
        "expiresOn": _moment(token.expires_at),
        "lastUsedOn": _moment(use.used_at) if use else None,
    }


def _moment(value: datetime | None) -> str | None:
    """As JavaScript writes moments: milliseconds and Z."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z" if value else None


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadRequest(
            {"message": [f"{name} must be a whole number, 0 or more"], "error": "Bad Request", "statusCode": 400}
        )
    return int(text)
