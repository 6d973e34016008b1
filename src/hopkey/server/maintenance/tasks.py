"""Which tasks there are, and how often each runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session

from hopkey.server.accounts.limits import attempts_forget
from hopkey.server.accounts.sessions import sessions_forget_ended
from hopkey.server.audit.actor import SYSTEM
from hopkey.server.audit.services import audit_prune
from hopkey.server.config import current
from hopkey.server.figures.digest import digest_tell
from hopkey.server.figures.services import figures_take
from hopkey.server.mail.delivery import BATCH as MAIL_BATCH
from hopkey.server.mail.delivery import mail_deliver, mail_prune
from hopkey.server.notices.services import webhook_disabled_tell
from hopkey.server.tokens.watch import places_tell, policy_stops_tell, tokens_expiring_tell
from hopkey.server.webhooks.delivery import BATCH as WEBHOOK_BATCH
from hopkey.server.webhooks.delivery import webhook_deliver, webhook_prune


@dataclass(frozen=True, slots=True)
class Job:
    """``every``: seconds from one end to the next beginning. ``patience``: seconds after which a run counts as lost.

    ``lane``: jobs of one lane run one after another, lanes side by side. ``alone`` False: it claims what it works at
    piece by piece, so every node runs it at every look, and a node that dies holds nobody up.
    """

    name: str
    run: Callable[[datetime], object]
    every: float = 0.0
    patience: float = 600.0
    lane: str = "general"
    alone: bool = True


def _figures(now: datetime) -> None:
    figures_take(now=now)


def _audit(now: datetime) -> None:
    days = current().audit_days
    if days:
        audit_prune(before=now - timedelta(days=days), by=SYSTEM)


def _sessions(now: datetime) -> None:
    Session.objects.filter(expire_date__lte=now).delete()
    sessions_forget_ended()
    attempts_forget(before=now)


def _outbox(now: datetime) -> None:
    before = now - timedelta(days=current().outbox_days)
    mail_prune(before=before)
    webhook_prune(before=before)


def _mail(_: datetime) -> None:
    while mail_deliver() == MAIL_BATCH:
        pass


def _webhooks(_: datetime) -> None:
    while webhook_deliver(on_disabled=webhook_disabled_tell) == WEBHOOK_BATCH:
        pass


JOBS = (
    Job("figures", _figures, 600),
    Job("audit retention", _audit, 6 * 3600),
    Job("ended sessions", _sessions, 3600),
    Job("expiring tokens", tokens_expiring_tell, 60),
    Job("stopped tokens", policy_stops_tell, 30),
    Job("weekly digest", digest_tell, 600),
    Job("outbox retention", _outbox, 3600),
    Job("new networks", places_tell, lane="notices", alone=False),
    Job("mail", _mail, lane="mail", alone=False),
    Job("webhooks", _webhooks, lane="webhooks", alone=False),
)
