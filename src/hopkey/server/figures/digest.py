"""The week in figures, mailed to administrators every Monday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from hopkey.server.accounts.models import User
from hopkey.server.figures.models import Day
from hopkey.server.figures.services import figures_take
from hopkey.server.mail.models import Message
from hopkey.server.mail.models import State as MailState
from hopkey.server.mail.services import mail_queue
from hopkey.server.notices.models import Preference, Watermark
from hopkey.server.webhooks.events import WebhookEvent
from hopkey.server.webhooks.models import Endpoint
from hopkey.server.webhooks.services import webhook_queue

HOUR = 7
"""Mondays at this hour, UTC."""
_MARK = "digest"


def digest_tell(now: datetime) -> int:
    """Write the digest if a Monday has come since the last one; the number of mails."""
    monday = _monday(now)
    known = Watermark.objects.filter(name=_MARK).values_list("at", flat=True).first()
    if known is not None and known >= monday:
        return 0
    figures = None if known is None else _figures(now)
    with transaction.atomic():
        mark, made = Watermark.objects.select_for_update().get_or_create(name=_MARK, defaults={"at": monday})
        # A server set up in the middle of a week has nothing to tell of it yet.
        if made or mark.at >= monday or figures is None:
            return 0
        mark.at = monday
        mark.save(update_fields=["at"])
        webhook_queue(WebhookEvent.DIGEST, [figures], at=now)
        off = Preference.objects.values_list("user_id", "off")
        silent = {user for user, kinds in off if WebhookEvent.DIGEST.value in kinds}
        told = [user for user in User.objects.filter(is_administrator=True, is_active=True) if user.pk not in silent]
        for user in told:
            mail_queue(
                to=user.email, template="digest_weekly", context={"name": user.name, "switchable": True, **figures}
            )
    return len(told)


def _monday(now: datetime) -> datetime:
    """The last Monday at `HOUR`."""
    now = now.astimezone(UTC)
    day = (now - timedelta(days=now.weekday())).replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return day if day <= now else day - timedelta(days=7)


def _figures(now: datetime) -> dict[str, Any]:
    today = figures_take(now=now)
    week = Day.objects.filter(day__gt=today.day - timedelta(days=7), day__lte=today.day)
    sums = {name: sum(getattr(day, name) for day in week) for name in ("generated", "deleted", "refused")}
    since = now - timedelta(days=7)
    return {
        "users": today.users,
        "teams": today.teams,
        "live": today.live,
        "neverExpires": today.never_expires,
        "expiring": today.expiring,
        "unused": today.unused,
        **sums,
        "failedMails": Message.objects.filter(state=MailState.FAILED, ended_at__gte=since).count(),
        "failingWebhooks": Endpoint.objects.exclude(failing_since=None).count()
        + Endpoint.objects.filter(enabled=False).exclude(disabled_why="").count(),
    }
