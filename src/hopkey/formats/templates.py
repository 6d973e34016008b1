"""Templates: ``<<name>>`` in a text stands for the value of a variable."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_DEPTH = 10
_VARIABLE = re.compile(r"<<([^<>]*)>>")
MAX_LENGTH = 10_000_000


class TemplateLoop(Exception):
    """Variables that refer to each other in a circle, or that grow without end."""


def render(text: str, lookup: Callable[[str], str | None]) -> str:
    """`text` with each ``<<name>>`` replaced by ``lookup(name)``, again and again, at most ten levels deep.

    An unknown name (None) becomes nothing, as in the official runner. Raises `TemplateLoop`.
    """
    if "<<" not in text:
        return text
    for _ in range(MAX_DEPTH + 1):
        changed = _VARIABLE.sub(lambda match: lookup(match.group(1)) or "", text)
        if changed == text or len(changed) > MAX_LENGTH:
            break
        text = changed
        if "<<" not in text:
            return text
    if _VARIABLE.search(text):
        raise TemplateLoop("variables refer to each other in a circle")
    return text
