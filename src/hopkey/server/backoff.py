"""When to try again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds until the next try: ``first``, then ``factor`` times as long each time, at most ``longest``; each a
    quarter longer or shorter by chance, so that what failed together does not come back together. ``tries``: then no
    more.
    """

    first: float
    factor: float
    longest: float
    tries: int

    def seconds(self, attempts: int, chance: float | None = None) -> float | None:
        """After so many failed tries (1 or more), or None for never. `chance`: from 0 to 1."""
        if attempts >= self.tries:
            return None
        # Bounded before the power is taken: it is a float only up to 308 digits.
        plain = min(self.first * self.factor ** min(attempts - 1, 60), self.longest)
        spread = random.random() if chance is None else chance  # noqa: S311 - no secret
        return plain * (0.75 + spread / 2)


MAIL = Backoff(first=30, factor=2, longest=4 * 3600, tries=14)
"""About 20 hours in all."""
URGENT = Backoff(first=3, factor=2, longest=60, tries=14)
"""Somebody waits for it: about ten minutes in all."""

WEBHOOK = Backoff(first=5, factor=4, longest=6 * 3600, tries=12)
"""About a day and a half in all."""
