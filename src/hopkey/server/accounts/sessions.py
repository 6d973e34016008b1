"""Sessions, device by device: which there are, when each was last seen, ending them; and how recent a sign-in is."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from hopkey.server.accounts.devices import device_words, is_small
from hopkey.server.accounts.models import User
from hopkey.server.addresses import is_address
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import NotFound

SEEN_SECONDS = 300
"""How often, at most, each process writes when a session was last seen."""

METHODS = {
    "code": "mailed code",
    "oidc": "single sign-on",
    "link": "one-time link",
    "totp": "authenticator app",
    "recovery_codes": "recovery code",
    "webauthn": "passkey",
}
"""Ways to sign in, where the word is another than the name."""

_CONFIRMED = "confirmed_at"
_UNKNOWN = "0.0.0.0"  # noqa: S104 - nothing listens: the address where there is none


@dataclass(frozen=True, slots=True)
class Device:
    """One session of a person. ``methods``: what it was begun with, such as ``password`` and ``totp``."""

    id: int
    words: str
    small: bool
    address: str
    began_at: datetime
    seen_at: datetime
    here: bool
    methods: tuple[str, ...]

    @property
    def methods_words(self) -> str:
        """ "password and authenticator app"; empty where it is not known."""
        return " and ".join(METHODS.get(method, method) for method in self.methods)


class _Seen:
    """Which sessions this process has seen lately, so that most requests write nothing. Bounded."""

    def __init__(self, size: int = 20_000) -> None:
        self._size = size
        self._times: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def is_due(self, key: str, now: float) -> bool:
        """Whether it is time to write, and if so remember that it is being done."""
        with self._lock:
            if now - self._times.get(key, float("-inf")) < SEEN_SECONDS:
                return False
            self._times[key] = now
            self._times.move_to_end(key)
            while len(self._times) > self._size:
                self._times.popitem(last=False)
            return True


_seen = _Seen()


def session_begun(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Handler of Django's ``user_logged_in``: every session is listed and dated, however it was begun."""
    request.session[_CONFIRMED] = time.time()
    if not request.session.session_key:
        request.session.save()
    key = request.session.session_key or ""
    _seen.is_due(key, time.monotonic())
    _session_write(key, user, request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_USER_AGENT", ""))


def session_seen(*, key: str, user: User, address: str, agent: str) -> None:
    """Note that a session is in use, from where and with what: one write in `SEEN_SECONDS`, and never an error."""
    if not _seen.is_due(key, time.monotonic()):
        return
    try:
        _session_write(key, user, address, agent)
    except DatabaseError:
        return  # the page matters more than when it was seen


def session_list(*, user: User, key: str) -> list[Device]:
    """The sessions of `user` that could be used now, the one with this `key` first, then the last seen."""
    now = timezone.now()
    live = Session.objects.filter(expire_date__gt=now).values("session_key")
    rows = UserSession.objects.filter(user=user, session_key__in=live).order_by("-last_seen_at", "-pk")
    devices = [
        Device(
            row.pk,
            device_words(row.user_agent),
            is_small(row.user_agent),
            "" if row.ip == _UNKNOWN else row.ip,
            row.created_at,
            # This one is in use now; what is written of it may be some minutes old.
            now if row.session_key == key else row.last_seen_at,
            row.session_key == key,
            tuple(row.data.get("methods", ())),
        )
        for row in rows
    ]
    return sorted(devices, key=lambda device: not device.here)


def session_end(*, user: User, session_id: int, by: Actor) -> None:
    """End one session of `user`: its next request is refused. Raises `NotFound` (``session_not_found``)."""
    with transaction.atomic(durable=True):
        row = UserSession.objects.select_for_update(of=("self",)).filter(user=user, pk=session_id).first()
        if row is None:
            raise NotFound("session_not_found", "This session has ended already.")
        _end([row], user, by)


def sessions_end_others(*, user: User, key: str, by: Actor) -> int:
    """End every session of `user` but the one with this `key`; how many there were."""
    with transaction.atomic(durable=True):
        rows = list(UserSession.objects.select_for_update(of=("self",)).filter(user=user).exclude(session_key=key))
        return _end(rows, user, by)


def sessions_forget_ended() -> int:
    """Take sessions that are no more from the list; how many. They were refused, and not shown, before."""
    live = Session.objects.filter(session_key=OuterRef("session_key"))
    return int(UserSession.objects.filter(~Exists(live)).delete()[0])


def is_recent(session: SessionBase) -> bool:
    """Whether a session was begun or confirmed within ``HOPKEY_RECENT_MINUTES``."""
    minutes = current().recent_minutes
    if not minutes:
        return True
    at = session.get(_CONFIRMED)
    return isinstance(at, int | float) and 0 <= time.time() - at < minutes * 60


def session_confirmed(*, session: SessionBase, user: User, method: str, by: Actor) -> None:
    """Its holder has just proven again who they are."""
    session[_CONFIRMED] = time.time()
    record(Event.SESSION_CONFIRMED, by=by, kind="user", id=user.pk, label=user.email, detail={"method": method})


def session_methods_set(*, key: str, methods: list[str]) -> None:
    """Keep with the session what it was begun with."""
    UserSession.objects.filter(session_key=key).update(data={"methods": methods})


def _session_write(key: str, user: User, address: str, agent: str) -> None:
    values = {
        "user": user,
        "ip": address if is_address(address) else _UNKNOWN,
        "user_agent": agent.replace("\0", "")[:200],
        "last_seen_at": timezone.now(),
    }
    if not UserSession.objects.filter(session_key=key).update(**values):
        UserSession.objects.create(session_key=key, **values)


def _end(rows: list[Any], user: User, by: Actor) -> int:
    Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
    UserSession.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        detail = {"device": device_words(row.user_agent), "address": row.ip}
        record(Event.SESSION_ENDED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
    return len(rows)
