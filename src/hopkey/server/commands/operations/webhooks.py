"""`hopkey admin webhook ...`."""

from __future__ import annotations

import argparse
import secrets

from django.utils import timezone

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.models import Event
from hopkey.server.audit.services import record
from hopkey.server.commands.operations.report import Report
from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.exports.shapes import webhook_shape
from hopkey.server.webhooks import services
from hopkey.server.webhooks.events import TEST, WebhookEvent, payload_make
from hopkey.server.webhooks.models import Endpoint
from hopkey.server.webhooks.selectors import webhook_get, webhook_list
from hopkey.server.webhooks.sending import send


def add(arguments: argparse.Namespace) -> Report:
    events = [event.value for event in WebhookEvent] if "all" in arguments.event else arguments.event
    made = services.webhook_add(url=arguments.url, events=events, by=OPERATOR)
    data = {**webhook_shape(made.endpoint), "secret": made.secret}
    return Report(data, f"Added {made.endpoint.pk}.\nIts signing secret, shown this once: {made.secret}")


def list_(_: argparse.Namespace) -> Report:
    rows = [webhook_shape(endpoint) for endpoint in webhook_list()]
    text = [{**row, "events": ", ".join(row["events"])} for row in rows]
    return Report(rows, Report.table(text, ("id", "enabled", "url", "events", "failingSince")).text)


def delete(arguments: argparse.Namespace) -> Report:
    endpoint = services.webhook_delete(webhook_id=arguments.id, by=OPERATOR)
    return Report({"id": endpoint.pk, "deleted": True}, f"Deleted {endpoint.url}.")


def enable(arguments: argparse.Namespace) -> Report:
    endpoint = services.webhook_enabled_set(webhook_id=arguments.id, enabled=True, by=OPERATOR)
    return Report(webhook_shape(endpoint), f"Enabled {endpoint.url}.")


def disable(arguments: argparse.Namespace) -> Report:
    endpoint = services.webhook_enabled_set(webhook_id=arguments.id, enabled=False, by=OPERATOR)
    return Report(webhook_shape(endpoint), f"Disabled {endpoint.url}.")


def test(arguments: argparse.Namespace) -> Report:
    """Past the outbox, so that the answer can be told."""
    webhook_get(arguments.id)
    endpoint = Endpoint.objects.get(pk=arguments.id)
    outcome = send(
        url=endpoint.url,
        key="msg_" + secrets.token_hex(16),
        secret=services.secret_open(endpoint),
        body=payload_make(TEST, {"by": OPERATOR.label}, at=timezone.now()).encode(),
        private=current().webhooks_reach_private,
    )
    record(Event.WEBHOOK_TESTED, by=OPERATOR, kind="webhook", id=endpoint.pk, label=services.shown(endpoint.url))
    if not outcome.delivered:
        raise DomainError("webhook_not_delivered", f"The test event was not delivered: {outcome.error}.")
    return Report({"id": endpoint.pk, "status": outcome.status}, f"Delivered: it answered {outcome.status}.")
