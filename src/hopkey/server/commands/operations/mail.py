"""`hopkey admin mail ...`."""

from __future__ import annotations

import argparse
import uuid

from django.utils import timezone

from hopkey.server.accounts.services import email_normalise
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.commands.operations.report import Report
from hopkey.server.config import current
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.exports.shapes import mail_shape
from hopkey.server.mail import services, transport
from hopkey.server.mail.rendering import render
from hopkey.server.mail.selectors import mail_page
from hopkey.server.mail.settings import smtp_server


def test(arguments: argparse.Namespace) -> Report:
    """Past the outbox, so that the answer of the mail server can be told."""
    to = email_normalise(arguments.to)
    server = smtp_server()
    if server is None:
        raise Conflict("mail_not_set_up", "Mail is not set up: set HOPKEY_SMTP_URL and HOPKEY_MAIL_FROM.")
    rendered = render("test", {"by": OPERATOR.label})
    message = transport.message_make(
        to=to,
        sender=current().mail_from,
        key=uuid.uuid4().hex,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        at=timezone.now(),
    )
    try:
        with transport.session(server) as session:
            session.send(message)
    except (transport.Unreachable, transport.Refused) as error:
        raise DomainError("mail_not_sent", f"{server.shown}: {error}.") from None
    record(Event.MAIL_TESTED, by=OPERATOR, kind="mail", label=to)
    return Report({"to": to, "server": server.shown, "sent": True}, f"{server.shown} took the mail to {to} over.")


def list_(arguments: argparse.Namespace) -> Report:
    rows = [mail_shape(message) for message in mail_page(state=arguments.state or "", limit=max(arguments.limit, 1))]
    return Report.table(rows, ("id", "state", "to", "subject", "attempts", "createdOn", "error"))


def retry(arguments: argparse.Namespace) -> Report:
    if arguments.id == "all":
        count = services.mail_retry_failed(by=OPERATOR)
        return Report({"retried": count}, f"{count} failed mails will be tried again.")
    message = services.mail_retry(message_id=_id(arguments.id), by=OPERATOR)
    return Report({"retried": 1, "id": str(message.pk)}, f"The mail to {message.to} will be tried again.")


def discard(arguments: argparse.Namespace) -> Report:
    message = services.mail_discard(message_id=_id(arguments.id), by=OPERATOR)
    return Report({"discarded": True, "id": str(message.pk)}, f"The mail to {message.to} will not be sent.")


def _id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("mail_not_found", "There is no such mail.")
    return int(text)
