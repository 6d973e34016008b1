"""Appending to the audit trail, and removing what is older than it is to be kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from hopkey.server.audit.actor import Actor
from hopkey.server.audit.models import AuditEvent, AuditHead, AuditLink, Event


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
    made = _event(event, by, kind, id, label, detail or {}, at or timezone.now())
    made.save(force_insert=True)
    return made


def records(event: Event, *, by: Actor, kind: str, subjects: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
    """As `record` for many subjects (id, label, detail) of one act."""
    now = timezone.now()
    AuditEvent.objects.bulk_create(
        [_event(event, by, kind, id_, label, detail, now) for id_, label, detail in subjects], batch_size=500
    )


def audit_prune(*, before: datetime, by: Actor) -> int:
    """Remove the events from before this moment; the number removed. What is left can be verified as before."""
    with transaction.atomic(durable=True):
        head = AuditHead.objects.select_for_update().get(pk=1)
        first_kept = AuditLink.objects.filter(event__at__gte=before, seq__gt=head.pruned_seq).order_by("seq").first()
        through = (first_kept.seq if first_kept else head.seq + 1) - 1
        last = AuditLink.objects.filter(seq=through).first()
        if last is None or through <= head.pruned_seq:
            return 0
        old = AuditLink.objects.filter(seq__gt=head.pruned_seq, seq__lte=through)
        AuditHead.objects.filter(pk=1).update(pruned_seq=through, pruned_hash=last.hash, kept_from=before)
        # Raw: the ORM would read every row first to find what depends on it.
        removed = AuditEvent.objects.filter(pk__in=old.values("event_id"))._raw_delete("default")
        old._raw_delete("default")
        record(
            Event.AUDIT_PRUNED,
            by=by,
            kind="audit",
            label="audit trail",
            detail={"removed": removed, "before": before.isoformat(), "through": through, "hash": last.hash},
        )
    return removed


def _event(
    event: Event, by: Actor, kind: str, id_: str, label: str, detail: dict[str, Any], at: datetime
) -> AuditEvent:
    return AuditEvent(
        at=at,
        event=event.value,
        actor_id=_text(by.user_id, 64),
        actor_label=_text(by.label, 254),
        subject_kind=kind,
        subject_id=_text(id_, 64),
        subject_label=_text(label, 254),
        address=_text(by.address, 45),
        agent=_text(by.agent, 200),
        detail=_clean(detail),
    )


def _clean(value: Any) -> Any:
    """Without NUL in any text, however deep: PostgreSQL refuses it in JSON too."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _text(value: str, length: int) -> str:
    """Bounded, and without NUL, which PostgreSQL refuses."""
    return value.replace("\0", "")[:length]
