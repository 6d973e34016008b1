"""`hopkey check`: are the settings good, and does the database answer and belong to them, and does the mail server?"""

from __future__ import annotations

import argparse
import json
import sys

from hopkey.server.commands.options import ConfigError, add_settings, config_from
from hopkey.server.config import Config


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="hopkey check", description="Check settings, database, migrations and the connection to the mail server."
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_settings(parser, ("data_dir", "secret_key_file"))
    arguments = parser.parse_args(argv)
    try:
        report = _check(config_from(arguments))
    except ConfigError as error:
        print(f"hopkey check: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            if value != "":
                print(f"{name}: {value}")
    if report["mail_error"]:
        print(f"hopkey check: mail: {report['mail_error']}", file=sys.stderr)
        return 1
    if report["pending_migrations"]:
        print("hopkey check: run `hopkey migrate`", file=sys.stderr)
        return 1
    return 0


def _check(config: Config) -> dict[str, object]:
    from hopkey.server import preparing

    if not config.uses_postgresql and not config.sqlite_path.exists():
        raise ConfigError(f"There is no database in {config.data_dir} yet: run `hopkey migrate` or `hopkey serve`.")
    preparing.prepare(config)
    from django.db import OperationalError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except OperationalError as error:
        raise ConfigError(f"The database cannot be opened: {str(error).strip()}") from None
    if not pending:
        preparing.check(config)
    mail, mail_error = _mail()
    return {
        "database": "postgresql" if config.uses_postgresql else "sqlite",
        "data_dir": str(config.data_dir),
        "pending_migrations": pending,
        "mail": mail,
        "mail_error": mail_error,
    }


def _mail() -> tuple[str, str]:
    """Where mail is handed over, and what is wrong with that: it connects and signs in, and sends nothing."""
    from hopkey.server.mail import transport
    from hopkey.server.mail.settings import smtp_server

    server = smtp_server()
    if server is None:
        return "not set up", ""
    try:
        with transport.session(server):
            return server.shown, ""
    except transport.Unreachable as error:
        return server.shown, str(error)
