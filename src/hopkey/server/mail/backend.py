"""Django's way of sending mail, for libraries: into the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from hopkey.server.mail.services import mail_queue_text


class OutboxBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        count = 0
        for message in email_messages:
            html = ""
            if isinstance(message, EmailMultiAlternatives):
                html = next((str(part[0]) for part in message.alternatives if part[1] == "text/html"), "")
            for to in message.recipients():
                mail_queue_text(to=to, subject=str(message.subject), text=str(message.body), html=html)
                count += 1
        return count
