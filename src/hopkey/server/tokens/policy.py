"""The administrators' policy on tokens: pure rules, checked at generation and at every use.

Every plane asks here. What a policy stops, it stops at once, and what it lets go again works again: tokens are not
changed by it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import re2

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DAY_SECONDS = 86_400.0
PATTERN_LENGTH = 200
NETWORKS = 100
_SLACK_SECONDS = 60.0


class Over(StrEnum):
    """Why the policy stops a token. Values are stored in audit events: they are added to, never renamed."""

    NEVER = "never_expires"
    LIFETIME = "lifetime"
    LABEL = "label"
    COUNT = "too_many"
    UNUSED = "unused"


WORDS = {
    Over.NEVER: "never expires",
    Over.LIFETIME: "lives longer than allowed",
    Over.LABEL: "has a label without the required form",
    Over.COUNT: "is one of more tokens than its owner may have",
    Over.UNUSED: "was not used for too long",
}
"""Each reason as the end of a sentence that begins with the token."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed. Every default means no limit.

    ``max_days``: longest lifetime; it also rules out tokens that never expire. ``tokens_per_user``: of the tokens of
    one person that have not expired, the oldest so many work. ``unused_days``: a token not used for so long stops.
    ``networks``: tokens are used from there only. ``label_pattern``: what the whole label must match (RE2).
    """

    max_days: int | None = None
    never_allowed: bool = True
    tokens_per_user: int | None = None
    unused_days: int | None = None
    networks: tuple[Network, ...] = ()
    label_pattern: str = ""
    _matcher: Any = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Policy:
        """From stored values, by field name; missing ones are without limit."""
        pattern = values.get("label_pattern") or ""
        return cls(
            max_days=values.get("max_days"),
            never_allowed=bool(values.get("never_allowed", True)),
            tokens_per_user=values.get("tokens_per_user"),
            unused_days=values.get("unused_days"),
            networks=tuple(ipaddress.ip_network(text) for text in values.get("networks") or ()),
            label_pattern=pattern,
            _matcher=pattern_compile(pattern) if pattern else None,
        )

    @property
    def rules_out_never(self) -> bool:
        return not self.never_allowed or self.max_days is not None

    @property
    def idle_seconds(self) -> float | None:
        return None if self.unused_days is None else self.unused_days * DAY_SECONDS

    def lifetime_over(self, seconds: float | None) -> Over | None:
        """Whether a token may live so long (None: for ever)."""
        if seconds is None:
            return Over.NEVER if self.rules_out_never else None
        if self.max_days is not None and seconds > self.max_days * DAY_SECONDS + _SLACK_SECONDS:
            return Over.LIFETIME
        return None

    def label_over(self, label: str) -> Over | None:
        return Over.LABEL if self._matcher is not None and self._matcher.fullmatch(label) is None else None

    def over(self, *, seconds: float | None, label: str, older: int) -> Over | None:
        """Why a token is stopped by what does not change with time, or None.

        `seconds`: its lifetime, None for ever. `older`: how many of its owner's tokens that have not expired are
        older than it.
        """
        found = self.lifetime_over(seconds) or self.label_over(label)
        if found is None and self.tokens_per_user is not None and older >= self.tokens_per_user:
            return Over.COUNT
        return found

    def stops(self, *, seconds: float | None, label: str, older: int, idle: float) -> Over | None:
        """As `over`, with the time a token has not been used (`idle`, seconds) judged too."""
        found = self.over(seconds=seconds, label=label, older=older)
        if found is None and self.idle_seconds is not None and idle >= self.idle_seconds:
            return Over.UNUSED
        return found


FREE = Policy()
"""No limits."""


def lifetime_seconds(created: datetime, expires: datetime | None) -> float | None:
    """For how long a token was generated, None for ever."""
    return None if expires is None else (expires - created).total_seconds()


def pattern_compile(pattern: str) -> Any:
    """RE2: matching takes time linear in the label, whatever the pattern. Raises `ValueError` for a bad pattern."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        said = error.args[0] if error.args else b""
        raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None
