"""One line that says how far a run is, for people who watch a terminal."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

_AFTER_SECONDS = 0.3


class Progress:
    """Draws on `err`, and takes its line away before anything else is written. Not `shown`: does nothing."""

    def __init__(self, err: TextIO, *, total: int, shown: bool) -> None:
        self._err = err
        self._total = total
        self._shown = shown and total > 1
        self._done = 0
        self._drawn = False
        self._start = time.monotonic()

    def start(self, path: str) -> None:
        """A request begins. Short runs end before there is anything to show."""
        if not self._shown or time.monotonic() - self._start < _AFTER_SECONDS:
            return
        width = shutil.get_terminal_size().columns
        text = f"[{self._done + 1}/{self._total}] {path}"
        safe = "".join(c if c.isprintable() else "?" for c in text)
        self._err.write("\r\x1b[K" + safe[: max(10, width - 1)])
        self._err.flush()
        self._drawn = True

    def done(self) -> None:
        """A request has ended."""
        self._done += 1

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self._err.write("\r\x1b[K")
            self._err.flush()
            self._drawn = False
