"""No secret stands in a log, also where somebody put one into an address by mistake."""

from __future__ import annotations

import logging
import re

_SECRETS = re.compile(
    r"(?P<token>hkp_[0-9A-Za-z]{12})_?[0-9A-Za-z]+"  # a token: its public id stays, to find it by
    r"|(?P<imported>pat-[0-9a-f]{8})-[0-9a-f-]+"
    r"|(?P<link>/(?:welcome|join)/)[^/\s?]+"
)


def secrets_removed(text: str) -> str:
    """`text` with tokens and the secrets of one-time links cut off."""
    return _SECRETS.sub(lambda found: "".join(part for part in found.groups() if part) + "…", text)


class SecretsFilter(logging.Filter):
    """Rewrites every message that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = secrets_removed(record.getMessage()), ()
        return True
