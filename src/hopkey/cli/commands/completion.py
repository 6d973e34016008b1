"""`hopkey completion`: the script that teaches a shell to complete this command."""

from __future__ import annotations

import argparse
import importlib

from hopkey.cli.arguments import Parser
from hopkey.cli.terminal import Terminal

SHELLS = ("bash", "zsh", "tcsh")
EXAMPLES = """\
examples:
  hopkey completion bash > ~/.local/share/bash-completion/completions/hopkey
  hopkey completion zsh > ~/.zfunc/_hopkey    # with fpath+=~/.zfunc before compinit in ~/.zshrc"""


def parser() -> Parser:
    """The arguments of the command."""
    result = Parser(
        prog="hopkey completion",
        description="Print the completion script for a shell.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument("shell", choices=SHELLS, help="which shell")
    return result


def main(argv: list[str], terminal: Terminal) -> int:
    """Run the command; the exit code. Raises `CommandError`."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as error:  # --help
        return int(error.code or 0)
    import shtab

    print(shtab.complete(whole(), shell=arguments.shell), file=terminal.out)
    return 0


def whole() -> argparse.ArgumentParser:
    """Every command with its arguments as one parser; files are completed where files are taken."""
    import shtab

    from hopkey.cli.main import BUILT_IN, SERVER_COMMANDS

    result = argparse.ArgumentParser(prog="hopkey", description="A self-hosted API workspace.")
    result.add_argument("-v", "--version", action="store_true", help="show the version")
    commands = result.add_subparsers()
    for name, (module, text) in BUILT_IN.items():
        made = importlib.import_module(module).parser()
        for action in made._actions:
            if action.metavar in ("COLLECTION", "ENVIRONMENT", "FILE", "PATH"):
                action.complete = shtab.FILE
            elif action.metavar == "DIR":
                action.complete = shtab.DIRECTORY
        commands.add_parser(name, parents=[made], add_help=False, help=text, description=text)
    for name, text in SERVER_COMMANDS.items():
        commands.add_parser(name, help=text, description=text)
    return result
