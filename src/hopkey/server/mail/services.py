"""Writing mails into the outbox, and what administrators do with those in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import Conflict, NotFound
from hopkey.server.mail.models import Message, State
from hopkey.server.mail.rendering import Rendered, one_line, render
from hopkey.server.mail.selectors import mail_count_lately
from hopkey.server.sealing import seal

_PURPOSE = "mail"
RETRY_AT_ONCE = 1000
INVITATIONS_A_DAY = 5


def mail_queue(
    *,
    to: str,
    template: str,
    context: Mapping[str, Any],
    secrets: Sequence[str] = (),
    urgent: bool = False,
    useless_at: datetime | None = None,
) -> Message:
    """Write a mail in the caller's transaction: it is sent if that commits, and only then.

    `template` names ``mail/NAME.txt`` and ``mail/NAME.html``. `secrets` names the values of `context` that nobody but
    the addressee may see: links, codes. `urgent`: somebody waits for it; it goes before others and is tried again
    sooner. `useless_at`: it is not sent after that, as when its link has expired.

    Where mail is not set up it goes to the log, without its secrets, and is kept without its text.
    """
    rendered = render(template, context, secrets=tuple(secrets))
    return _queue(to, template, rendered, urgent=urgent, useless_at=useless_at)


def mails_queue(*, template: str, letters: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
    """As `mail_queue` for many addressees (address, context) at once; how many."""
    made = [_message(to, template, render(template, context, secrets=())) for to, context in letters]
    Message.objects.bulk_create(made, batch_size=500)
    return len(made)


def mail_invite(*, to: str, template: str, context: Mapping[str, Any], useless_at: datetime) -> Message | None:
    """`mail_queue` for an invitation, to somebody who may not know us: `INVITATIONS_A_DAY` to one address, then none,
    so that nobody can be pestered by inviting them again and again. ``link`` is the secret of its context.
    """
    if mail_count_lately(to=to, template=template) >= INVITATIONS_A_DAY:
        return None
    return mail_queue(to=to, template=template, context=context, secrets=("link",), useless_at=useless_at)


def mail_queue_text(*, to: str, subject: str, text: str, html: str = "") -> Message:
    """As `mail_queue`, for texts that a library wrote. All of the text counts as secret."""
    rendered = Rendered(one_line(subject), text, html, secrets=(text,))
    return _queue(to, "text", rendered, urgent=True, useless_at=None)


def _queue(to: str, template: str, rendered: Rendered, *, urgent: bool, useless_at: datetime | None) -> Message:
    message = _message(to, template, rendered, urgent=urgent, useless_at=useless_at)
    message.save(force_insert=True)
    return message


def _message(
    to: str, template: str, rendered: Rendered, *, urgent: bool = False, useless_at: datetime | None = None
) -> Message:
    key = uuid.uuid4().hex
    now = timezone.now()
    return Message(
        key=key,
        to=to,
        template=template,
        subject=rendered.subject,
        body=body_seal(key, rendered),
        urgent=urgent,
        created_at=now,
        due_at=now,
        useless_at=useless_at,
    )


def body_seal(key: str, rendered: Rendered) -> bytes:
    data = {"text": rendered.text, "html": rendered.html, "secrets": list(rendered.secrets)}
    return seal(json.dumps(data).encode(), purpose=_PURPOSE, place=key)


def mail_retry(*, message_id: int, by: Actor) -> Message:
    """Try a failed mail again, as if for the first time. Raises `NotFound` or `Conflict` (``mail_not_failed``)."""
    with transaction.atomic(durable=True):
        message = _get(message_id)
        if message.state != State.FAILED:
            raise Conflict("mail_not_failed", "Only a mail that failed can be tried again.")
        _again([message])
        record(Event.MAIL_RETRIED, by=by, kind="mail", id=str(message.pk), label=message.to)
    return message


def mail_retry_failed(*, by: Actor) -> int:
    """Try the failed mails again, at most `RETRY_AT_ONCE`, oldest first; how many."""
    with transaction.atomic(durable=True):
        failed = Message.objects.select_for_update().filter(state=State.FAILED).order_by("pk")
        messages = list(failed[:RETRY_AT_ONCE])
        _again(messages)
        if messages:
            record(Event.MAIL_RETRIED, by=by, kind="mail", label="failed mails", detail={"count": len(messages)})
    return len(messages)


def mail_discard(*, message_id: int, by: Actor) -> Message:
    """Never send this mail. Raises `NotFound`, or `Conflict` (``mail_ended``) for one that was sent or discarded."""
    with transaction.atomic(durable=True):
        message = _get(message_id)
        if message.state not in (State.QUEUED, State.FAILED):
            raise Conflict("mail_ended", "This mail was sent or discarded already.")
        message.state, message.body, message.claim, message.ended_at = State.DISCARDED, b"", "", timezone.now()
        message.save(update_fields=["state", "body", "claim", "ended_at"])
        record(Event.MAIL_DISCARDED, by=by, kind="mail", id=str(message.pk), label=message.to)
    return message


def mail_test(*, to: str, by: Actor) -> Message:
    """Queue a test mail."""
    with transaction.atomic(durable=True):
        message = mail_queue(to=to, template="test", context={"by": by.label}, urgent=True)
        record(Event.MAIL_TESTED, by=by, kind="mail", id=str(message.pk), label=to)
    return message


def _get(message_id: int) -> Message:
    message = Message.objects.select_for_update().filter(pk=message_id).first()
    if message is None:
        raise NotFound("mail_not_found", "There is no such mail.")
    return message


def _again(messages: Sequence[Message]) -> None:
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        state=State.QUEUED, attempts=0, error="", claim="", due_at=timezone.now(), ended_at=None
    )
