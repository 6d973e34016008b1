"""Templates: ``<<name>>`` in a text stands for the value of a variable."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_DEPTH = 10
_VARIABLE = re.compile(r"<<([^>]*)>>")
MAX_LENGTH = 10_000_000


class TemplateLoop(Exception):
    """Variables that refer to each other in a circle, or that grow without end."""


class UnknownVariable(Exception):
    """A name that stands for nothing, in a text where every name must be known."""


def render(text: str, lookup: Callable[[str], str | None], *, strict: bool = False) -> str:
    """`text` with each ``<<name>>`` replaced by ``lookup(name)``, again and again, at most ten levels deep.

    An unknown name (None) becomes nothing, as in the official runner; where `strict`, it raises `UnknownVariable`.
    A variable that names nothing but itself stays as it stands. Raises `TemplateLoop`.
    """
    if "<<" not in text:
        return text

    grown = 0

    def value(match: re.Match[str]) -> str:
        nonlocal grown
        found = lookup(match.group(1))
        if found is None and strict:
            raise UnknownVariable(match.group(1))
        grown += len(found or "")
        if grown > MAX_LENGTH:
            raise TemplateLoop(f"variables stand for more than {MAX_LENGTH:,} characters")
        return found or ""

    for _ in range(MAX_DEPTH):
        changed = _VARIABLE.sub(value, text)
        if changed == text and not strict:
            return text
        text = changed
        if "<<" not in text:
            return text
    if _VARIABLE.search(text):
        raise TemplateLoop("variables refer to each other in a circle")
    return text
