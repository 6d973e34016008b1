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
    r"|(?P<begun>hk[pi]_[0-9A-Za-z]{4})[0-9A-Za-z_-]+"
    r"|(?P<imported>pat-[0-9a-f]{4})[0-9a-f-]+"
    r"|(?P<link>/(?:welcome|join)/)[^/\s?]+"
)


def logging_settings(config: Config) -> dict[str, Any]:
    """For `logging.config.dictConfig`."""
    # What anybody can cause by asking for nonsense is no warning: it would drown those that are.
    asked = "INFO" if config.log_level == "debug" else "ERROR"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": "hopkey.server.logs.Lines", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
        },
        "filters": {"secrets": {"()": "hopkey.server.logs.SecretsFilter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "hopkey": {"level": config.log_level.upper()},
            # They write addresses: the filter stands there too, for handlers that others add.
            "django.request": {"level": asked, "filters": ["secrets"]},
            "django.security.csrf": {"level": asked, "filters": ["secrets"]},
            # Its warnings hold whole addresses; those of webhooks may carry a secret of the receiver's.
            "urllib3": {"level": "CRITICAL"},
        },
    }


def secrets_removed(text: str) -> str:
    """`text` with tokens and the secrets of one-time links cut off."""
    return _SECRETS.sub(lambda found: "".join(part for part in found.groups() if part) + "…", text)


class SecretsFilter(logging.Filter):
    """Rewrites every message that passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = secrets_removed(record.getMessage()), ()
        return True


class Lines(logging.Formatter):
    """Lines without tokens and one-time links; no stack for a request to a host that is not ours."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "django.security.DisallowedHost":
            record.exc_info = record.exc_text = None
        return secrets_removed(super().format(record))
