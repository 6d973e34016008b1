"""Everybody's tokens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from hopkey.server.api.types.audit import EventInfo
from hopkey.server.api.types.base import Answer, Cursor, Format, Input, Limit, Moment, Named, Person
from hopkey.server.tokens.oversight import PAGE_SIZE, Sort, State
from hopkey.server.tokens.policy import Over

TokenId = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
Reason = Annotated[str, Meta(max_length=500, description="why, in at least 3 characters: the owners read it")]
StateName = Annotated[str, Meta(max_length=40, extra_json_schema={"enum": list(State)})]
SortName = Annotated[str, Meta(max_length=40, extra_json_schema={"enum": list(Sort)})]


class TokenFilter(Input):
    state: StateName = "any"
    owner: Annotated[str, Meta(max_length=254, description="id or e-mail address")] = ""
    team: Annotated[str, Meta(max_length=64, description="id of a team that the tokens reach")] = ""
    text: Annotated[
        str, Meta(max_length=254, description="part of a label or of an owner's name or address, or a public id")
    ] = ""
    sort: SortName = "-created"


class TokenQuery(TokenFilter):
    cursor: Cursor = ""
    limit: Limit = PAGE_SIZE


class TokenExportQuery(TokenFilter):
    format: Format = "csv"


class TokenSearch(TokenQuery):
    """``text`` may be a whole token here: it is found by its digest and kept nowhere."""


class TokenDeletion(Input):
    reason: Reason


class TokensDeletion(Input):
    """``dryRun`` true: says who and what would be hit, and deletes nothing. Only then ``filter`` may stand in place of
    ``ids``: what is deleted are the ids that somebody has seen.
    """

    ids: Annotated[list[TokenId], Meta(max_length=10_000)] = []
    filter: TokenFilter | None = None
    reason: Reason = ""
    dry_run: bool = False


class TokenInfo(Answer):
    """``teams`` null: every team of its owner."""

    id: str
    public_id: str
    label: str
    owner: Person
    state: Annotated[str, Meta(extra_json_schema={"enum": ["live", "expired", "owner_inactive", "over_policy"]})]
    over_policy: Annotated[str | None, Meta(extra_json_schema={"enum": [*Over, None]})]
    teams: list[Named] | None
    networks: list[str]
    created_on: Moment
    expires_on: Moment | None
    last_used_on: Moment | None
    last_used_from: str | None
    last_used_with: str | None


class TokenList(Answer):
    """``cursor`` empty: no more. ``searchedTo``: only tokens generated since then were judged by the policy so far."""

    items: list[TokenInfo]
    cursor: str
    searched_to: Moment | None


class TokenDetail(Answer):
    token: TokenInfo
    events: list[EventInfo]


class OwnerHit(Answer):
    id: str
    name: str
    email: str
    tokens: int


class Deletion(Answer):
    """``deleted`` false: a dry run. ``ids``: of all of them; ``tokens``: the first 100; ``usedLately``: how many were
    used within 7 days.
    """

    deleted: bool
    count: int
    used_lately: int
    owners: list[OwnerHit]
    ids: list[str]
    tokens: list[TokenInfo]
