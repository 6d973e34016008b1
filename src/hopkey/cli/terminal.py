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

    @property
    def colours(self) -> bool:
        """Only on a terminal, and not where NO_COLOR is set (no-color.org)."""
        return not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb" and self.out.isatty()
