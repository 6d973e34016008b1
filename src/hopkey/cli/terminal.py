"""The world of a command: its streams, its environment variables, and whether to use colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO


class Terminal:
    """Results go to ``out``, progress and errors to ``err``. Tests hand in a world of their own.

    No dataclass: what makes one takes longer to load than all else that ``--version`` needs.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        environ: Mapping[str, str] | None = None,
        stdin: TextIO | None = None,
    ) -> None:
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self.stdin = sys.stdin if stdin is None else stdin

    def colours_on(self, stream: TextIO) -> bool:
        """Only on a terminal, and not where NO_COLOR is set (no-color.org)."""
        return not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb" and stream.isatty()

    @property
    def shows_progress(self) -> bool:
        """Whether somebody watches: a terminal that can take a line away, and no pipeline."""
        return self.err.isatty() and self.environ.get("TERM") != "dumb" and not self.environ.get("CI")
