"""Delivering what is in the webhooks' outbox, by the maintenance process of any node: claimed, sent, then marked, at
least once, as mail is (`hopkey.server.mail.delivery`).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db.models import F, QuerySet
from django.utils import timezone

from hopkey.server.audit.actor import SYSTEM
from hopkey.server.backoff import WEBHOOK
from hopkey.server.config import current
from hopkey.server.sealing import SealBroken
from hopkey.server.webhooks.events import TEST
from hopkey.server.webhooks.models import Delivery, Endpoint, State
from hopkey.server.webhooks.sending import Outcome, send
from hopkey.server.webhooks.services import secret_open, webhook_enabled_set

_LOG = logging.getLogger("hopkey.webhooks")
BATCH = 20
SIDE_BY_SIDE = 4
LEASE_SECONDS = 120.0
FAILING_DAYS = 5
"""A webhook that has failed for so long, and never once succeeded meanwhile, is disabled."""
GONE = 410

Send = Callable[..., Outcome]


Disabled = Callable[[Endpoint], object]


def webhook_deliver(*, now: datetime | None = None, sender: Send = send, on_disabled: Disabled | None = None) -> int:
    """Deliver up to `BATCH` events that are due; how many were tried. A few side by side, so that an address that
    hangs keeps few others waiting. `on_disabled`: called in the transaction that disables a webhook.
    """
    moment = now or timezone.now()
    ids = list(_due(moment).order_by("due_at").values_list("pk", flat=True)[:BATCH])
    if not ids:
        return 0
    claimed = [delivery for id_ in ids if (delivery := _claim(id_, moment)) is not None]
    private = current().webhooks_reach_private
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        running = []
        for delivery in claimed:
            try:
                secret = secret_open(delivery.endpoint)
            except SealBroken as error:
                _settle(delivery, Outcome(None, str(error)), moment, on_disabled)
                continue
            body = delivery.payload.encode()
            given = {"url": delivery.endpoint.url, "key": delivery.key, "secret": secret, "body": body}
            running.append((delivery, pool.submit(sender, **given, private=private)))
        for delivery, future in running:
            _settle(delivery, future.result(), now or timezone.now(), on_disabled)
    return len(claimed)


def webhook_prune(*, before: datetime) -> int:
    """Remove the deliveries that ended before this moment; how many."""
    removed, _ = Delivery.objects.filter(ended_at__lt=before).delete()
    return removed


def _due(moment: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=State.QUEUED, due_at__lte=moment)


def _claim(id_: int, moment: datetime) -> Delivery | None:
    claim = uuid.uuid4().hex
    until = moment + timedelta(seconds=LEASE_SECONDS)
    taken = _due(moment).filter(pk=id_).update(due_at=until, claim=claim, attempts=F("attempts") + 1)
    return Delivery.objects.select_related("endpoint").get(pk=id_) if taken else None


def _settle(delivery: Delivery, outcome: Outcome, moment: datetime, on_disabled: Disabled | None) -> None:
    ours = Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim)
    seen = {"status": outcome.status, "answer": outcome.answer, "error": outcome.error[:300], "claim": ""}
    endpoint = Endpoint.objects.filter(pk=delivery.endpoint_id)
    if outcome.delivered:
        ours.update(state=State.DELIVERED, ended_at=moment, payload="", **seen)
        endpoint.update(delivered_at=moment, failing_since=None)
        return
    # A test is tried once: somebody looks at what comes of it now.
    wait = None if delivery.event == TEST else WEBHOOK.seconds(delivery.attempts)
    if wait is None or outcome.status == GONE:
        ours.update(state=State.FAILED, ended_at=moment, **seen)
    else:
        ours.update(due_at=moment + timedelta(seconds=wait), **seen)
    _LOG.info("a webhook was not delivered (try %d): %s", delivery.attempts, outcome.error)
    endpoint.filter(failing_since=None).update(failing_since=moment)
    long_ago = moment - timedelta(days=FAILING_DAYS)
    why = ""
    if outcome.status == GONE:
        why = "It answered 410 (gone)."
    elif endpoint.filter(failing_since__lte=long_ago).exists():
        why = f"Nothing could be delivered for {FAILING_DAYS} days: {outcome.error}."
    if why and endpoint.filter(enabled=True).exists():
        webhook_enabled_set(webhook_id=delivery.endpoint_id, enabled=False, by=SYSTEM, why=why, also=on_disabled)
