"""Reading automation tokens, without their digests."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from hopkey.server.automation.models import AutomationToken
from hopkey.server.errors import NotFound


def automation_token_list() -> QuerySet[AutomationToken]:
    """Every automation token, newest first, with creator and last use at hand: one query."""
    return AutomationToken.objects.defer("digest").select_related("creator", "use").order_by("-id")


def automation_token_get(token_id: int) -> AutomationToken:
    """Raises `NotFound` (``token_not_found``)."""
    token = automation_token_list().filter(pk=token_id).first()
    if token is None:
        raise NotFound("token_not_found", "There is no such token. It may have been deleted already.")
    return token


def stopped_by(token: AutomationToken, now: datetime) -> str:
    """What stops this token at `now`, in words for people; empty: nothing."""
    if token.expires_at is not None and now >= token.expires_at:
        return "expired"
    if not token.creator.is_active:
        return "creator deactivated"
    if not token.creator.is_administrator:
        return "creator is no administrator any more"
    return ""
