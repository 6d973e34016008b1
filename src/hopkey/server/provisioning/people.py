"""People as the identity provider has them: provided, changed, withdrawn."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.accounts.services import (
    credentials_forget,
    email_normalise,
    last_administrator_keep,
    name_normalise,
    user_create_row,
    user_email_set_row,
)
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.automation.services import automation_tokens_delete_of
from hopkey.server.errors import Conflict, DomainError, Forbidden
from hopkey.server.people.services import administrators_lock, person_active_set_row
from hopkey.server.provisioning.groups import groups_leave_rows
from hopkey.server.provisioning.models import Provisioned, ProvisionedAddress
from hopkey.server.tokens.services import tokens_delete_of
from hopkey.server.workspaces.selectors import team_list_for
from hopkey.server.workspaces.services import personal_workspace_create, teams_with_sole_owner
from hopkey.server.workspaces.standing import members_set_rows

ADDRESSES = 20
_LENGTHS = {"external_id": 200, "display_name": 200, "given_name": 100, "family_name": 100, "formatted": 200}


@dataclass(frozen=True, slots=True)
class Address:
    value: str
    kind: str = ""
    primary: bool | None = None


@dataclass(frozen=True, slots=True)
class PersonState:
    """A person as the provider wants them. ``email`` is the address they sign in with; ``display_name`` is what is
    shown, empty: put together from the parts; ``active`` None: as it is, and active for somebody new.
    """

    email: str
    display_name: str = ""
    given_name: str = ""
    family_name: str = ""
    formatted: str = ""
    external_id: str = ""
    active: bool | None = None
    addresses: tuple[Address, ...] = ()

    def shown_name(self) -> str:
        parts = f"{self.given_name} {self.family_name}".strip()
        return " ".join((self.display_name or self.formatted or parts or self.email.partition("@")[0]).split())[:100]


def person_provide(*, state: PersonState, by: Actor) -> User:
    """An account for somebody, who has no password: they come by the identity provider, or by a link.

    Somebody the provider had withdrawn comes back to the old account. Raises `DomainError` (``email_invalid``,
    ``name_invalid``, ``field_invalid``) or `Conflict` (``email_taken``).
    """
    _check(state)
    email = email_normalise(state.email)
    with transaction.atomic(durable=True):
        known = User.objects.select_for_update().filter(email=email).first()
        if known is not None:
            if known.is_active or not Provisioned.objects.filter(user=known, withdrawn_at__isnull=False).exists():
                raise Conflict("email_taken", "There is already an account with this e-mail address.", field="email")
            user = known
            _name_set(user, state.shown_name(), by)
            if state.active is not False:
                person_active_set_row(user=user, active=True, by=by)
        else:
            user = user_create_row(email=email, name=state.shown_name(), password=None, is_administrator=False, by=by)
            personal_workspace_create(user)
            if state.active is False:
                person_active_set_row(user=user, active=False, by=by)
        _keep(user, state)
    user.refresh_from_db()
    return user


def person_change(*, user: User, state: PersonState, by: Actor, may_rename_administrators: bool) -> User:
    """Make an account what the provider wants, all or nothing. ``active`` False ends every session and refuses every
    token of this person at once.

    Raises as `person_provide` does, and `Conflict` (``last_administrator``) or `Forbidden`
    (``administrator_protected``): who may change an administrator's address could sign in as one.
    """
    _check(state)
    with transaction.atomic(durable=True):
        if state.active is False:
            administrators_lock()
        user = User.objects.select_for_update().get(pk=user.pk)
        email = email_normalise(state.email)
        if email != user.email and user.is_administrator and not may_rename_administrators:
            raise Forbidden(
                "administrator_protected", "Only a token with full access changes the address of an administrator."
            )
        user_email_set_row(user=user, email=email, by=by)
        _name_set(user, state.shown_name(), by)
        if state.active is not None and state.active != user.is_active:
            person_active_set_row(user=user, active=state.active, by=by)
        _keep(user, state)
    user.refresh_from_db()
    return user


def person_withdraw(*, user: User, by: Actor) -> None:
    """The provider has deleted this person: nothing of theirs opens anything any more, whatever comes.

    The account is deactivated, is no administrator's, and has no way to sign in; its tokens are deleted; it leaves its
    groups and every team that has another owner. Account, personal workspace and teams remain, for an administrator
    to delete: a mistake in the provider destroys no work. Raises `Conflict` (``last_administrator``).
    """
    with transaction.atomic(durable=True):
        administrators_lock()
        user = User.objects.select_for_update().get(pk=user.pk)
        last_administrator_keep(user)
        if user.is_administrator:
            user.is_administrator = False
            user.save(update_fields=["is_administrator"])
            detail = {"administrator": False}
            record(Event.USER_ADMINISTRATOR_SET, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
        person_active_set_row(user=user, active=False, by=by)
        credentials_forget(user)
        reason = "withdrawn by the identity provider"
        tokens = tokens_delete_of(user, by=by, reason=reason)
        automation_tokens_delete_of(user, by=by, reason=reason)
        owned = teams_with_sole_owner(user)
        groups_leave_rows(user=user, keep=owned, by=by)
        for team in team_list_for(user).exclude(pk__in=[team.pk for team in owned]):
            members_set_rows(team=team, roles={user.pk: None}, by=by)
        row, _ = Provisioned.objects.get_or_create(user=user)
        row.withdrawn_at = row.changed_at = timezone.now()
        row.save(update_fields=["withdrawn_at", "changed_at"])
        left = {"tokens": tokens, "owns": [team.name for team in owned]}
        record(Event.USER_WITHDRAWN, by=by, kind="user", id=user.pk, label=user.email, detail=left)


def _name_set(user: User, name: str, by: Actor) -> None:
    name = name_normalise(name)
    if name != user.name:
        user.name = name
        user.save(update_fields=["name"])
        record(Event.USER_CHANGED, by=by, kind="user", id=user.pk, label=user.email, detail={"name": name})


def _keep(user: User, state: PersonState) -> None:
    """Keep what the provider said, as it said it."""
    row, _ = Provisioned.objects.update_or_create(
        user=user,
        defaults={
            **{name: getattr(state, name) for name in _LENGTHS},
            "changed_at": timezone.now(),
            "withdrawn_at": None,
        },
    )
    wanted = [(item.value, item.kind, item.primary) for item in state.addresses]
    if wanted != list(row.addresses.values_list("value", "kind", "primary")):
        row.addresses.all().delete()
        ProvisionedAddress.objects.bulk_create(
            [ProvisionedAddress(person=row, value=value, kind=kind, primary=primary) for value, kind, primary in wanted]
        )


def _check(state: PersonState) -> None:
    """What the database could not keep is refused, not cut off."""
    for name, length in _LENGTHS.items():
        value = getattr(state, name)
        if len(value) > length or "\0" in value:
            raise DomainError("field_invalid", f"{name} has at most {length} characters.", field=name)
    if len(state.addresses) > ADDRESSES:
        raise DomainError("field_invalid", f"At most {ADDRESSES} e-mail addresses.", field="emails")
    for item in state.addresses:
        if len(item.value) > 254 or len(item.kind) > 40 or "\0" in item.value + item.kind:
            raise DomainError("field_invalid", "An e-mail address has at most 254 characters.", field="emails")
