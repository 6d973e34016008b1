"""How many unknown tokens an address may present: counted after a failure, so that a valid token is never refused."""

from __future__ import annotations

from collections import OrderedDict

WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000


class FailureLimiter:
    """Counts failures by address in windows of a minute. `limit` 0: no limit. Bounded memory."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def failed(self, key: str, now: float) -> float:
        """Count one failure at `now` (seconds, monotonic); seconds to wait where there were too many, else 0."""
        if not self.limit:
            return 0.0
        start, count = self._counts.get(key, (now, 0))
        if now - start >= WINDOW_SECONDS:
            start, count = now, 0
        self._counts[key] = (start, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > MAX_ADDRESSES:
            self._counts.popitem(last=False)
        return max(1.0, start + WINDOW_SECONDS - now) if count >= self.limit else 0.0
