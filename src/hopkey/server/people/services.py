"""People coming and going: what touches an account, its teams and its tokens together."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from hopkey.server.accounts import links
from hopkey.server.accounts.factors import factors_remove_all
from hopkey.server.accounts.models import User
from hopkey.server.accounts.services import (
    email_normalise,
    last_administrator_keep,
    sessions_end,
    user_active_set,
    user_create_row,
)
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.automation.services import automation_tokens_delete_of
from hopkey.server.errors import Conflict, DomainError
from hopkey.server.people.admission import admission_check
from hopkey.server.tokens.services import tokens_delete_of
from hopkey.server.workspaces.invitations import invitation_accept_row, invitation_get
from hopkey.server.workspaces.models import Workspace
from hopkey.server.workspaces.services import (
    owner_make_row,
    personal_workspace_create,
    team_delete_row,
    teams_owned_lock,
    teams_with_sole_owner,
)


def person_create(*, email: str, name: str, password: str | None, is_administrator: bool = False, by: Actor) -> User:
    """An account with its personal workspace. Raises `DomainError` as `user_create_row` does."""
    with transaction.atomic(durable=True):
        user = user_create_row(email=email, name=name, password=password, is_administrator=is_administrator, by=by)
        personal_workspace_create(user)
    return user


def person_create_first(*, secret: str, email: str, name: str, password: str | None, by: Actor) -> User:
    """The first administrator, by the set-up link. Raises `DomainError` for a bad link, e-mail, name or password."""
    with transaction.atomic(durable=True):
        user = links.setup_link_redeem(secret=secret, email=email, name=name, password=password, by=by)
        personal_workspace_create(user)
    return user


def person_create_invited(*, secret: str, email: str, name: str, password: str, by: Actor) -> tuple[User, Workspace]:
    """A new account by an invitation, and the team it joined. Raises `DomainError`."""
    with transaction.atomic(durable=True):
        invitation = invitation_get(secret)
        email = email_normalise(email)
        if invitation.email and invitation.email != email:
            raise DomainError("invitation_for_other", "This invitation is for another e-mail address.", field="email")
        admission_check(email=email, invited=True)
        # Whoever has the link typed the address: nothing shows yet that it is theirs (docs/identity.md).
        user = user_create_row(email=email, name=name, password=password, is_administrator=False, proven=False, by=by)
        personal_workspace_create(user)
        team = invitation_accept_row(secret=secret, user=user, by=Actor(user.pk, user.email, by.address, by.agent))
    return user, team


def person_create_by_invite(*, secret: str, name: str, password: str | None, by: Actor) -> User:
    """The account somebody was invited to have. Raises `DomainError` for a bad link, name or password."""
    with transaction.atomic(durable=True):
        user = links.invite_redeem(secret=secret, name=name, password=password, by=by)
        personal_workspace_create(user)
    return user


def person_deactivate(*, user: User, by: Actor) -> None:
    """End all sessions and refuse all tokens of this person at once. Nothing is lost.

    Raises `Conflict` (``last_administrator``).
    """
    with transaction.atomic(durable=True):
        person_active_set_row(user=user, active=False, by=by)


def person_reactivate(*, user: User, by: Actor) -> None:
    """Let a deactivated person in again; tokens that have not expired work again."""
    with transaction.atomic(durable=True):
        person_active_set_row(user=user, active=True, by=by)


def person_active_set_row(*, user: User, active: bool, by: Actor) -> None:
    """`person_deactivate` or `person_reactivate` in the caller's transaction."""
    if not active:
        administrators_lock()
    user = User.objects.select_for_update().get(pk=user.pk)
    if not active:
        last_administrator_keep(user)
    user_active_set(user=user, active=active, by=by)


def person_administrator_set(*, user: User, administrator: bool, by: Actor) -> None:
    """Make somebody an administrator of this server, or no longer. Raises `Conflict` (``last_administrator``)."""
    with transaction.atomic(durable=True):
        administrators_lock()
        user = User.objects.select_for_update().get(pk=user.pk)
        if user.is_administrator == administrator:
            return
        if not administrator:
            last_administrator_keep(user)
        user.is_administrator = administrator
        user.save(update_fields=["is_administrator"])
        detail = {"administrator": administrator}
        record(Event.USER_ADMINISTRATOR_SET, by=by, kind="user", id=user.pk, label=user.email, detail=detail)


def person_sign_out(*, user: User, by: Actor) -> int:
    """End every session of this person, on every device; the number ended. Tokens go on working."""
    with transaction.atomic(durable=True):
        ended = sessions_end(user)
        detail = {"sessions": ended}
        record(Event.USER_SIGNED_OUT, by=by, kind="user", id=user.pk, label=user.email, detail=detail)
    return ended


def administrators_lock() -> None:
    """Administrators go one after another: two cannot remove each other at once."""
    list(User.objects.select_for_update().filter(is_administrator=True).order_by("pk").values_list("pk"))


DELETE_TEAM = ""
"""In place of a successor: the team goes with its only owner."""


def person_delete(*, user: User, by: Actor, successors: Mapping[str, str] | None = None) -> int:
    """Delete an account with its tokens and its personal workspace; the number of tokens deleted.

    `successors`: of teams of which this person is the only owner, by team id, who owns it from now on (an account's
    id), or `DELETE_TEAM`. Raises `Conflict` (``last_administrator``; ``last_owner`` naming the teams for which
    nothing was decided), or `DomainError` (``successor_invalid``).
    """
    with transaction.atomic(durable=True):
        administrators_lock()
        user = User.objects.select_for_update().get(pk=user.pk)
        last_administrator_keep(user)
        _teams_hand_over(user, successors or {}, by)
        tokens = tokens_delete_of(user, by=by, reason="account deleted")
        automation_tokens_delete_of(user, by=by, reason="account deleted")
        user_active_set(user=user, active=False, by=by)
        record(Event.USER_DELETED, by=by, kind="user", id=user.pk, label=user.email, detail={"tokens": tokens})
        user.delete()
    return tokens


def _teams_hand_over(user: User, successors: Mapping[str, str], by: Actor) -> None:
    teams_owned_lock(user)
    teams = teams_with_sole_owner(user)
    undecided = [team.name for team in teams if team.pk not in successors]
    if undecided:
        raise Conflict(
            "last_owner",
            f"{user.email} is the only owner of {', '.join(undecided)}: make somebody else an owner first.",
        )
    for team in teams:
        if successors[team.pk] == DELETE_TEAM:
            team_delete_row(team=team, by=by)
            continue
        successor = User.objects.filter(pk=successors[team.pk], is_active=True).exclude(pk=user.pk).first()
        if successor is None:
            raise DomainError(
                "successor_invalid", f"Choose an active account to own {team.name}.", field=f"team-{team.pk}"
            )
        owner_make_row(team=team, user=successor, by=by)


def person_factors_remove(*, user: User, by: Actor) -> int:
    """Take the second factors from somebody who lost them, and end every session; how many factors there were."""
    removed = factors_remove_all(user=user, by=by)
    person_sign_out(user=user, by=by)
    return removed
