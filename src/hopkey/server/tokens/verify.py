"""Whether a presented token may be used now: one pure function, called by every plane.

Order of the checks (docs/security.md): form and checksum, which need no look-up (`hopkey.server.tokens.format`); the
digest, by which the caller found `record`; expiry; owner; policy; network. What the token may then read is
`hopkey.server.access.rules`. "Expired" is thereby said only to somebody who holds the right secret.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from hopkey.server.tokens.policy import FREE, Network, Over, Policy


class Refusal(StrEnum):
    """Why a token was refused. Only `EXPIRED` and `POLICY` are told to the one who presents it; the rest look alike."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    OWNER_INACTIVE = "owner_inactive"
    POLICY = "policy"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is stored of a token, and of its owner, as far as verification needs it.

    ``expires_at`` is in seconds since the epoch, None for never. ``grants`` is None for a token that is not
    restricted to teams, otherwise the ids of those teams (perhaps none). ``teams`` are the ids of the team
    workspaces the owner is a member of. ``over``: what the policy has against it whatever the time; ``idle_since``: its
    last use, or generation, in seconds since the epoch, as far as was known when the record was read.
    """

    id: int
    public_id: str
    digest: bytes
    owner_id: str
    owner_active: bool
    expires_at: float | None
    grants: frozenset[str] | None
    networks: tuple[Network, ...]
    teams: frozenset[str]
    over: Over | None = None
    idle_since: float = 0.0
    policy: Policy = FREE

    def __repr__(self) -> str:
        return f"TokenRecord(public_id={self.public_id!r})"


def verify(record: TokenRecord | None, *, digest: bytes, now: float, address: str) -> Refusal | None:
    """None when the token may be used at `now` (seconds since the epoch) from `address`, else why not.

    `digest` is that of the presented token; it is compared in constant time although the record was found by it, so
    that a look-up that answers too generously (a collation, a cache) lets nobody in.
    """
    if record is None or not hmac.compare_digest(record.digest, digest):
        return Refusal.UNKNOWN
    if record.expires_at is not None and now >= record.expires_at:
        return Refusal.EXPIRED
    if not record.owner_active:
        return Refusal.OWNER_INACTIVE
    if stopped_by_policy(record, now) is not None:
        return Refusal.POLICY
    if record.networks and not _within(address, record.networks):
        return Refusal.NETWORK
    if record.policy.networks and not _within(address, record.policy.networks):
        return Refusal.NETWORK
    return None


def stopped_by_policy(record: TokenRecord, now: float) -> Over | None:
    """What the administrators' policy has against this token at `now`, other than the network it is used from."""
    if record.over is not None:
        return record.over
    idle = record.policy.idle_seconds
    return Over.UNUSED if idle is not None and now - record.idle_since >= idle else None


def may_have_changed(over: Over | None) -> bool:
    """Whether time alone may lift this refusal, so that a record read earlier is to be read again before refusing.

    Uses, and the expiry of other tokens, are no changes of authority: caches do not hear of them.
    """
    return over is Over.UNUSED or over is Over.COUNT


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)
