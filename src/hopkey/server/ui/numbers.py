"""Numbers that stand in addresses."""

from __future__ import annotations


def number_of(text: str) -> int | None:
    """A whole number of an address's query; None for anything that is none, or too large for an id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
