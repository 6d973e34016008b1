"""Keeping webhooks, and writing events into their outbox."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.errors import Conflict, DomainError, NotFound
from hopkey.server.ids import new_id
from hopkey.server.sealing import seal, unseal
from hopkey.server.webhooks.events import TEST, WebhookEvent, payload_make
from hopkey.server.webhooks.models import Delivery, Endpoint, State
from hopkey.server.webhooks.sending import url_check
from hopkey.server.webhooks.signing import secret_new

_PURPOSE = "webhook"
ENDPOINTS = 50


@dataclass(frozen=True, slots=True)
class Added:
    """A new webhook and its signing secret, which is shown once."""

    endpoint: Endpoint
    secret: str = field(repr=False)


def webhook_add(*, url: str, events: Sequence[str], by: Actor) -> Added:
    """Raises `DomainError` (``webhook_url_invalid``, ``webhook_events_invalid``) or `Conflict`
    (``too_many_webhooks``).
    """
    try:
        url = url_check(url)
    except ValueError as error:
        raise DomainError("webhook_url_invalid", f"The address cannot be used: {error}.", field="url") from None
    known = {event.value for event in WebhookEvent}
    chosen = sorted(set(events))
    if not chosen or not set(chosen) <= known:
        raise DomainError(
            "webhook_events_invalid", f"Choose at least one of {', '.join(sorted(known))}.", field="events"
        )
    id_, secret = new_id(), secret_new()
    with transaction.atomic(durable=True):
        if Endpoint.objects.count() >= ENDPOINTS:
            raise Conflict("too_many_webhooks", f"At most {ENDPOINTS} webhooks: delete some first.")
        endpoint = Endpoint.objects.create(
            id=id_,
            url=url,
            events=chosen,
            secret=seal(secret.encode(), purpose=_PURPOSE, place=id_),
            created_by=by.label,
        )
        record(Event.WEBHOOK_ADDED, by=by, kind="webhook", id=id_, label=shown(url), detail={"events": chosen})
    return Added(endpoint, secret)


def webhook_delete(*, webhook_id: str, by: Actor) -> Endpoint:
    """Delete a webhook with its deliveries. Raises `NotFound` (``webhook_not_found``)."""
    with transaction.atomic(durable=True):
        endpoint = _get(webhook_id)
        record(Event.WEBHOOK_DELETED, by=by, kind="webhook", id=endpoint.pk, label=shown(endpoint.url))
        endpoint.delete()
    endpoint.pk = webhook_id
    return endpoint


def webhook_enabled_set(
    *, webhook_id: str, enabled: bool, by: Actor, why: str = "", also: Callable[[Endpoint], object] | None = None
) -> Endpoint:
    """Enable or disable. What waits for a disabled one fails. `also` is done in the same transaction.

    Raises `NotFound` (``webhook_not_found``).
    """
    with transaction.atomic(durable=True):
        endpoint = _get(webhook_id)
        if endpoint.enabled == enabled:
            return endpoint
        endpoint.enabled, endpoint.disabled_why, endpoint.failing_since = enabled, why[:300], None
        endpoint.save(update_fields=["enabled", "disabled_why", "failing_since"])
        if not enabled:
            waiting = Delivery.objects.filter(endpoint=endpoint, state=State.QUEUED)
            waiting.update(state=State.FAILED, error="the webhook was disabled", claim="", ended_at=timezone.now())
        detail = {"enabled": enabled, **({"reason": why} if why else {})}
        record(Event.WEBHOOK_CHANGED, by=by, kind="webhook", id=endpoint.pk, label=shown(endpoint.url), detail=detail)
        if also is not None:
            also(endpoint)
    return endpoint


def webhook_test(*, webhook_id: str, by: Actor) -> Delivery:
    """Queue a test event. Raises `NotFound`, or `Conflict` (``webhook_disabled``)."""
    with transaction.atomic(durable=True):
        endpoint = _get(webhook_id)
        if not endpoint.enabled:
            raise Conflict("webhook_disabled", "This webhook is disabled: enable it first.")
        now = timezone.now()
        delivery = _delivery(endpoint.pk, TEST, payload_make(TEST, {"by": by.label}, at=now), now)
        delivery.save()
        record(Event.WEBHOOK_TESTED, by=by, kind="webhook", id=endpoint.pk, label=shown(endpoint.url))
    return delivery


def webhook_redeliver(*, webhook_id: str, delivery_id: int, by: Actor) -> Delivery:
    """Try a failed delivery again, under the same id. Raises `NotFound` or `Conflict` (``webhook_disabled``,
    ``delivery_not_failed``).
    """
    with transaction.atomic(durable=True):
        endpoint = _get(webhook_id)
        found = Delivery.objects.select_for_update().filter(pk=delivery_id, endpoint=endpoint).first()
        if found is None:
            raise NotFound("delivery_not_found", "There is no such delivery.")
        if not endpoint.enabled:
            raise Conflict("webhook_disabled", "This webhook is disabled: enable it first.")
        if found.state != State.FAILED:
            raise Conflict("delivery_not_failed", "Only a delivery that failed can be tried again.")
        found.state, found.attempts, found.error, found.due_at, found.ended_at = (
            State.QUEUED,
            0,
            "",
            timezone.now(),
            None,
        )
        found.save(update_fields=["state", "attempts", "error", "due_at", "ended_at"])
        record(Event.WEBHOOK_REDELIVERED, by=by, kind="webhook", id=endpoint.pk, label=shown(endpoint.url))
    return found


def webhook_queue(event: WebhookEvent, data: Sequence[Mapping[str, Any]], *, at: datetime | None = None) -> int:
    """Write these events in the caller's transaction for every webhook that wants them; how many deliveries.

    `data`: what each event says, one mapping per event. No secret may stand in it, token texts least of all.
    """
    if not data:
        return 0
    wanted = [
        id_ for id_, events in Endpoint.objects.filter(enabled=True).values_list("pk", "events") if event in events
    ]
    if not wanted:
        return 0
    now = at or timezone.now()
    bodies = [payload_make(event, item, at=now) for item in data]
    made = [_delivery(id_, event, body, now) for body in bodies for id_ in wanted]
    Delivery.objects.bulk_create(made, batch_size=200)
    return len(made)


def secret_open(endpoint: Endpoint) -> str:
    """The signing secret, for signing. Raises `hopkey.server.sealing.SealBroken`."""
    return unseal(endpoint.secret, purpose=_PURPOSE, place=endpoint.pk).decode()


def shown(url: str) -> str:
    """An address without its path, in which some receivers keep a secret of theirs: for records and logs."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _delivery(endpoint_id: str, event: str, payload: str, now: datetime) -> Delivery:
    key = "msg_" + secrets.token_hex(16)
    return Delivery(key=key, endpoint_id=endpoint_id, event=event, payload=payload, created_at=now, due_at=now)


def _get(webhook_id: str) -> Endpoint:
    endpoint = Endpoint.objects.select_for_update().filter(pk=webhook_id).first()
    if endpoint is None:
        raise NotFound("webhook_not_found", "There is no such webhook. It may have been deleted already.")
    return endpoint
