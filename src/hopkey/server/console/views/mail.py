"""The outbox: what waits, what was sent, what failed and why."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from hopkey.server.config import current
from hopkey.server.errors import DomainError
from hopkey.server.mail import services
from hopkey.server.mail.models import State
from hopkey.server.mail.selectors import PAGE_SIZE, mail_counts, mail_page
from hopkey.server.ui.access import administrator_only
from hopkey.server.ui.actors import actor_of, user_of
from hopkey.server.ui.numbers import number_of

STATES = (
    ("", "All"),
    (State.QUEUED.value, "Waiting"),
    (State.SENT.value, "Sent"),
    (State.FAILED.value, "Failed"),
    (State.UNSET.value, "Not sent"),
    (State.LATE.value, "Too late"),
    (State.DISCARDED.value, "Discarded"),
)


@require_safe
@administrator_only
def mail(request: HttpRequest) -> HttpResponse:
    state = request.GET.get("state", "")
    if state and state not in set(State):
        raise DomainError("filter_invalid", f"state is one of {', '.join(State)}.", field="state")
    before = number_of(request.GET.get("before", ""))
    found = mail_page(state=state, before=before, limit=PAGE_SIZE + 1)
    counts = mail_counts()
    query = {"state": state} if state else {}
    context: dict[str, Any] = {
        "mails": found[:PAGE_SIZE],
        "states": [(value, text, counts.get(value, sum(counts.values()))) for value, text in STATES],
        "state": state,
        "words": dict(STATES),
        "failed": counts[State.FAILED],
        "sender": current().mail_from,
        "public_url": current().public_url,
        "base_url": current().base_url,
        "days": current().outbox_days,
        "next": "?" + urlencode({**query, "before": found[PAGE_SIZE - 1].pk}) if len(found) > PAGE_SIZE else "",
        "first": "?" + urlencode(query) if before is not None else "",
        "section": "mail",
    }
    return render(request, "console/mail.html", context)


@require_POST
@administrator_only
def test(request: HttpRequest) -> HttpResponse:
    to = user_of(request).email
    services.mail_test(to=to, by=actor_of(request))
    messages.success(request, f"A test mail to {to} is on its way: this list says what becomes of it.")
    return redirect("console_mail")


@require_POST
@administrator_only
def retry(request: HttpRequest, message_id: int) -> HttpResponse:
    message = services.mail_retry(message_id=message_id, by=actor_of(request))
    messages.success(request, f"The mail to {message.to} is tried again.")
    return _failed()


@require_POST
@administrator_only
def retry_failed(request: HttpRequest) -> HttpResponse:
    count = services.mail_retry_failed(by=actor_of(request))
    messages.success(request, f"Mails that are tried again: {count}.")
    return redirect("console_mail")


@require_POST
@administrator_only
def discard(request: HttpRequest, message_id: int) -> HttpResponse:
    message = services.mail_discard(message_id=message_id, by=actor_of(request))
    messages.success(request, f"The mail to {message.to} will not be sent.")
    return _failed()


def _failed() -> HttpResponse:
    return redirect(reverse("console_mail") + "?state=failed")
