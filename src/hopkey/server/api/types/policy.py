"""The policy on tokens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from hopkey.server.api.types.base import Answer, Input, Named
from hopkey.server.tokens.policy import Over

WholeNumber = Annotated[int, Meta(ge=1)]


class PolicyInput(Input):
    """Null and empty: no limit of that kind."""

    max_days: WholeNumber | None = None
    never_allowed: bool = True
    tokens_per_user: WholeNumber | None = None
    unused_days: WholeNumber | None = None
    networks: Annotated[list[str], Meta(max_length=100)] = []
    label_pattern: str = ""


class PolicyInfo(Answer):
    max_days: int | None
    never_allowed: bool
    tokens_per_user: int | None
    unused_days: int | None
    networks: list[str]
    label_pattern: str


class StoppedToken(Answer):
    id: str
    public_id: str
    label: str
    owner: Named
    why: Annotated[str, Meta(extra_json_schema={"enum": list(Over)})]


class PolicyRun(Answer):
    """``whole`` false: ``judged`` tokens were drawn by lot; then the numbers are estimates, ``newly`` give or take
    ``margin``, there are at least ``owners`` people, and ``tokens`` are of those drawn.
    """

    policy: PolicyInfo
    whole: bool
    judged: int
    live: int
    newly: int
    margin: int
    freed: int
    outside: int
    owners: int
    reasons: dict[str, int]
    tokens: list[StoppedToken]
