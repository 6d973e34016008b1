"""Passkeys (WebAuthn Level 2): registering, signing in with one, and using one as a second factor.

The rows are django-allauth's. A passkey always proves two things, that it is there and that its holder unlocked it.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from hopkey.server.accounts.factors import (
    PASSKEY_TYPE,
    factor_change_tell,
    factor_remove_row,
    factors_lock,
    recovery_codes_ensure,
)
from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.nul import holds_unfit

PASSKEYS_PER_ACCOUNT = 20
_REQUIRED = UserVerificationRequirement.REQUIRED
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, AssertionError, RuntimeError, struct.error)
"""What the parsers raise of bytes that no authenticator made: cut off, nested without end, of an unknown algorithm."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where passkeys are used: the host they belong to, and the one origin whose pages may ask for them."""

    host: str
    origin: str


def registration_begin(*, user: User, place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options for the browser, and the state to keep until it answers."""
    options, state = _server(place).register_begin(
        user=PublicKeyCredentialUserEntity(id=user.pk.encode(), name=user.email, display_name=user.name),
        credentials=[data for _, data in _credentials(user)],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_REQUIRED,
        extensions={"credProps": True},
    )
    return dict(options), _kept(state)


def passkey_add(
    *, user: User, name: str, credential: str, state: dict[str, Any], place: Place, by: Actor
) -> list[str] | None:
    """Keep the passkey the browser made; new recovery codes, if there were none.

    Raises `DomainError` (``passkey_invalid``) or `Conflict` (``too_many_passkeys``).
    """
    given = _read(credential)
    try:
        data = _server(place).register_complete(state, given).credential_data
        identity = RegistrationResponse.from_dict(given).raw_id
    except _MALFORMED:
        raise _invalid() from None
    if data is None or identity != data.credential_id:
        raise _invalid()
    name = " ".join(name.split())[:60] or "Passkey"
    with transaction.atomic(durable=True):
        factors_lock(user)
        known = _credentials(user)
        if len(known) >= PASSKEYS_PER_ACCOUNT:
            raise Conflict("too_many_passkeys", f"An account has at most {PASSKEYS_PER_ACCOUNT} passkeys.")
        if any(other.credential_id == data.credential_id for _, other in known):
            raise _invalid()
        Authenticator.objects.create(user=user, type=PASSKEY_TYPE, data={"name": name, "credential": given})
        record(Event.USER_PASSKEY_ADDED, by=by, kind="user", id=user.pk, label=user.email, detail={"name": name})
        codes = recovery_codes_ensure(user=user, by=by)
        text = f"The passkey “{name}” can now sign in to your account."
        factor_change_tell(user, by, "A passkey was added", text)
    return codes


def passkey_remove(*, user: User, passkey_id: int, by: Actor) -> str:
    """Its name. Raises `NotFound` (``factor_not_found``) or `Conflict` (``second_factor_required``)."""
    with transaction.atomic(durable=True):
        factors_lock(user)
        row = Authenticator.objects.filter(user_id=user.pk, type=PASSKEY_TYPE, pk=passkey_id).first()
        if row is None:
            raise NotFound("factor_not_found", "This passkey has been removed already.")
        name = str(row.data.get("name", ""))
        factor_remove_row(user=user, row=row)
        record(Event.USER_PASSKEY_REMOVED, by=by, kind="user", id=user.pk, label=user.email, detail={"name": name})
        text = f"The passkey “{name}” does not sign in to your account any more."
        factor_change_tell(user, by, "A passkey was removed", text)
    return name


def authentication_begin(*, user: User | None, place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options for the browser, and the state to keep; without `user`, whatever passkey the person chooses."""
    options, state = _server(place).authenticate_begin(
        credentials=[data for _, data in _credentials(user)] if user else [], user_verification=_REQUIRED
    )
    return dict(options), _kept(state)


def passkey_check(
    *, user: User | None, credential: str, state: dict[str, Any], place: Place
) -> tuple[User, Authenticator]:
    """Whose passkey it is. Raises `DomainError` (``passkey_invalid``), for deactivated accounts alike."""
    given = _read(credential)
    try:
        answer = AuthenticationResponse.from_dict(given)
        owner = user or _owner(given)
        known = _credentials(owner)
        found = _server(place).authenticate_complete(state, [data for _, data in known], answer)
        counter = answer.response.authenticator_data.counter
    except _MALFORMED:
        raise _invalid() from None
    row = next(row for row, data in known if data.credential_id == found.credential_id)
    _count(row, counter)
    if not owner.is_active:
        raise _invalid()
    return owner, row


def _count(row: Authenticator, counter: int) -> None:
    """Refuse a copy: where an authenticator counts, its count only grows (WebAuthn Level 2, section 6.1.1)."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=row.pk)
        before = int(row.data.get("counter", 0))
        if (counter or before) and counter <= before:
            raise _invalid()
        row.data["counter"] = counter
        row.last_used_at = timezone.now()
        row.save(update_fields=["data", "last_used_at"])


def _owner(given: dict[str, Any]) -> User:
    """The account that the passkey names. Raises `ValueError`."""
    handle = given["response"]["userHandle"]
    owner = User.objects.filter(pk=websafe_decode(handle).decode("ascii")).first()
    if owner is None:
        raise ValueError("unknown account")
    return owner


def _credentials(user: User) -> list[tuple[Authenticator, AttestedCredentialData]]:
    result = []
    for row in Authenticator.objects.filter(user_id=user.pk, type=PASSKEY_TYPE).order_by("pk"):
        data = RegistrationResponse.from_dict(row.data["credential"]).response.attestation_object.auth_data
        if data.credential_data is not None:
            result.append((row, data.credential_data))
    return result


def _server(place: Place) -> Fido2Server:
    party = PublicKeyCredentialRpEntity(id=place.host, name="Hopkey")
    return Fido2Server(party, verify_origin=lambda origin: origin == place.origin)


def _kept(state: Any) -> dict[str, Any]:
    return {"challenge": str(state["challenge"]), "user_verification": _REQUIRED.value}


def _read(credential: str) -> dict[str, Any]:
    try:
        given = json.loads(credential) if len(credential) < 50_000 else None
        json.dumps(given, allow_nan=False)  # it is kept as JSON, in which there is no NaN
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or holds_unfit(given):
        raise _invalid()
    return given


def _invalid() -> DomainError:
    return DomainError("passkey_invalid", "This passkey was not taken. Try again, or use another way.")
