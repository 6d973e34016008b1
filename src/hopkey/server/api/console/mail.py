"""The outbox: what waits, was sent or failed; trying again and discarding."""

from __future__ import annotations

from typing import Any

from hopkey.server.api import types
from hopkey.server.api.operations import Call, Operation, Route
from hopkey.server.errors import DomainError
from hopkey.server.exports.shapes import mail_shape
from hopkey.server.mail import services
from hopkey.server.mail.models import State
from hopkey.server.mail.selectors import mail_page
from hopkey.server.mail.settings import is_set_up
from hopkey.server.ui.numbers import cursor_of


def _list(call: Call) -> dict[str, Any]:
    asked = call.query
    if asked.state and asked.state not in set(State):
        raise DomainError("filter_invalid", f"state is one of {', '.join(State)}.", field="state")
    found = mail_page(state=asked.state, before=cursor_of(asked.cursor), limit=asked.limit + 1)
    more = str(found[asked.limit - 1].pk) if len(found) > asked.limit else ""
    return {"setUp": is_set_up(), "items": [mail_shape(item) for item in found[: asked.limit]], "cursor": more}


def _test(call: Call) -> dict[str, Any]:
    return mail_shape(services.mail_test(to=call.caller.by.label, by=call.caller.by))


def _retry_failed(call: Call) -> dict[str, Any]:
    return {"retried": services.mail_retry_failed(by=call.caller.by)}


def _retry(call: Call, message_id: int) -> dict[str, Any]:
    message = services.mail_retry(message_id=message_id, by=call.caller.by)
    message.refresh_from_db()
    return mail_shape(message)


def _discard(call: Call, message_id: int) -> dict[str, Any]:
    return mail_shape(services.mail_discard(message_id=message_id, by=call.caller.by))


_MISSING = "mail_not_found"
ROUTES = (
    Route(
        "console/mail",
        "api_console_mail",
        [
            Operation(
                "GET",
                _list,
                "Mails, newest first; their texts are not kept",
                types.MailList,
                types.MailQuery,
                codes=("filter_invalid", "cursor_invalid"),
            )
        ],
    ),
    Route(
        "console/mail/test",
        "api_console_mail_test",
        [Operation("POST", _test, "Queue a test mail to oneself", types.MailInfo, sensitive=True)],
    ),
    Route(
        "console/mail/retry",
        "api_console_mail_retry_failed",
        [Operation("POST", _retry_failed, "Try the failed mails again", types.Retried, sensitive=True)],
    ),
    Route(
        "console/mail/<int:message_id>/retry",
        "api_console_mail_retry",
        [
            Operation(
                "POST",
                _retry,
                "Try a failed mail again",
                types.MailInfo,
                sensitive=True,
                codes=(_MISSING, "mail_not_failed"),
            )
        ],
    ),
    Route(
        "console/mail/<int:message_id>/discard",
        "api_console_mail_discard",
        [
            Operation(
                "POST", _discard, "Never send a mail", types.MailInfo, sensitive=True, codes=(_MISSING, "mail_ended")
            )
        ],
    ),
)
