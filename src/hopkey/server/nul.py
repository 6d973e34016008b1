"""What no text of ours has and no database of ours keeps: the character NUL, and halves of characters (surrogates),
which JSON can name and UTF-8 cannot hold. Pure.
"""

from __future__ import annotations

import re
from typing import Any

_UNFIT = re.compile("[\0\ud800-\udfff]")

UNFIT = "No text may hold the character NUL or half a character."


def holds_unfit(value: Any) -> bool:
    """Whether a JSON value has NUL or half a character in any of its texts, names included."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if _UNFIT.search(item):
                return True
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return False
