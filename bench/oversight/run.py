"""Every list and page of oversight with 1,000 and with 1,000,000 tokens, on both databases: time, queries, ratio.

    python bench/oversight/run.py [--tokens 1000000] [--postgresql postgresql://postgres@127.0.0.1:5432/postgres]

Makes databases of its own and removes them (ten minutes; the user of PostgreSQL must be a superuser, for bulk loading).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
HERE = Path(__file__).parent

TIMES, FLOOR_MS, QUERIES = 3.0, 5.0, 10
"""At most so many times the time with few tokens (or of `FLOOR_MS`, below which noise decides); queries at most."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    options = parser.parse_args()
    results = {}
    for database in options.databases.split(","):
        for tokens in (1000, options.tokens):
            results[database, tokens] = measured(database, tokens)
    print(table(results, options.databases.split(","), options.tokens))
    return 0


def measured(database: str, tokens: int) -> dict[str, Any]:
    from tests.support.servers import site

    with tempfile.TemporaryDirectory(prefix="hopkey-bench-") as folder, site(Path(folder), database) as here:
        environ = {**os.environ, **here.environ, "DJANGO_SETTINGS_MODULE": "hopkey.server.settings"}
        run = [sys.executable, str(HERE / "seed.py"), str(tokens)]
        print(
            subprocess.run(run, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout.strip(), flush=True
        )
        result = {}
        for name in ("measure", "delete"):
            if name == "delete" and tokens < 20_000:
                continue
            done = subprocess.run(
                [sys.executable, str(HERE / f"{name}.py")], env=environ, check=True, stdout=subprocess.PIPE, text=True
            )
            result[name] = json.loads(done.stdout)
            if name == "delete":
                print(done.stdout.strip(), flush=True)
        return result


def table(results: dict[tuple[str, int], dict[str, Any]], databases: list[str], large: int) -> str:
    """Markdown; what is above the bounds is bold."""
    lines = ["| what | " + " | ".join(f"{name}: 1,000, ms | {large:,}, ms | queries" for name in databases) + " |"]
    lines.append("|---" * (1 + 3 * len(databases)) + "|")
    for name in results[databases[0], large]["measure"]["lines"]:
        cells = []
        for database in databases:
            few = results[database, 1000]["measure"]["lines"].get(name)
            many = results[database, large]["measure"]["lines"].get(name)
            if few is None or many is None:
                cells += ["", "", ""]
                continue
            slow = many["ms"] > TIMES * max(few["ms"], FLOOR_MS)
            cells += [f"{few['ms']:.1f}", _bold(f"{many['ms']:.1f}", slow)]
            cells += [_bold(str(many["queries"]), many["queries"] > QUERIES)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _bold(text: str, bold: bool) -> str:
    return f"**{text}**" if bold else text


if __name__ == "__main__":
    sys.exit(main())
