"""Second factors: authenticator apps (TOTP, RFC 6238), recovery codes, passkeys; and who must have one.

The secrets are django-allauth's rows, encrypted (`hopkey.server.sealing`). What happens to them happens here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlencode

from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, validate_totp_code
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.mail.services import mail_queue

TOTP_TYPE = Authenticator.Type.TOTP.value
PASSKEY_TYPE = Authenticator.Type.WEBAUTHN.value
RECOVERY_TYPE = Authenticator.Type.RECOVERY_CODES.value
FACTORS = (TOTP_TYPE, PASSKEY_TYPE)

_REPLAY_SECONDS = 120
"""Longer than a code is taken: with one code of tolerance on each side, 90 seconds."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has. ``recovery_left``: unused recovery codes."""

    totp: Authenticator | None
    passkeys: list[Authenticator]
    recovery: Authenticator | None
    recovery_left: int

    @property
    def any(self) -> bool:
        return bool(self.totp or self.passkeys)


def factors_of(user: User) -> Factors:
    rows = list(Authenticator.objects.filter(user_id=user.pk).order_by("pk"))
    totp = next((row for row in rows if row.type == TOTP_TYPE), None)
    recovery = next((row for row in rows if row.type == RECOVERY_TYPE), None)
    left = len(recovery.wrap().get_unused_codes()) if recovery else 0
    return Factors(totp, [row for row in rows if row.type == PASSKEY_TYPE], recovery, left)


def factor_is_missing(user: User) -> bool:
    """Whether this account must have a second factor (``HOPKEY_REQUIRE_SECOND_FACTOR``) and has none."""
    return factor_is_required(user) and not Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists()


def factor_is_required(user: User) -> bool:
    required = current().require_second_factor
    return required == "everybody" or (required == "administrators" and user.is_administrator)


def totp_secret_make() -> str:
    """A fresh secret of 160 bits in Base32, for an authenticator app."""
    return str(generate_totp_secret())


def totp_uri(*, user: User, secret: str, site: str) -> str:
    """What the app reads from the QR code (the Key URI format of Google Authenticator)."""
    issuer = f"Hopkey ({site})"
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{user.email}')}?{query}"


def totp_enable(*, user: User, secret: str, code: str, by: Actor) -> list[str] | None:
    """Take the app as a second factor once it shows the right code; new recovery codes, if there were none.

    Raises `DomainError` (``code_wrong``, ``too_many_attempts``) or `Conflict` (``totp_exists``).
    """
    clear = _attempt(user)
    if not validate_totp_code(secret, code):
        raise DomainError("code_wrong", "This code is not right. Enter the six digits the app shows now.", field="code")
    clear()
    with transaction.atomic(durable=True):
        factors_lock(user)
        if Authenticator.objects.filter(user_id=user.pk, type=TOTP_TYPE).exists():
            raise Conflict("totp_exists", "There is an authenticator app already: remove it first.")
        # The code that turned it on has counted: it signs nobody in.
        _first_use(TOTP.activate(user, secret).instance, code)
        record(Event.USER_TOTP_ADDED, by=by, kind="user", id=user.pk, label=user.email)
        codes = recovery_codes_ensure(user=user, by=by)
        text = "An authenticator app is now asked for when you sign in."
        factor_change_tell(user, by, "An authenticator app was added", text)
    return codes


def totp_disable(*, user: User, by: Actor) -> None:
    """Raises `NotFound` (``factor_not_found``) or `Conflict` (``second_factor_required``)."""
    with transaction.atomic(durable=True):
        factors_lock(user)
        row = Authenticator.objects.filter(user_id=user.pk, type=TOTP_TYPE).first()
        if row is None:
            raise NotFound("factor_not_found", "There is no authenticator app.")
        factor_remove_row(user=user, row=row)
        record(Event.USER_TOTP_REMOVED, by=by, kind="user", id=user.pk, label=user.email)
        text = "The authenticator app is no longer asked for."
        factor_change_tell(user, by, "The authenticator app was removed", text)


def recovery_codes_ensure(*, user: User, by: Actor) -> list[str] | None:
    """Recovery codes for whoever has none yet, in the caller's transaction; None where there are some."""
    if Authenticator.objects.filter(user_id=user.pk, type=RECOVERY_TYPE).exists():
        return None
    return _recovery_codes_make(user, by)


