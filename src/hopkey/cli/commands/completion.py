"""`hopkey completion`: the script that teaches a shell to complete this command."""

from __future__ import annotations

import argparse
import importlib

from hopkey.cli.arguments import Parser
from hopkey.cli.terminal import Terminal

SHELLS = ("bash", "zsh", "fish", "tcsh")
EXAMPLES = """\
examples:
  hopkey completion bash > ~/.local/share/bash-completion/completions/hopkey
  hopkey completion zsh > ~/.zfunc/_hopkey    # with fpath+=~/.zfunc before compinit in ~/.zshrc
  hopkey completion fish > ~/.config/fish/completions/hopkey.fish"""


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
    """Run the command; the exit code. Raises `CommandError`, and `SystemExit` after --help."""
    arguments = parser().parse_args(argv)
    if arguments.shell == "fish":
        from hopkey.cli.fish import complete

        print(complete("hopkey", _commands()), end="", file=terminal.out)
        return 0
    import shtab

    print(shtab.complete(whole(), shell=arguments.shell), file=terminal.out)
    return 0


def _commands() -> dict[str, tuple[str, argparse.ArgumentParser | None]]:
    """What each command does, and its arguments; those of the server's commands are known to the server alone."""
    from hopkey.cli.main import BUILT_IN, SERVER_COMMANDS

    result: dict[str, tuple[str, argparse.ArgumentParser | None]] = {}
    for name, (module, text) in BUILT_IN.items():
        result[name] = (text, importlib.import_module(module).parser())
    return result | {name: (text, None) for name, text in SERVER_COMMANDS.items()}


def whole() -> argparse.ArgumentParser:
    """Every command with its arguments as one parser; files are completed where files are taken."""
    import shtab

    result = argparse.ArgumentParser(prog="hopkey", description="A self-hosted API workspace.")
    result.add_argument("-v", "--version", action="store_true", help="show the version")
    commands = result.add_subparsers()
    for name, (text, made) in _commands().items():
        if made is None:
            commands.add_parser(name, help=text, description=text)
            continue
        for action in made._actions:
            if action.metavar in ("COLLECTION", "ENVIRONMENT", "FILE", "PATH"):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar == "DIR":
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        commands.add_parser(name, parents=[made], add_help=False, help=text, description=text)
    return result
