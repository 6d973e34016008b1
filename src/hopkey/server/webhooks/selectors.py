"""Reading webhooks and their deliveries. The secret is left where it is."""

from __future__ import annotations

from django.db.models import QuerySet

from hopkey.server.errors import NotFound
from hopkey.server.webhooks.models import Delivery, Endpoint

PAGE_SIZE = 30


def webhook_list() -> QuerySet[Endpoint]:
    return Endpoint.objects.defer("secret")


def webhook_get(webhook_id: str) -> Endpoint:
    """Raises `NotFound` (``webhook_not_found``)."""
    endpoint = webhook_list().filter(pk=webhook_id).first()
    if endpoint is None:
        raise NotFound("webhook_not_found", "There is no such webhook. It may have been deleted already.")
    return endpoint


def delivery_page(endpoint: Endpoint, *, before: int | None = None, limit: int = PAGE_SIZE) -> list[Delivery]:
    """Deliveries newest first, older than the one with the id `before`."""
    deliveries = endpoint.deliveries.defer("payload").order_by("-pk")
    if before is not None:
        deliveries = deliveries.filter(pk__lt=before)
    return list(deliveries[:limit])
