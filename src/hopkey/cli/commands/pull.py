"""`hopkey pull`: save a collection or an environment from the server as a file."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import tempfile
from pathlib import Path

from hopkey.cli.arguments import Parser, add_server_arguments
from hopkey.cli.exits import CommandError
from hopkey.cli.terminal import Terminal

EXAMPLES = """\
examples:
  hopkey pull ck3v0d... --server https://hopkey.example.com
  hopkey pull "Team/Orders" -o orders.json
  hopkey pull --environment "Team/Staging" -o staging.json
  hopkey pull ck3v0d... -o - | jq .name"""


def parser() -> Parser:
    """The arguments of the command."""
    result = Parser(
        prog="hopkey pull",
        description="Save a collection or an environment as a file that hopkey, hopp and Hoppscotch read.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("name", metavar="NAME", help="id, or path on the server: Team/Collection")
    result.add_argument("--environment", action="store_true", help="NAME is an environment, not a collection")
    result.add_argument("-o", "--output", metavar="FILE", help="where to (default: its name.json); - for stdout")
    result.add_argument("--force", action="store_true", help="replace a file that is there")
    add_server_arguments(result)
    return result


def main(argv: list[str], terminal: Terminal) -> int:
    """Run the command; the exit code. Raises `CommandError`, and `SystemExit` after --help."""
    arguments = parser().parse_args(argv)
    from hopkey.cli.sources import connect
    from hopkey.formats.collections import collection_dump
    from hopkey.formats.environments import environment_dump

    source = connect(arguments, terminal)
    if arguments.environment:
        environment = source.environment_on_server(arguments.name)
        name, data = environment.name, environment_dump(environment)
    else:
        collection = source.collection_on_server(arguments.name)
        name, data = collection.name, collection_dump(collection)
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if arguments.output == "-":
        terminal.out.write(text)
        return 0
    path = Path(arguments.output or _file_name(name))
    _write(path, text, force=arguments.force)
    print(f"saved {path}", file=terminal.err)
    return 0


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write whole or not at all. Raises `CommandError`."""
    if path.exists() and not force:
        raise CommandError("INVALID_ARGUMENT", f"{path} is there already; --force replaces it")
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise CommandError("REPORT_EXPORT_FAILED", f"{path} cannot be written: {error.strerror}") from None


def _file_name(name: str) -> str:
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "collection"
    return f"{safe[:100]}.json"
