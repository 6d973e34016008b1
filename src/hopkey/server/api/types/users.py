"""Users and invitations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from hopkey.server.api.types.audit import EventInfo
from hopkey.server.api.types.base import Answer, Cursor, Input, Limit, Moment, Text
from hopkey.server.api.types.tokens import TokenInfo
from hopkey.server.tokens.oversight import PAGE_SIZE


class UserQuery(Input):
    text: Annotated[str, Meta(max_length=254, description="part of a name or address, or an id")] = ""
    state: Annotated[
        str, Meta(max_length=40, extra_json_schema={"enum": ["", "active", "administrator", "deactivated", "invited"]})
    ] = ""
    cursor: Cursor = ""
    limit: Limit = PAGE_SIZE


class UserInfo(Answer):
    id: str
    email: str
    name: str
    administrator: bool
    active: bool
    created_on: Moment
    last_sign_in: Moment | None


class UserList(Answer):
    items: list[UserInfo]
    cursor: str


class MembershipInfo(Answer):
    id: str
    name: str
    role: str
    only_owner: bool


class UserDetail(Answer):
    """``tokens``: the newest 10. ``events``: the newest 10 of what this person did."""

    user: UserInfo
    teams: list[MembershipInfo]
    tokens: list[TokenInfo]
    events: list[EventInfo]


class Administrator(Input):
    administrator: bool


class UserDeleted(Answer):
    id: str
    deleted: bool
    tokens: int


class SignedOut(Answer):
    id: str
    sessions: int


class FactorsRemoved(Answer):
    id: str
    removed: int


class Invite(Input):
    email: Text
    administrator: bool = False


class InviteInfo(Answer):
    email: str
    administrator: bool
    created_on: Moment
    expires_on: Moment


class InviteMade(Answer):
    """``link`` is in this answer and nowhere else."""

    email: str
    administrator: bool
    link: str
    days: int


class InviteList(Answer):
    items: list[InviteInfo]


class InvitesRevocation(Input):
    emails: Annotated[list[Text], Meta(min_length=1, max_length=100)]


class InvitesRevoked(Answer):
    revoked: int
