"""Reading arguments: argparse, with its errors as ours."""

from __future__ import annotations

import argparse
from typing import NoReturn

from hopkey.cli.exits import CommandError


class Parser(argparse.ArgumentParser):
    """Raises `CommandError` (``INVALID_ARGUMENT``) where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise CommandError("INVALID_ARGUMENT", f"{message}; see {self.prog} --help")


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Which server to read from, and with which token (`hopkey.cli.credentials`)."""
    group = parser.add_argument_group("server")
    group.add_argument("--token", metavar="TOKEN", help="personal access token; better: HOPKEY_TOKEN")
    group.add_argument("--token-file", metavar="FILE", help="file that holds the token; - for standard input")
    group.add_argument(
        "--keyring", action="store_true", help="token from the keyring: service 'hopkey', user the server's address"
    )
    group.add_argument("--server", metavar="URL", help="server to read from, such as https://hopkey.example.com")
