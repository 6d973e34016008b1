"""Mail and webhooks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from hopkey.server.api.types.base import Answer, Input, Moment, PageQuery
from hopkey.server.mail.models import State as MailState
from hopkey.server.webhooks.models import State as DeliveryState


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
