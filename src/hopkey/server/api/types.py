"""What goes in and out of the JSON API, as types: checked on the way in, described in the OpenAPI document.

Answers are made by `hopkey.server.exports.shapes`; a test holds every answer against its type here.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from hopkey.server.audit.models import Event
from hopkey.server.automation.judging import Access
from hopkey.server.mail.models import State as MailState
from hopkey.server.tokens.oversight import PAGE_SIZE, Sort, State
from hopkey.server.tokens.policy import Over
from hopkey.server.webhooks.models import State as DeliveryState

MAX_PAGE = 100
_EVENTS = sorted({item.value for item in Event} | {item.value.partition(".")[0] for item in Event})

Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE, description=f"how many at once, at most {MAX_PAGE}")]
Cursor = Annotated[str, Meta(max_length=254, description="the cursor of the page before; empty: the first page")]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Day = Annotated[str, Meta(extra_json_schema={"format": "date"})]
TokenId = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
Reason = Annotated[str, Meta(max_length=500, description="why, in at least 3 characters: the owners read it")]
Text = Annotated[str, Meta(max_length=254)]
StateName = Annotated[str, Meta(max_length=40, extra_json_schema={"enum": list(State)})]
SortName = Annotated[str, Meta(max_length=40, extra_json_schema={"enum": list(Sort)})]
Format = Annotated[str, Meta(max_length=10, extra_json_schema={"enum": ["csv", "json"]})]


class Input(Struct, rename="camel", forbid_unknown_fields=True):
    """Something sent: fields that are not listed are refused."""


class Answer(Struct, rename="camel", forbid_unknown_fields=True):
    """Something answered."""


# Errors


class Error(Answer):
    """``message`` is a stable code, ``detail`` says what to do."""

    message: str
    detail: str
    status_code: int
    field: str | None = None


# Tokens


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


class Person(Answer):
    id: str
    name: str
    email: str


class Named(Answer):
    id: str
    name: str


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


class EventActor(Answer):
    id: str | None
    label: str | None


class EventSubject(Answer):
    kind: str | None
    id: str | None
    label: str | None


class EventInfo(Answer):
    id: str
    at: Moment
    event: str
    actor: EventActor
    subject: EventSubject
    address: str | None
    agent: str | None
    detail: dict[str, Any]


class TokenDetail(Answer):
    token: TokenInfo
    events: list[EventInfo]


class Deleted(Answer):
    id: str
    deleted: bool


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


# Users


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


# Policy

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


# Audit


class AuditSearch(Input):
    """``subject`` may be a whole token in the body of a search: what is looked for is its public id."""

    event: Annotated[str, Meta(max_length=40, extra_json_schema={"enum": ["", *_EVENTS]})] = ""
    actor: Text = ""
    subject: Text = ""
    since: Annotated[str, Meta(max_length=10, description="a day (UTC)")] = ""
    until: Annotated[str, Meta(max_length=10, description="a day (UTC), included")] = ""


class AuditQuery(AuditSearch):
    cursor: Cursor = ""
    limit: Limit = 50


class AuditExportQuery(AuditSearch):
    format: Format = "csv"


class EventList(Answer):
    items: list[EventInfo]
    cursor: str


class Verification(Input):
    expect: Annotated[str, Meta(max_length=90, description="a head noted earlier, SEQ:HASH; empty: none was noted")] = (
        ""
    )


class VerdictInfo(Answer):
    """``head``: note it elsewhere, and ask for it next time."""

    whole: bool
    fault: str
    checked: int
    removed: int
    head: str


# Overview


class FiguresDay(Answer):
    day: Day
    users: int | None
    teams: int | None
    live: int | None
    never_expires: int | None
    expiring: int | None
    unused: int | None
    generated: int
    deleted: int
    refused: int


class Overview(Answer):
    """``days``: oldest first; the last is as of ``at``."""

    at: Moment
    days: list[FiguresDay]


# Teams


class PageQuery(Input):
    cursor: Cursor = ""
    limit: Limit = PAGE_SIZE


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


# Mail and webhooks


class MailQuery(PageQuery):
    state: Annotated[str, Meta(max_length=20, extra_json_schema={"enum": ["", *MailState]})] = ""


class MailInfo(Answer):
    """``unset``: mail was not set up when its turn came. ``late``: it would have been of no use any more."""

    id: str
    state: Annotated[str, Meta(extra_json_schema={"enum": list(MailState)})]
    to: str
    subject: str
    template: str
    attempts: int
    error: str
    created_on: Moment
    ended_on: Moment | None


class MailList(Answer):
    set_up: bool
    items: list[MailInfo]
    cursor: str


class Retried(Answer):
    retried: int


class Webhook(Input):
    url: Annotated[str, Meta(max_length=2000)]
    events: Annotated[list[str], Meta(max_length=50)]


class Enabled(Input):
    enabled: bool


class WebhookInfo(Answer):
    """``disabledWhy``: empty where a person disabled it, or nobody did."""

    id: str
    url: str
    events: list[str]
    enabled: bool
    disabled_why: str
    created_on: Moment
    failing_since: Moment | None
    delivered_on: Moment | None


class WebhookMade(WebhookInfo):
    secret: str


class WebhookList(Answer):
    items: list[WebhookInfo]


class WebhookDeleted(Answer):
    id: str
    deleted: bool


class DeliveryInfo(Answer):
    """``webhookId``: what the receiver gets as ``webhook-id``. ``status``: of the last answer."""

    id: str
    webhook_id: str
    event: str
    state: Annotated[str, Meta(extra_json_schema={"enum": list(DeliveryState)})]
    attempts: int
    status: int | None
    error: str
    answer: str
    created_on: Moment
    ended_on: Moment | None


class DeliveryList(Answer):
    items: list[DeliveryInfo]
    cursor: str
