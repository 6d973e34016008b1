"""What is logged, and where: standard error, one line each, in every process alike, without secrets."""

from __future__ import annotations

import logging
import re
from typing import Any

from hopkey.server.config import Config

_SECRETS = (
    (re.compile(r"\b(hkp_[0-9A-Za-z]{4}|pat-[0-9a-f]{4})[0-9A-Za-z_-]+"), r"\1..."),
    # Frameworks log the address of a request that went wrong, and these addresses are keys.
    (re.compile(r"/(welcome|join)/[^\s/?]+"), r"/\1/..."),
)


def logging_settings(config: Config) -> dict[str, Any]:
    """For `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": "hopkey.server.logs.Lines", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "hopkey": {"level": config.log_level.upper()},
            # What anybody can cause by asking for nonsense is no warning: it would drown those that are.
            "django.request": {"level": "INFO" if config.log_level == "debug" else "ERROR"},
            "django.security.csrf": {"level": "INFO" if config.log_level == "debug" else "ERROR"},
        },
    }


class Lines(logging.Formatter):
    """Lines without tokens and one-time links; no stack for a request to a host that is not ours."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "django.security.DisallowedHost":
            record.exc_info = record.exc_text = None
        text = super().format(record)
        for pattern, put in _SECRETS:
            text = pattern.sub(put, text)
        return text
