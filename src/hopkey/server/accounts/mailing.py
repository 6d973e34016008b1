"""Mail about accounts: the one function that sends it."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import send_mail

from hopkey.server.mail.settings import is_set_up

_OUTBOX = "hopkey.server.mail.backend.OutboxBackend"
_CONSOLE = "django.core.mail.backends.console.EmailBackend"


def mail_is_set_up() -> bool:
    """Whether mail reaches anybody."""
    return is_set_up() if settings.EMAIL_BACKEND == _OUTBOX else settings.EMAIL_BACKEND != _CONSOLE


def mail_send(*, to: str, subject: str, text: str) -> None:
    """Send a plain text to one address, before mails nobody waits for. Does nothing where no mail is set up: the log is
    no place for it.
    """
    if mail_is_set_up():
        send_mail(subject, text, None, [to])
