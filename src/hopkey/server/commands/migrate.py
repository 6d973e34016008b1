"""`hopkey migrate`: bring the database up to date without serving."""

from __future__ import annotations

import argparse
import sys

from hopkey.server.commands.options import ConfigError, add_settings, config_from


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="hopkey migrate", description="Bring the database up to date, as `hopkey serve` does at its start."
    )
    add_settings(parser, ("data_dir", "secret_key_file"))
    try:
        config = config_from(parser.parse_args(argv))
        from hopkey.server import preparing

        preparing.prepare(config)
        preparing.migrate(config)
    except ConfigError as error:
        print(f"hopkey migrate: {error}", file=sys.stderr)
        return 2
    print("The database is up to date.")
    return 0
