"""`make test`: every test that can run on this machine, on SQLite and, where one answers, on PostgreSQL.

What is missing (PostgreSQL, Chromium, the official CLI) is skipped with a line that says so; with CI=true that is a
failure instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


def main() -> int:
    from tests.support.needs import POSTGRESQL, _postgresql_answers

    with tempfile.TemporaryDirectory(prefix="hopkey-tests-") as folder:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("HOPP_")}
        for name in ("HOPKEY_TOKEN", "HOPKEY_SERVER", "HOPKEY_DATABASE_URL", "HOPKEY_SECRET_KEY"):
            environ.pop(name, None)
        environ["HOPKEY_DATA_DIR"] = folder
        failed = 0
        if _postgresql_answers():
            print("==> The data layer on PostgreSQL", flush=True)
            postgresql = {"HOPKEY_DATABASE_URL": POSTGRESQL, "HOPKEY_SECRET_KEY": "k" * 48}
            failed |= pytest(environ | postgresql, "-m", "database", "tests/domain", "--create-db")
        elif environ.get("CI"):
            print("in CI nothing may be skipped: PostgreSQL is not here", file=sys.stderr)
            failed = 1
        else:
            print("SKIPPED FOR WANT OF PostgreSQL: the data layer is tested on SQLite only", file=sys.stderr)
        print("==> Everything, on SQLite", flush=True)
        failed |= pytest(environ, *sys.argv[1:])
    return 1 if failed else 0


def pytest(environ: dict[str, str], *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
