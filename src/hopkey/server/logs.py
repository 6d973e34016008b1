"""What is logged, and where: standard error, one line each, in every process alike; and no secret in it, also where
somebody put one into an address by mistake.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from hopkey.server.config import Config

_SECRETS = re.compile(
    r"(?P<token>hk[pi]_[0-9A-Za-z]{12})_?[0-9A-Za-z]+"  # a token: its public id stays, to find it by
    r"|(?P<imported>pat-[0-9a-f]{8})-[0-9a-f-]+"
    r"|(?P<link>/(?:welcome|join)/)[^/\s?]+"
)


def logging_settings(config: Config) -> dict[str, Any]:
    """For `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "filters": {"secrets": {"()": "hopkey.server.logs.SecretsFilter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["secrets"]}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        # The second logger writes addresses: the filter stands there too, for handlers that others add.
        "loggers": {"hopkey": {"level": config.log_level.upper()}, "django.request": {"filters": ["secrets"]}},
    }


def secrets_removed(text: str) -> str:
    """`text` with tokens and the secrets of one-time links cut off."""
    return _SECRETS.sub(lambda found: "".join(part for part in found.groups() if part) + "…", text)


class SecretsFilter(logging.Filter):
    """Rewrites every message that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = secrets_removed(record.getMessage()), ()
        return True
