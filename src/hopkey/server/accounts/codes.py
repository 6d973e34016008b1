"""Codes by mail: eight digits that work once, for ten minutes, in the browser that asked for them.

The session keeps a keyed hash, never the code. Nobody learns whether an address has an account.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from hopkey.server.accounts.limits import attempt
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import Conflict, DomainError
from hopkey.server.mail.services import mail_queue
from hopkey.server.mail.settings import is_set_up

CODE_MINUTES = 10
_KEY = "mailed_code"


@dataclass(frozen=True, slots=True)
class Pending:
    """A code that was asked for: what for (``sign-in``, ``confirm``, ``prove``, ``sign-up``), for which address."""

    purpose: str
    email: str
    data: dict[str, Any]


def code_send(
    *, request: HttpRequest, purpose: str, email: str, wanted: bool, text: str = "", data: dict[str, Any] | None = None
) -> None:
    """Mail a code, if it is `wanted`, else `text` (or nothing): the person sees no difference.

    Raises `Conflict` (``mail_not_set_up``) or `DomainError` (``too_many_attempts``).
    """
    if not is_set_up():
        raise Conflict("mail_not_set_up", "This server sends no mail yet: use another way, or ask its administrator.")
    attempt(request, "request_login_code", key=email.lower(), wait="a while")
    code = f"{secrets.randbelow(10**8):08d}"
    nonce = secrets.token_hex(8)
    request.session[_KEY] = {
        "purpose": purpose,
        "email": email,
        "nonce": nonce,
        "hash": _hash(nonce, code) if wanted else "",
        "at": time.time(),
        "data": data or {},
    }
    useless_at = timezone.now() + timedelta(minutes=CODE_MINUTES)
    if wanted:
        # The code is in no subject: administrators see the subjects of mails.
        context = {"code": f"{code[:4]}-{code[4:]}", "minutes": CODE_MINUTES}
        mail_queue(to=email, template="code", context=context, secrets=("code",), urgent=True, useless_at=useless_at)
    elif text:
        mail_queue(to=email, template="code_not_sent", context={"text": text}, urgent=True, useless_at=useless_at)


def code_pending(session: SessionBase, purpose: str) -> Pending | None:
    """The code that is waited for, unless it is too old."""
    kept = session.get(_KEY)
    if not isinstance(kept, dict) or kept.get("purpose") != purpose:
        return None
    if not 0 <= time.time() - kept["at"] < CODE_MINUTES * 60:
        return None
    return Pending(purpose, kept["email"], kept["data"])


def code_take(*, request: HttpRequest, purpose: str, code: str) -> Pending:
    """What the code was asked for; it works no second time.

    Raises `DomainError` (``code_expired``, ``code_wrong``, ``too_many_attempts``).
    """
    pending = code_pending(request.session, purpose)
    if pending is None:
        raise DomainError("code_expired", "This code is too old. Ask for a new one.")
    kept = request.session[_KEY]
    try:
        attempt(request, "mailed_code", key=kept["nonce"])
    except DomainError:
        del request.session[_KEY]
        raise DomainError("too_many_attempts", "Too many wrong attempts. Ask for a new code.", status=429) from None
    digits = "".join(character for character in code if character.isdigit())[:20]
    if not kept["hash"] or not hmac.compare_digest(kept["hash"], _hash(kept["nonce"], digits)):
        raise DomainError("code_wrong", "This code is not right.", field="code")
    del request.session[_KEY]
    return pending


def code_forget(session: SessionBase) -> None:
    session.pop(_KEY, None)


def email_prove(*, user: User, by: Actor) -> None:
    """Remember that the address of `user` is theirs, in the caller's transaction."""
    if user.email_proven_at is None:
        user.email_proven_at = timezone.now()
        user.save(update_fields=["email_proven_at"])
        record(Event.USER_EMAIL_PROVEN, by=by, kind="user", id=user.pk, label=user.email)


def _hash(nonce: str, code: str) -> str:
    return salted_hmac("hopkey.accounts.codes", f"{nonce}:{code}", algorithm="sha256").hexdigest()
