"""Places and words of the engine's errors, as people know them. Pure."""

from __future__ import annotations

import re

STRICT = '"use strict";'
"""What stands before a script; the columns of its first line are counted behind it."""


def stack_place(stack: str, *, strict: bool) -> str:
    """`` (line:column)`` from the first line of a QuickJS stack; the function constructor adds two lines on top."""
    first = stack.strip().splitlines()[0] if stack.strip() else ""
    parts = first.rstrip(")").rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        line, column = max(1, int(parts[1]) - 2), int(parts[2])
        return f" ({line}:{column - len(STRICT) if strict and line == 1 else column})"
    return ""


def legacy_wording(message: str) -> str:
    """The engine's words as those of V8, which stands behind the older sandbox of the official runner."""
    message = re.sub(r"^'(.*)' is not defined$", r"\1 is not defined", message)
    return re.sub(
        r"^cannot read property '(.*)' of (null|undefined)$", r"Cannot read properties of \2 (reading '\1')", message
    )
