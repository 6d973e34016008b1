"""Flags of the settings, from the one table in `hopkey.server.config`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import fields

from hopkey.server.config import Config, ConfigError


def add_settings(parser: argparse.ArgumentParser, names: Sequence[str] | None = None) -> None:
    """Add a flag for each setting that has one (`names`: only these)."""
    group = parser.add_argument_group("settings", "Each flag has an environment variable; the flag wins.")
    for item in fields(Config):
        if not item.metadata["flag"] or (names is not None and item.name not in names):
            continue
        default = getattr(Config(), item.name)
        if isinstance(default, bool):
            shown = "yes" if default else "no"
        else:
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
        group.add_argument(
            "--" + item.name.replace("_", "-"),
            metavar="VALUE",
            help=f"{item.metadata['help']} [{item.metadata['variable']}; {shown or 'empty'}]".replace("%", "%%"),
        )


def settings_epilog() -> str:
    """The settings that have no flag, because a flag shows in the process list."""
    lines = ["settings by environment variable only:"]
    for item in fields(Config):
        if not item.metadata["flag"]:
            lines.append(f"  {item.metadata['variable']}  {item.metadata['help']}")
    return "\n".join(lines)


def config_from(arguments: argparse.Namespace) -> Config:
    """The settings of the environment, overridden by the flags given. Raises `ConfigError`."""
    given = {}
    for item in fields(Config):
        value = getattr(arguments, item.name, None)
        if value is not None:
            given[item.name] = value
    return Config.load(os.environ, given)


__all__ = ["ConfigError", "add_settings", "config_from", "settings_epilog"]
