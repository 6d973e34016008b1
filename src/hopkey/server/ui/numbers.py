"""Numbers that stand in addresses."""

from __future__ import annotations

from hopkey.server.errors import DomainError


def number_of(text: str) -> int | None:
    """A whole number of an address's query; None for anything that is none, or too large for an id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def cursor_of(text: str) -> int | None:
    """The id before which a page begins, None for the first. Raises `DomainError` (``cursor_invalid``)."""
    number = number_of(text)
    if text and number is None:
        raise DomainError("cursor_invalid", "This page of the list does not exist: go back to the first.")
    return number
