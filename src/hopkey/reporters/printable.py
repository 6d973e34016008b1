"""What others wrote, on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Without control characters: an answer must not be able to steer the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)
