"""Which tasks there are, and how often each runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session

from hopkey.server.accounts.sessions import sessions_forget_ended
from hopkey.server.audit.actor import SYSTEM
from hopkey.server.audit.services import audit_prune
from hopkey.server.config import current
from hopkey.server.figures.services import figures_take


@dataclass(frozen=True, slots=True)
class Job:
    """``every``: seconds from one end to the next beginning. ``patience``: seconds after which a run counts as lost."""

    name: str
    run: Callable[[datetime], object]
    every: float
    patience: float = 600.0


def _figures(now: datetime) -> None:
    figures_take(now=now)


def _audit(now: datetime) -> None:
    days = current().audit_days
    if days:
        audit_prune(before=now - timedelta(days=days), by=SYSTEM)


def _sessions(now: datetime) -> None:
    Session.objects.filter(expire_date__lte=now).delete()
    sessions_forget_ended()


JOBS = (
    Job("figures", _figures, 600),
    Job("audit retention", _audit, 6 * 3600),
    Job("ended sessions", _sessions, 3600),
)
