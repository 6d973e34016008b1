"""One shape for each thing, the same in the JSON API, in exports and at the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hopkey.server.accounts.models import OneTimeLink, User
from hopkey.server.audit.chain import Verdict
from hopkey.server.audit.models import AuditEvent
from hopkey.server.automation.models import AutomationToken
from hopkey.server.automation.selectors import stopped_by
from hopkey.server.mail.models import Message
from hopkey.server.tokens.dry_run import DryRun
from hopkey.server.tokens.models import Token
from hopkey.server.tokens.policy import Over, Policy
from hopkey.server.webhooks.models import Delivery, Endpoint


def moment(value: datetime | None) -> str | None:
    """As JavaScript writes moments: UTC, milliseconds and Z."""
    if value is None:
        return None
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


TOKEN_COLUMNS = (
    "id", "publicId", "label", "owner.id", "owner.name", "owner.email", "state", "overPolicy", "teams", "networks",
    "createdOn", "expiresOn", "lastUsedOn", "lastUsedFrom", "lastUsedWith",
)  # fmt: skip
EVENT_COLUMNS = (
    "id", "at", "event", "actor.id", "actor.label", "subject.kind", "subject.id", "subject.label", "address", "agent",
    "detail",
)  # fmt: skip


def token_shape(token: Token, *, now: datetime, over: Over | None = None) -> dict[str, Any]:
    """A token for those who oversee it; never its digest."""
    use = getattr(token, "use", None)
    return {
        "id": str(token.pk),
        "publicId": token.public_id,
        "label": token.label,
        "owner": {"id": token.owner_id, "name": token.owner.name, "email": token.owner.email},
        "state": token_state(token, now=now, over=over),
        "overPolicy": over.value if over else None,
        "teams": (
            [{"id": grant.workspace_id, "name": grant.workspace.name} for grant in token.grants.all()]
            if token.restricted
            else None
        ),
        "networks": token.networks,
        "createdOn": moment(token.created_at),
        "expiresOn": moment(token.expires_at),
        "lastUsedOn": moment(use.used_at) if use else None,
        "lastUsedFrom": use.address or None if use else None,
        "lastUsedWith": use.agent or None if use else None,
    }


def token_state(token: Token, *, now: datetime, over: Over | None = None) -> str:
    """``live``, or why it is refused: ``expired``, ``owner_inactive``, ``over_policy``; in the order of the checks."""
    if token.expires_at is not None and token.expires_at <= now:
        return "expired"
    if not token.owner.is_active:
        return "owner_inactive"
    return "over_policy" if over is not None else "live"


def automation_shape(token: AutomationToken, *, now: datetime) -> dict[str, Any]:
    """An automation token for administrators; never its digest."""
    use = getattr(token, "use", None)
    return {
        "id": str(token.pk),
        "publicId": token.public_id,
        "label": token.label,
        "access": token.access,
        "creator": {"id": token.creator_id, "name": token.creator.name, "email": token.creator.email},
        "stoppedBy": stopped_by(token, now) or None,
        "networks": token.networks,
        "createdOn": moment(token.created_at),
        "expiresOn": moment(token.expires_at),
        "lastUsedOn": moment(use.used_at) if use else None,
        "lastUsedFrom": use.address or None if use else None,
        "lastUsedWith": use.agent or None if use else None,
    }


def event_shape(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "at": moment(event.at),
        "event": event.event,
        "actor": {"id": event.actor_id or None, "label": event.actor_label or None},
        "subject": {
            "kind": event.subject_kind or None,
            "id": event.subject_id or None,
            "label": event.subject_label or None,
        },
        "address": event.address or None,
        "agent": event.agent or None,
        "detail": event.detail,
    }


def user_shape(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "administrator": user.is_administrator,
        "active": user.is_active,
        "createdOn": moment(user.created_at),
        "lastSignIn": moment(user.last_login),
    }


def invite_shape(link: OneTimeLink) -> dict[str, Any]:
    """An open invitation; its secret is known to nobody but its holder."""
    return {
        "email": link.email,
        "administrator": link.administrator,
        "createdOn": moment(link.created_at),
        "expiresOn": moment(link.expires_at),
    }


def team_token_shape(token: Token, *, now: datetime, over: Over | None = None) -> dict[str, Any]:
    """A token for the owners of a team that it reaches: nothing of its owner's other teams, networks or addresses."""
    use = getattr(token, "use", None)
    return {
        "id": str(token.pk),
        "publicId": token.public_id,
        "label": token.label,
        "owner": {"id": token.owner_id, "name": token.owner.name, "email": token.owner.email},
        "state": token_state(token, now=now, over=over),
        "createdOn": moment(token.created_at),
        "expiresOn": moment(token.expires_at),
        "lastUsedOn": moment(use.used_at) if use else None,
    }


def policy_shape(policy: Policy) -> dict[str, Any]:
    return {
        "maxDays": policy.max_days,
        "neverAllowed": policy.never_allowed,
        "tokensPerUser": policy.tokens_per_user,
        "unusedDays": policy.unused_days,
        "networks": [str(network) for network in policy.networks],
        "labelPattern": policy.label_pattern,
    }


def policy_run_shape(policy: Policy, run: DryRun) -> dict[str, Any]:
    return {
        "policy": policy_shape(policy),
        "whole": run.whole,
        "judged": run.judged,
        "live": run.live,
        "newly": run.newly,
        "margin": run.margin,
        "freed": run.freed,
        "outside": run.outside,
        "owners": run.owners,
        "reasons": {over.value: count for over, count in run.reasons.items()},
        "tokens": [
            {
                "id": str(item.id),
                "publicId": item.public_id,
                "label": item.label,
                "owner": {"id": item.owner_id, "name": item.owner_email},
                "why": item.why.value,
            }
            for item in run.shown
        ],
    }


def verdict_shape(verdict: Verdict) -> dict[str, Any]:
    return {
        "whole": not verdict.fault,
        "fault": verdict.fault,
        "checked": verdict.checked,
        "removed": verdict.pruned_seq,
        "head": f"{verdict.seq}:{verdict.hash}",
    }


def mail_shape(message: Message) -> dict[str, Any]:
    """What is said of a mail: never its text."""
    return {
        "id": str(message.pk),
        "state": message.state,
        "to": message.to,
        "subject": message.subject,
        "template": message.template,
        "attempts": message.attempts,
        "error": message.error,
        "createdOn": moment(message.created_at),
        "endedOn": moment(message.ended_at),
    }


def webhook_shape(endpoint: Endpoint) -> dict[str, Any]:
    """What is said of a webhook: never its secret."""
    return {
        "id": endpoint.pk,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "enabled": endpoint.enabled,
        "disabledWhy": endpoint.disabled_why,
        "createdOn": moment(endpoint.created_at),
        "failingSince": moment(endpoint.failing_since),
        "deliveredOn": moment(endpoint.delivered_at),
    }


def delivery_shape(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.pk),
        "webhookId": delivery.key,
        "event": delivery.event,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "status": delivery.status,
        "error": delivery.error,
        "answer": delivery.answer,
        "createdOn": moment(delivery.created_at),
        "endedOn": moment(delivery.ended_at),
    }
