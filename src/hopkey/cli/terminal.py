"""The world of a command: its streams, its environment variables, and whether to use colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Terminal:
    """Results go to ``out``, progress and errors to ``err``. Tests hand in a world of their own."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    stdin: TextIO = field(default_factory=lambda: sys.stdin)

    def colours_on(self, stream: TextIO) -> bool:
        """Only on a terminal, and not where NO_COLOR is set (no-color.org)."""
        return not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb" and stream.isatty()

    @property
    def shows_progress(self) -> bool:
        """Whether somebody watches: a terminal that can take a line away, and no pipeline."""
        return self.err.isatty() and self.environ.get("TERM") != "dumb" and not self.environ.get("CI")
