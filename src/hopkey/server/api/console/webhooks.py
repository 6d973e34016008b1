"""Webhooks: add, enable, test, delete, and what was delivered."""

from __future__ import annotations

from typing import Any

from hopkey.server.api import types
from hopkey.server.api.operations import Call, Operation, Route
from hopkey.server.exports.shapes import delivery_shape, webhook_shape
from hopkey.server.ui.numbers import cursor_of
from hopkey.server.webhooks import services
from hopkey.server.webhooks.selectors import delivery_page, webhook_get, webhook_list


def _list(call: Call) -> dict[str, Any]:
    return {"items": [webhook_shape(endpoint) for endpoint in webhook_list()]}


def _add(call: Call) -> dict[str, Any]:
    made = services.webhook_add(url=call.body.url, events=call.body.events, by=call.caller.by)
    return {**webhook_shape(made.endpoint), "secret": made.secret}


def _get(call: Call, webhook_id: str) -> dict[str, Any]:
    return webhook_shape(webhook_get(webhook_id))


def _delete(call: Call, webhook_id: str) -> dict[str, Any]:
    return {"id": services.webhook_delete(webhook_id=webhook_id, by=call.caller.by).pk, "deleted": True}


def _enabled(call: Call, webhook_id: str) -> dict[str, Any]:
    given = {"webhook_id": webhook_id, "enabled": call.body.enabled}
    return webhook_shape(services.webhook_enabled_set(**given, by=call.caller.by))


def _test(call: Call, webhook_id: str) -> dict[str, Any]:
    return delivery_shape(services.webhook_test(webhook_id=webhook_id, by=call.caller.by))


def _deliveries(call: Call, webhook_id: str) -> dict[str, Any]:
    asked = call.query
    found = delivery_page(webhook_get(webhook_id), before=cursor_of(asked.cursor), limit=asked.limit + 1)
    more = str(found[asked.limit - 1].pk) if len(found) > asked.limit else ""
    return {"items": [delivery_shape(item) for item in found[: asked.limit]], "cursor": more}


def _redeliver(call: Call, webhook_id: str, delivery_id: int) -> dict[str, Any]:
    found = services.webhook_redeliver(webhook_id=webhook_id, delivery_id=delivery_id, by=call.caller.by)
    return delivery_shape(found)


_MISSING = "webhook_not_found"
ROUTES = (
    Route(
        "console/webhooks",
        "api_console_webhooks",
        [
            Operation("GET", _list, "Webhooks, oldest first", types.WebhookList),
            Operation(
                "POST",
                _add,
                "Add a webhook; its secret is in this answer and nowhere else",
                types.WebhookMade,
                body=types.Webhook,
                status=201,
                sensitive=True,
                codes=("webhook_url_invalid", "webhook_events_invalid", "too_many_webhooks"),
            ),
        ],
    ),
    Route(
        "console/webhooks/<str:webhook_id>",
        "api_console_webhook",
        [
            Operation("GET", _get, "One webhook", types.WebhookInfo, codes=(_MISSING,)),
            Operation(
                "DELETE",
                _delete,
                "Delete a webhook with its deliveries",
                types.WebhookDeleted,
                sensitive=True,
                codes=(_MISSING,),
            ),
        ],
    ),
    Route(
        "console/webhooks/<str:webhook_id>/enabled",
        "api_console_webhook_enabled",
        [
            Operation(
                "PUT",
                _enabled,
                "Send to a webhook, or no longer",
                types.WebhookInfo,
                body=types.Enabled,
                sensitive=True,
                codes=(_MISSING,),
            )
        ],
    ),
    Route(
        "console/webhooks/<str:webhook_id>/test",
        "api_console_webhook_test",
        [
            Operation(
                "POST",
                _test,
                "Queue a test event",
                types.DeliveryInfo,
                sensitive=True,
                codes=(_MISSING, "webhook_disabled"),
            )
        ],
    ),
    Route(
        "console/webhooks/<str:webhook_id>/deliveries",
        "api_console_webhook_deliveries",
        [
            Operation(
                "GET",
                _deliveries,
                "What was sent, newest first",
                types.DeliveryList,
                types.PageQuery,
                codes=(_MISSING, "cursor_invalid"),
            )
        ],
    ),
    Route(
        "console/webhooks/<str:webhook_id>/deliveries/<int:delivery_id>/retry",
        "api_console_webhook_redeliver",
        [
            Operation(
                "POST",
                _redeliver,
                "Try a failed delivery again, under the same id",
                types.DeliveryInfo,
                sensitive=True,
                codes=(_MISSING, "delivery_not_found", "delivery_not_failed", "webhook_disabled"),
            )
        ],
    ),
)
