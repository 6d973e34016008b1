"""What is logged, and where: standard error, one line each, in every process alike."""

from __future__ import annotations

from typing import Any

from hopkey.server.config import Config


def logging_settings(config: Config) -> dict[str, Any]:
    """For `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"hopkey": {"level": config.log_level.upper()}},
    }
