"""Delivering what is in the outbox, by the maintenance process of any node.

A mail is claimed for a while, handed over, and marked as sent only then. Whoever dies in between leaves a claim that
runs out, and the mail is handed over once more, under the same Message-ID: at least once, never lost. Several nodes
deliver side by side: a claim is one conditional update, which only one of them makes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from hopkey.server.backoff import MAIL, URGENT, Backoff
from hopkey.server.config import ConfigError, current
from hopkey.server.mail import transport
from hopkey.server.mail.models import Message, State
from hopkey.server.mail.selectors import body_open
from hopkey.server.mail.settings import smtp_server
from hopkey.server.mail.transport import Refused, Session, Unreachable, message_make
from hopkey.server.sealing import SealBroken
from hopkey.server.smtp_url import SmtpServer

_LOG = logging.getLogger("hopkey.mail")
BATCH = 20
LEASE_SECONDS = 60.0
"""How long a claim lasts: longer than handing over one mail may take (`transport.TIMEOUT_SECONDS` for each step)."""
UNSET_KEPT = 1000
"""Mails that could not be sent because mail is not set up: the newest so many are kept as a list."""

Open = Callable[[SmtpServer], AbstractContextManager[Session]]


def mail_deliver(*, now: datetime | None = None, connect: Open = transport.session) -> int:
    """Deliver up to `BATCH` mails that are due; how many were looked at. Never raises for what a mail server does."""
    moment = now or timezone.now()
    due = _due(moment)
    ids = list(due.order_by("-urgent", "due_at").values_list("pk", flat=True)[:BATCH])
    if not ids:
        return 0
    due.filter(useless_at__lte=moment).update(state=State.LATE, body=b"", claim="", ended_at=moment)
    try:
        server = smtp_server()
    except ConfigError as error:
        _postpone_all(moment, str(error))
        return len(ids)
    if server is None:
        for id_ in ids:
            _log_instead(id_, moment)
        return len(ids)
    try:
        with connect(server) as session:
            for id_ in ids:
                _deliver_one(id_, session, now or timezone.now())
    except Unreachable as error:
        _LOG.warning("mail waits: %s", error)
        _postpone_all(now or timezone.now(), str(error))
    return len(ids)


def mail_prune(*, before: datetime) -> int:
    """Remove what ended before this moment, and all but the newest of what was never sent for want of a server."""
    removed, _ = Message.objects.filter(ended_at__lt=before).delete()
    kept = Message.objects.filter(state=State.UNSET).order_by("-pk").values_list("pk", flat=True)
    oldest = list(kept[UNSET_KEPT - 1 : UNSET_KEPT])
    if oldest:
        removed += Message.objects.filter(state=State.UNSET, pk__lt=oldest[0]).delete()[0]
    return removed


def _due(moment: datetime) -> QuerySet[Message]:
    return Message.objects.filter(state=State.QUEUED, due_at__lte=moment)


def _claim(id_: int, moment: datetime) -> Message | None:
    """The mail, if it is still due and now ours for `LEASE_SECONDS`."""
    claim = uuid.uuid4().hex
    until = moment + timedelta(seconds=LEASE_SECONDS)
    taken = _due(moment).filter(pk=id_).update(due_at=until, claim=claim, attempts=F("attempts") + 1)
    return Message.objects.get(pk=id_) if taken else None


def _end(message: Message, state: State, moment: datetime, error: str = "") -> bool:
    """Whether the claim was still ours. A failed mail keeps its text, so that it can be tried again."""
    fields = {"state": state, "claim": "", "error": error[:300], "ended_at": moment}
    if state is not State.FAILED:
        fields["body"] = b""
    return bool(Message.objects.filter(pk=message.pk, claim=message.claim).update(**fields))


def _deliver_one(id_: int, session: Session, moment: datetime) -> None:
    """Raises `Unreachable`, after which the claim is given back."""
    message = _claim(id_, moment)
    if message is None:
        return
    if message.attempts > _backoff(urgent=message.urgent).tries:
        # Only claims that ran out lead here: something dies over this mail each time.
        _end(message, State.FAILED, moment, "tried too often without an end")
        return
    try:
        body = body_open(message)
        mail = message_make(
            to=message.to,
            sender=current().mail_from,
            key=message.key,
            subject=message.subject,
            text=body.text,
            html=body.html,
            at=message.created_at,
        )
    except (SealBroken, ValueError) as error:
        _end(message, State.FAILED, moment, str(error))
        return
    try:
        session.send(mail)
    except Refused as error:
        wait = None if error.for_good else _backoff(urgent=message.urgent).seconds(message.attempts)
        if wait is None:
            _LOG.warning("a mail failed: %s", error)
            _end(message, State.FAILED, moment, str(error))
        else:
            Message.objects.filter(pk=message.pk, claim=message.claim).update(
                claim="", error=str(error), due_at=moment + timedelta(seconds=wait)
            )
    except Unreachable:
        # Given back as it was; `_postpone_all` counts the try, with those of all others that wait.
        Message.objects.filter(pk=message.pk, claim=message.claim).update(
            claim="", due_at=moment, attempts=message.attempts - 1
        )
        raise
    else:
        _end(message, State.SENT, moment)


def _postpone_all(moment: datetime, error: str) -> None:
    """Nothing can be delivered: one failed try for every mail that is due, so that a long queue does not knock at a
    server that is down once for each.
    """
    due = _due(moment)
    for urgent, attempts in list(due.order_by().values_list("urgent", "attempts").distinct()):
        same = due.filter(urgent=urgent, attempts=attempts)
        wait = _backoff(urgent=urgent).seconds(attempts + 1)
        if wait is None:
            same.update(state=State.FAILED, attempts=attempts + 1, error=error[:300], ended_at=moment)
        else:
            same.update(due_at=moment + timedelta(seconds=wait), attempts=attempts + 1, error=error[:300])


def _log_instead(id_: int, moment: datetime) -> None:
    message = _claim(id_, moment)
    if message is None:
        return
    _LOG.info("mail is not set up (HOPKEY_SMTP_URL), so this was not sent: %r to %s", message.subject, message.to)
    if _LOG.isEnabledFor(logging.DEBUG):
        try:
            _LOG.debug("%s", body_open(message).masked)
        except SealBroken as error:
            _LOG.debug("%s", error)
    _end(message, State.UNSET, moment)


def _backoff(*, urgent: bool) -> Backoff:
    return URGENT if urgent else MAIL
