"""Webhooks: add, look at what was delivered, test, disable, delete."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from hopkey.server.config import current
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of
from hopkey.server.ui.numbers import number_of
from hopkey.server.webhooks import services
from hopkey.server.webhooks.delivery import FAILING_DAYS
from hopkey.server.webhooks.events import WORDS
from hopkey.server.webhooks.models import Endpoint
from hopkey.server.webhooks.selectors import PAGE_SIZE, delivery_page, webhook_get, webhook_list

_ACTS = ("test", "enable", "disable", "delete")


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def webhooks(request: HttpRequest) -> HttpResponse:
    """The secret is shown once, in the answer to the POST that made it."""
    context: dict[str, Any] = {
        "kinds": [(event.value, text) for event, text in WORDS.items()],
        "chosen": [event.value for event in WORDS],
        "url": "",
        "error": None,
        "made": None,
        "private": current().webhooks_reach_private,
        "section": "webhooks",
    }
    status = 200
    if request.method == "POST":
        url, chosen = request.POST.get("url", ""), request.POST.getlist("events")
        try:
            context["made"] = services.webhook_add(url=url, events=chosen, by=actor_of(request))
            status = 201
        except DomainError as error:
            context |= {"error": error, "url": url, "chosen": chosen}
            status = error.status
    context["webhooks"] = list(webhook_list())
    return render(request, "console/webhooks.html", context, status=status)


@require_http_methods(["GET", "HEAD"])
@administrator_only
def webhook(request: HttpRequest, webhook_id: str) -> HttpResponse:
    endpoint = webhook_get(webhook_id)
    before = number_of(request.GET.get("before", ""))
    found = delivery_page(endpoint, before=before, limit=PAGE_SIZE + 1)
    context = _context(endpoint) | {
        "deliveries": found[:PAGE_SIZE],
        "next": "?" + urlencode({"before": found[PAGE_SIZE - 1].pk}) if len(found) > PAGE_SIZE else "",
        "first": "?" if before is not None else "",
    }
    return render(request, "console/webhook.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@administrator_only
def act(request: HttpRequest, webhook_id: str, act: str) -> HttpResponse:
    """Deleting asks on a page of its own; the others are done by a POST."""
    if act not in _ACTS:
        raise NotFound("page_not_found", "There is no such page.")
    endpoint = webhook_get(webhook_id)
    if request.method != "POST":
        if act == "delete":
            return render(request, "console/webhook_delete.html", _context(endpoint))
        return redirect("console_webhook", webhook_id=endpoint.pk)
    by = actor_of(request)
    if act == "test":
        services.webhook_test(webhook_id=endpoint.pk, by=by)
        messages.success(request, "A test event is on its way: this list says what becomes of it.")
    elif act == "delete":
        services.webhook_delete(webhook_id=endpoint.pk, by=by)
        messages.success(request, f"Deleted the webhook to {endpoint.url}.")
        return redirect("console_webhooks")
    else:
        services.webhook_enabled_set(webhook_id=endpoint.pk, enabled=act == "enable", by=by)
        messages.success(request, "Enabled." if act == "enable" else "Disabled: nothing is sent there any more.")
    return redirect("console_webhook", webhook_id=endpoint.pk)


@require_POST
@administrator_only
def redeliver(request: HttpRequest, webhook_id: str, delivery_id: int) -> HttpResponse:
    services.webhook_redeliver(webhook_id=webhook_id, delivery_id=delivery_id, by=actor_of(request))
    messages.success(request, "It is tried again, under the same id.")
    return redirect("console_webhook", webhook_id=webhook_id)


def _context(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "webhook": endpoint,
        "failing_days": FAILING_DAYS,
        "section": "webhooks",
    }
