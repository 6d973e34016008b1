"""`hopkey whoami`: whose token this is, and until when."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from hopkey.cli.arguments import Parser, add_server_arguments
from hopkey.cli.terminal import Terminal

EXAMPLES = """\
examples:
  HOPKEY_TOKEN=hkp_... hopkey whoami --server https://hopkey.example.com"""


def parser() -> Parser:
    """The arguments of the command."""
    result = Parser(
        prog="hopkey whoami",
        description="Say whose token this is, what it is called, when it expires and which workspaces it reaches.",
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
    import msgspec

    from hopkey.cli.sources import connect
    from hopkey.reporters.printable import printable

    reach = connect(arguments, terminal).reach()
    if arguments.json:
        data = {
            "token": msgspec.to_builtins(reach.token),
            "owner": msgspec.to_builtins(reach.owner),
            "workspaces": [{"id": item.id, "name": item.name, "role": item.role} for item in reach.workspaces],
        }
        print(json.dumps(data, indent=2, ensure_ascii=False), file=terminal.out)
        return 0
    token = reach.token
    rows = (
        ("Owner", f"{reach.owner.name} <{reach.owner.email}>"),
        ("Token", f"{token.label} (hkp_{token.id}...)" if not token.id.startswith("pat-") else token.label),
        ("Created", f"{token.created_on:%Y-%m-%d}"),
        ("Expires", _expiry(token.expires_on)),
        ("Reaches", ", ".join(item.name for item in reach.workspaces) or "no workspace"),
    )
    for name, value in rows:
        print(f"{name + ':':<9} {printable(value)}", file=terminal.out)
    return 0


def _expiry(expires: datetime | None) -> str:
    if expires is None:
        return "never"
    days = round((expires - datetime.now(UTC)).total_seconds() / 86_400)
    return f"{expires:%Y-%m-%d} (in {days} day{'' if days == 1 else 's'})"
