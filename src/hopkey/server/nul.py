"""The character NUL: no text of ours has it, and PostgreSQL stores none. Pure."""

from __future__ import annotations

from typing import Any


def holds_nul(value: Any) -> bool:
    """Whether a JSON value has NUL in any of its texts, names included."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return False