def recovery_codes_renew(*, user: User, by: Actor) -> list[str]:
    """New recovery codes; the old ones end. Raises `Conflict` (``factor_missing``)."""
    with transaction.atomic(durable=True):
        factors_lock(user)
        if not Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists():
            raise Conflict("factor_missing", "Recovery codes stand in for a second factor: add one first.")
        Authenticator.objects.filter(user_id=user.pk, type=RECOVERY_TYPE).delete()
        codes = _recovery_codes_make(user, by)
        text = "New recovery codes were made; the earlier ones do not work any more."
        factor_change_tell(user, by, "New recovery codes were made", text)
    return codes


def code_check(*, user: User, code: str, by: Actor) -> Authenticator:
    """The authenticator app or the recovery codes this code belongs to; each code counts once.

    Raises `DomainError` (``code_wrong``, ``too_many_attempts``).
    """
    clear = _attempt(user)
    code = code.strip()[:40]
    with transaction.atomic(durable=True):
        rows = Authenticator.objects.filter(user_id=user.pk, type__in=(TOTP_TYPE, RECOVERY_TYPE)).order_by("-type")
        row = next((row for row in rows if row.wrap().validate_code(code) and _first_use(row, code)), None)
        if row is not None:
            Authenticator.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
        if row is not None and row.type == RECOVERY_TYPE:
            left = factors_of(user).recovery_left
            detail = {"left": left}
            record(Event.USER_RECOVERY_CODE_USED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
            text = f"A recovery code was used in place of your second factor. {left} are left."
            factor_change_tell(user, by, "A recovery code was used", text)
    if row is None:
        raise DomainError("code_wrong", "This code is not right, or was used already.", field="code")
    clear()
    return row


def factors_remove_all(*, user: User, by: Actor) -> int:
    """Take every second factor from an account whose holder lost them; how many. An operator or administrator acts."""
    with transaction.atomic(durable=True):
        factors_lock(user)
        rows = Authenticator.objects.filter(user_id=user.pk)
        count = rows.filter(type__in=FACTORS).count()
        rows.delete()
        detail = {"factors": count}
        record(Event.USER_FACTORS_REMOVED, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
        text = f"{by.label} removed the second factors of your account."
        factor_change_tell(user, by, "Your second factors were removed", text)
    return int(count)


def factor_remove_row(*, user: User, row: Authenticator) -> None:
    """Remove one factor in the caller's transaction, and with the last one the recovery codes.

    Raises `Conflict` (``second_factor_required``).
    """
    others = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exclude(pk=row.pk).exists()
    if not others and factor_is_required(user):
        raise Conflict("second_factor_required", "This server asks for a second factor: add another one first.")
    row.delete()
    if not others:
        Authenticator.objects.filter(user_id=user.pk, type=RECOVERY_TYPE).delete()


def recovery_codes_words(codes: list[str]) -> list[str]:
    """In two groups, as people read them; the dash may be left out."""
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _recovery_codes_make(user: User, by: Actor) -> list[str]:
    made = RecoveryCodes.activate(user)
    record(Event.USER_RECOVERY_CODES_MADE, by=by, kind="user", id=user.pk, label=user.email)
    return recovery_codes_words(made.generate_codes())


def _first_use(row: Authenticator, code: str) -> bool:
    """Recovery codes mark themselves; a code of an app is remembered for as long as it would be taken again."""
    if row.type != TOTP_TYPE:
        return True
    digits = "".join(character for character in code if character.isalnum())
    digest = hashlib.sha256(f"{row.pk}:{digits}".encode()).hexdigest()
    return cache.add(f"totp-used:{digest}", 1, _REPLAY_SECONDS)


def _attempt(user: User) -> Callable[[], None]:
    """Count an attempt; what it returns takes it back, for a right one."""
    try:
        return cast("Callable[[], None]", check_rate_limit(user))
    except ValidationError:
        raise too_many() from None


def too_many() -> DomainError:
    return DomainError("too_many_attempts", "Too many wrong attempts. Wait five minutes, then try again.", status=429)


def factors_lock(user: User) -> None:
    """What happens to the factors of one account happens one after another."""
    User.objects.select_for_update().get(pk=user.pk)


def factor_change_tell(user: User, by: Actor, title: str, text: str) -> None:
    """Tell the holder of an account by mail what happened to its ways in, in the caller's transaction."""
    context = {"title": title, "name": user.name, "text": text, "address": by.address}
    mail_queue(to=user.email, template="security", context=context)
