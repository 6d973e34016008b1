"""Who presents an automation token: one indexed read, on every request. Nothing is cached, so nothing can be stale."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from hopkey.server.accounts.models import User
from hopkey.server.audit.actor import Actor
from hopkey.server.automation.judging import ALLOWS, Access, AutomationRecord, Need, Refusal, judge
from hopkey.server.automation.models import AutomationToken
from hopkey.server.tokens.format import AUTOMATION_PREFIX, bearer_token, is_of_kind, token_digest

MAX_AUTHORIZATION = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a good token: the token, and the active administrator in whose name it acts."""

    token: AutomationToken
    creator: User

    def may(self, need: Need) -> bool:
        return need in ALLOWS[Access(self.token.access)]

    def actor(self, *, address: str = "", agent: str = "") -> Actor:
        """The actor of what is done with the token: found in the audit trail by the public id."""
        label = f"automation token “{self.token.label}” of {self.creator.email}"
        return Actor(user_id=f"{AUTOMATION_PREFIX}{self.token.public_id}", label=label, address=address, agent=agent)


@dataclass(frozen=True, slots=True)
class Refused:
    """A token that was refused, and its public id if it is one of ours."""

    reason: Refusal
    public_id: str = ""


def administrator_of(authorization: str, address: str, now: float) -> Holder | Refused:
    """Who acts, by the ``Authorization`` header, from `address`, at `now` (seconds since the epoch).

    Reads only: counting failures and noting the use is `hopkey.server.automation.entry`.
    """
    if not authorization:
        return Refused(Refusal.MISSING)
    text = bearer_token(authorization[:MAX_AUTHORIZATION]) or ""
    if not is_of_kind(text, AUTOMATION_PREFIX):
        return Refused(Refusal.MALFORMED)
    digest = token_digest(text)
    token = AutomationToken.objects.select_related("creator").filter(digest=digest).first()
    refusal = judge(_record(token), digest=digest, now=now, address=address)
    if token is None or refusal is Refusal.UNKNOWN:
        return Refused(Refusal.UNKNOWN)
    if refusal is not None:
        return Refused(refusal, token.public_id)
    return Holder(token, token.creator)


def _record(token: AutomationToken | None) -> AutomationRecord | None:
    if token is None:
        return None
    return AutomationRecord(
        public_id=token.public_id,
        digest=bytes(token.digest),
        access=Access(token.access),
        creator_active=token.creator.is_active,
        creator_administrator=token.creator.is_administrator,
        expires_at=token.expires_at.timestamp() if token.expires_at else None,
        networks=[ipaddress.ip_network(text) for text in token.networks],
    )
