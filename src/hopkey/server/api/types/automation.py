"""Automation tokens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from hopkey.server.api.types.base import Answer, Input, Moment, Person, Text
from hopkey.server.automation.judging import Access


class AutomationInput(Input):
    """``expiryInDays`` null: never. ``networks``: CIDR; none: from anywhere."""

    label: Text
    access: Annotated[str, Meta(max_length=10, extra_json_schema={"enum": list(Access)})]
    expiry_in_days: Annotated[int | None, Meta(description="7, 30, 60, 90, or null for never")]
    networks: Annotated[list[Text], Meta(max_length=50)] = []


class AutomationInfo(Answer):
    """``stoppedBy`` null: it works."""

    id: str
    public_id: str
    label: str
    access: str
    creator: Person
    stopped_by: str | None
    networks: list[str]
    created_on: Moment
    expires_on: Moment | None
    last_used_on: Moment | None
    last_used_from: str | None
    last_used_with: str | None


class AutomationMade(Answer):
    """``token``: in this answer and nowhere else."""

    token: str
    info: AutomationInfo


class AutomationList(Answer):
    items: list[AutomationInfo]
