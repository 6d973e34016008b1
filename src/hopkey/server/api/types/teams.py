"""Tokens that reach a team."""

from __future__ import annotations

from hopkey.server.api.types.base import Answer, Moment, Person


class TeamToken(Answer):
    """What owners of a team may know of a token that reaches it."""

    id: str
    public_id: str
    label: str
    owner: Person
    state: str
    created_on: Moment
    expires_on: Moment | None
    last_used_on: Moment | None


class TeamTokenList(Answer):
    items: list[TeamToken]
    cursor: str


class CutOff(Answer):
    id: str
    cut_off: bool
