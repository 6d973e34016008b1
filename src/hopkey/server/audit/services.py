"""Appending to the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import AuditEvent, Event


def record(
    event: Event,
    *,
    by: Actor,
    kind: str = "",
    id: str = "",
    label: str = "",
    detail: dict[str, Any] | None = None,
    at: datetime | None = None,
) -> AuditEvent:
    """Append one event in the caller's transaction: what happened and its record stand or fall together."""
    return AuditEvent.objects.create(
        at=at or timezone.now(),
        event=event.value,
        actor_id=by.user_id[:64],
        actor_label=by.label[:254],
        subject_kind=kind,
        subject_id=id[:64],
        subject_label=label[:254],
        address=by.address[:45],
        agent=by.agent[:200],
        detail=detail or {},
    )
