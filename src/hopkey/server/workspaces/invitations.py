"""Invitations into a team, by a link that works once, and only as long as whoever made it may still invite."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from hopkey.server.accounts.models import User
from hopkey.server.accounts.services import email_normalise
from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.config import current
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.mail.services import mail_invite
from hopkey.server.workspaces.models import Invitation, Membership, Role, Workspace
from hopkey.server.workspaces.selectors import invitations_that_hold
from hopkey.server.workspaces.services import member_add_row

INVITATION_DAYS = 7
PENDING_PER_TEAM = 500


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invitation and its link, which is shown once. ``mailed``: whether a mail was written, which is sent if
    mail is set up.
    """

    invitation: Invitation
    url: str = field(repr=False)
    mailed: bool = False


def invitation_create(*, team: Workspace, role: Role, inviter: User | None, by: Actor, email: str = "") -> Invited:
    """Invite whoever holds the link, or with `email` only the person with that address, to whom it is mailed too.

    Raises `DomainError` (``email_invalid``) or `Conflict` (``already_member``, ``too_many_invitations``).
    """
    email = email_normalise(email) if email.strip() else ""
    if email and Membership.objects.filter(workspace=team, user__email=email).exists():
        raise Conflict("already_member", f"{email} is a member of this team already.", field="email")
    secret = secrets.token_urlsafe(32)
    with transaction.atomic(durable=True):
        team.invitations.filter(expires_at__lte=timezone.now()).delete()
        if email:
            team.invitations.filter(email=email).delete()
        if invitations_that_hold().filter(workspace=team).count() >= PENDING_PER_TEAM:
            raise Conflict("too_many_invitations", f"At most {PENDING_PER_TEAM} invitations may be open.")
        invitation = Invitation.objects.create(
            digest=_digest(secret),
            workspace=team,
            role=role,
            email=email,
            inviter=inviter,
            expires_at=timezone.now() + timedelta(days=INVITATION_DAYS),
        )
        _record(Event.INVITATION_CREATED, invitation, by)
        url = f"{current().base_url}/join/{secret}"
        mailed = None
        if email:
            mailed = mail_invite(
                to=email,
                template="team_invitation",
                context={
                    "by": inviter.name if inviter else by.label,
                    "team": team.name,
                    "role": role.value.lower(),
                    "link": url,
                    "days": INVITATION_DAYS,
                },
                useless_at=invitation.expires_at,
            )
    return Invited(invitation=invitation, url=url, mailed=mailed is not None)


def invitation_revoke(*, team: Workspace, invitation_id: str, by: Actor) -> None:
    """Raises `NotFound` (``invitation_not_found``)."""
    with transaction.atomic(durable=True):
        invitation = team.invitations.select_for_update(of=("self",)).filter(pk=invitation_id).first()
        if invitation is None:
            raise NotFound("invitation_not_found", "This invitation has been used, revoked or has expired.")
        _record(Event.INVITATION_REVOKED, invitation, by)
        invitation.delete()


def invitation_get(secret: str) -> Invitation:
    """The invitation with this secret, if it can still be used. Raises `NotFound` (``invitation_not_found``)."""
    invitation = (
        invitations_that_hold()
        .select_related("workspace", "inviter")
        .filter(digest=_digest(secret), expires_at__gt=timezone.now())
        .first()
    )
    if invitation is None:
        raise NotFound("invitation_not_found", "This invitation has been used, revoked or has expired.")
    return invitation


def invitation_accept(*, secret: str, user: User, by: Actor) -> Workspace:
    """Join the team. Raises `NotFound` (``invitation_not_found``), or `DomainError` (``invitation_for_other``,
    ``already_member``).
    """
    with transaction.atomic(durable=True):
        return invitation_accept_row(secret=secret, user=user, by=by)


def invitation_accept_row(*, secret: str, user: User, by: Actor) -> Workspace:
    """`invitation_accept` in the caller's transaction."""
    found = invitation_get(secret)
    invitation = Invitation.objects.select_for_update(of=("self",)).filter(pk=found.pk).first()
    if invitation is None:
        raise NotFound("invitation_not_found", "This invitation has been used, revoked or has expired.")
    if invitation.email and invitation.email != user.email.lower():
        raise DomainError(
            "invitation_for_other",
            "This invitation is for another e-mail address: sign in with that account, or ask for a new invitation.",
        )
    member_add_row(team=found.workspace, user=user, role=Role(invitation.role), by=by)
    _record(Event.INVITATION_ACCEPTED, invitation, by)
    invitation.delete()
    return found.workspace


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _record(event: Event, invitation: Invitation, by: Actor) -> None:
    team = invitation.workspace
    detail = {"role": invitation.role, "email": invitation.email}
    record(event, by=by, kind="team", id=team.pk, label=team.name, detail=detail)
