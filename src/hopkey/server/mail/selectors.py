"""Reading the outbox."""

from __future__ import annotations

import json
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from hopkey.server.mail.models import Message, State
from hopkey.server.mail.rendering import Rendered
from hopkey.server.sealing import unseal

PAGE_SIZE = 30


def mail_page(*, state: str = "", before: int | None = None, limit: int = PAGE_SIZE) -> list[Message]:
    """Mails newest first, without their texts: of a state, older than the one with the id `before`."""
    messages = Message.objects.defer("body").order_by("-pk")
    if state:
        messages = messages.filter(state=state)
    if before is not None:
        messages = messages.filter(pk__lt=before)
    return list(messages[:limit])


def mail_counts() -> dict[str, int]:
    """How many mails there are in each state, those of none included; one query."""
    found = dict(Message.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state.value: found.get(state.value, 0) for state in State}


def mail_count_lately(*, to: str, template: str, hours: int = 24) -> int:
    """How many mails of this kind were written to this address in the last hours, sent or not."""
    since = timezone.now() - timedelta(hours=hours)
    return Message.objects.filter(to=to, template=template, created_at__gt=since).count()


def body_open(message: Message) -> Rendered:
    """A mail's texts. Raises `hopkey.server.sealing.SealBroken`."""
    data = json.loads(unseal(message.body, purpose="mail", place=message.key))
    return Rendered(message.subject, data["text"], data["html"], tuple(data["secrets"]))
