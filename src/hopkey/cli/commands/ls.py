"""`hopkey ls`: what a token reaches, with the ids that other commands take."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from hopkey.cli.arguments import Parser, add_server_arguments
from hopkey.cli.terminal import Terminal

if TYPE_CHECKING:
    from hopkey.client.server import Reach

EXAMPLES = """\
examples:
  HOPKEY_TOKEN=hkp_... hopkey ls --server https://hopkey.example.com
  hopkey ls --json | jq -r '.workspaces[].collections[].id'"""


def parser() -> Parser:
    """The arguments of the command."""
    result = Parser(
        prog="hopkey ls",
        description="List the workspaces, collections and environments that the token reaches.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_server_arguments(result)
    return result


def main(argv: list[str], terminal: Terminal) -> int:
    """Run the command; the exit code. Raises `CommandError`, and `SystemExit` after --help."""
    arguments = parser().parse_args(argv)
    from hopkey.cli.sources import connect

    reach = connect(arguments, terminal).reach()
    if arguments.json:
        import msgspec

        print(json.dumps(msgspec.to_builtins(reach), indent=2, ensure_ascii=False), file=terminal.out)
    else:
        _print(reach, terminal)
    return 0


def _print(reach: Reach, terminal: Terminal) -> None:
    from hopkey.reporters.printable import printable

    if not reach.workspaces:
        print("This token reaches no workspace.", file=terminal.err)
    for workspace in reach.workspaces:
        print(printable(f"{workspace.name}  ({workspace.role.lower()}, {workspace.id})"), file=terminal.out)
        for title, items in (("collections", workspace.collections), ("environments", workspace.environments)):
            print(f"  {title}" + ("" if items else ": none"), file=terminal.out)
            for item in items:
                print(printable(f"    {item.id}  {item.name}"), file=terminal.out)
