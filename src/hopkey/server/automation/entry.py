"""The door of every automation route: who may enter is judged, counted and noted here."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

from django.db import OperationalError, transaction

from hopkey.server.addresses import limit_key
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.automation.judging import GUESSES, Refusal
from hopkey.server.automation.models import AutomationToken, AutomationUse
from hopkey.server.automation.verify import Holder, Refused, administrator_of
from hopkey.server.config import current
from hopkey.server.limiter import FailureLimiter

_LOG = logging.getLogger("hopkey.automation")
_USE_EVERY_SECONDS = 60.0
_REFUSALS_EVERY_SECONDS = 30.0
_MAX_REFUSALS = 500


class TooMany(Exception):
    """Too many unknown tokens came from this address; ``seconds`` to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too many unknown tokens")
        self.seconds = seconds


class Door:
    """Of one process. Failures are counted by address after the look-up, so that a good token never has to wait."""

    def __init__(self, limit: int) -> None:
        self._limiter = FailureLimiter(limit)
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, str, str], tuple[int, str]] = {}
        self._written = float("-inf")

    def enter(self, *, authorization: str, address: str, agent: str) -> Holder | Refused:
        """Who acts, or why not. Raises `TooMany`."""
        now = time.time()
        found = administrator_of(authorization, address, now)
        if isinstance(found, Holder):
            _note_use(found.token, now, address, agent)
            return found
        self._note_refusal(found, address, agent)
        if found.reason in GUESSES:
            with self._lock:
                wait = self._limiter.failed(limit_key(address), time.monotonic())
            if wait:
                raise TooMany(wait)
        return found

    def _note_refusal(self, found: Refused, address: str, agent: str) -> None:
        """Into the audit trail: the first at once, what follows counted and written with the next after 30 s.

        So that guessing cannot fill the database: what is still counted when the process ends is not written.
        """
        reason = Refusal.UNKNOWN if found.reason in GUESSES else found.reason
        key = (found.public_id, reason.value, address)
        with self._lock:
            if key not in self._pending and len(self._pending) >= _MAX_REFUSALS:
                key = ("", reason.value, "")
            count, first_agent = self._pending.get(key, (0, agent))
            self._pending[key] = (count + 1, first_agent)
            if time.monotonic() - self._written < _REFUSALS_EVERY_SECONDS:
                return
            pending, self._pending = self._pending, {}
            self._written = time.monotonic()
        with transaction.atomic():
            for (public_id, why, where), (count, program) in pending.items():
                by = Actor(address=where, agent=program)
                record(
                    Event.TOKEN_REFUSED,
                    by=by,
                    kind="automation",
                    id=public_id,
                    detail={"reason": why, "count": count},
                )


def _note_use(token: AutomationToken, now: float, address: str, agent: str) -> None:
    """The last use, at most once a minute. A token deleted meanwhile has none any more."""
    use = AutomationUse.objects.filter(token=token).first()
    if use is not None and use.address == address and now - use.used_at.timestamp() < _USE_EVERY_SECONDS:
        return
    values = {
        "used_at": datetime.fromtimestamp(now, UTC),
        "address": address[:45],
        "agent": agent[:200].replace("\0", ""),
    }
    try:
        with transaction.atomic():
            if AutomationToken.objects.select_for_update().filter(pk=token.pk).exists():
                AutomationUse.objects.update_or_create(token_id=token.pk, defaults=values)
    except OperationalError as error:  # a busy database is no reason to refuse a good token
        _LOG.warning("the last use of an automation token could not be written: %s", type(error).__name__)


_DOOR: Door | None = None


def door() -> Door:
    """The door of this process."""
    global _DOOR
    if _DOOR is None:
        _DOOR = Door(current().failed_token_limit)
    return _DOOR
