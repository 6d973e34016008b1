"""Handing mail to an SMTP server (RFC 5321)."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr

from hopkey.server.smtp_url import SmtpServer

TIMEOUT_SECONDS = 10.0


class Unreachable(Exception):
    """The server cannot be used at all now: no connection, no TLS, or it does not let us in. No mail is at fault."""


class Refused(Exception):
    """The server refused this mail. ``for_good``: trying again is of no use (a 5xx answer)."""

    def __init__(self, message: str, *, for_good: bool) -> None:
        super().__init__(message)
        self.for_good = for_good


class Session:
    """A connection that may carry several mails."""

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client

    def send(self, message: EmailMessage) -> None:
        """Returns once the server has taken the mail over. Raises `Refused` or `Unreachable`."""
        try:
            self._client.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise Refused(_said(code, text), for_good=code >= 500) from None
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise Refused(_said(error.smtp_code, error.smtp_error), for_good=error.smtp_code >= 500) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Refused(str(error), for_good=True) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(_explained(error)) from None


@contextmanager
def session(server: SmtpServer) -> Iterator[Session]:
    """Connect, protect the connection and sign in. Raises `Unreachable`."""
    try:
        client = _connect(server)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise Unreachable(_explained(error)) from None
    try:
        yield Session(client)
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()


def _connect(server: SmtpServer) -> smtplib.SMTP:
    context = None if server.tls == "none" else ssl.create_default_context(cafile=server.ca or None)
    if server.tls == "direct":
        client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
    try:
        client.ehlo()
        if server.tls == "starttls":
            # Never without: whoever sits in between could take the offer away.
            client.starttls(context=context)
            client.ehlo()
        if server.user:
            _sign_in(client, server)
    except BaseException:
        client.close()
        raise
    return client


def _sign_in(client: smtplib.SMTP, server: SmtpServer) -> None:
    try:
        client.login(server.user, server.password)
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPServerDisconnected):
        # Some servers hang up after the second mechanism with the same wrong password.
        raise Unreachable("the mail server does not accept user and password") from None


def message_make(*, to: str, sender: str, key: str, subject: str, text: str, html: str, at: datetime) -> EmailMessage:
    """A mail with a text and an HTML part. Headers cannot be slipped in: line ends in them are an error."""
    name, address = parseaddr(sender)
    message = EmailMessage()
    message["From"] = formataddr((name, address))
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{key}@{address.rpartition('@')[2]}>"
    # Out-of-office answers and loops are not wanted (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def _said(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"the mail server answered {code} {' '.join(said.split())}"[:300]


def _explained(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"the mail server lacks what HOPKEY_SMTP_URL asks for: {error}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the mail server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "TLS with the mail server did not work: is it smtps:// (port 465) or smtp:// (port 587)?"
    if isinstance(error, TimeoutError):
        return "the mail server did not answer in time"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the mail server closed the connection"
    if isinstance(error, OSError):
        return f"the mail server cannot be reached: {error.strerror or error}"[:300]
    return f"the mail server cannot be used: {type(error).__name__}"
