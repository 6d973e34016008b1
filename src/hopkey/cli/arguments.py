"""Reading arguments: argparse, with its errors as ours."""

from __future__ import annotations

import argparse
from typing import NoReturn

from hopkey.cli.exits import CommandError


class Parser(argparse.ArgumentParser):
    """Raises `CommandError` (``INVALID_ARGUMENT``) where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        raise CommandError("INVALID_ARGUMENT", f"{message}; see {self.prog} --help")
