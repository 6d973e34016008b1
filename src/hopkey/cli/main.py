"""The `hopkey` command: finds the command to run, and turns errors into messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence

import hopkey
from hopkey.cli.exits import CommandError, Exit
from hopkey.cli.terminal import Terminal

BUILT_IN = {
    "test": ("hopkey.cli.commands.test", "run a collection from a file or a server"),
    "ls": ("hopkey.cli.commands.ls", "list what the token reaches"),
    "pull": ("hopkey.cli.commands.pull", "save a collection or an environment as a file"),
    "whoami": ("hopkey.cli.commands.whoami", "say whose token this is"),
    "completion": ("hopkey.cli.commands.completion", "print a completion script for a shell"),
}
SERVER_COMMANDS = {
    "serve": "start the server",
    "admin": "manage users, teams, collections and tokens on this server",
    "migrate": "bring the database up to date",
    "check": "check settings and database",
}
GROUP = "hopkey.commands"

HELP = f"""usage: hopkey [-h] [-v] COMMAND ...

A self-hosted API workspace with personal access tokens.

commands:
{chr(10).join(f"  {name:<11} {text}" for name, (_, text) in BUILT_IN.items())}
{chr(10).join(f"  {name:<11} {text}" for name, text in SERVER_COMMANDS.items())}

options:
  -h, --help     show this help
  -v, --version  show the version

examples:
  hopkey test orders.json -e staging.json
  HOPKEY_TOKEN=hkp_... hopkey test ck3v0d... --server https://hopkey.example.com
  hopkey serve

`hopkey COMMAND --help` says more about a command."""


def main(argv: Sequence[str] | None = None, terminal: Terminal | None = None) -> int:
    """Run the command line; the exit code. Never raises but for faults of this program."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    terminal = terminal or Terminal()
    try:
        return _dispatch(arguments, terminal)
    except CommandError as error:
        from hopkey.reporters.printable import printable

        print(f"hopkey: {printable(error.message)}", file=terminal.err)
        print(f"ERROR_CODE: {error.code}", file=terminal.err)
        return error.exit
    except KeyboardInterrupt:
        print("hopkey: interrupted", file=terminal.err)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away (`hopkey test ... | head`): nothing more to say to it.
        sys.stdout = None
        return Exit.FAULT


def _dispatch(arguments: list[str], terminal: Terminal) -> int:
    if not arguments:
        print(HELP, file=terminal.err)
        return Exit.USAGE
    name, rest = arguments[0], arguments[1:]
    if name in ("-h", "--help", "help"):
        print(HELP, file=terminal.out)
        return Exit.PASSED
    if name in ("-v", "--ver", "--version"):
        print(hopkey.__version__, file=terminal.out)
        return Exit.PASSED
    if name in BUILT_IN:
        command = importlib.import_module(BUILT_IN[name][0])
        try:
            return int(command.main(rest, terminal))
        except SystemExit as error:  # --help
            return int(error.code or 0)
    return _installed(name)(rest)


def _installed(name: str) -> Callable[[list[str]], int]:
    """A command that another part of the installation brings. Raises `CommandError`."""
    import importlib.util
    from importlib import metadata  # slow to load, and the commands of every day do without

    for entry in metadata.entry_points(group=GROUP, name=name):
        if importlib.util.find_spec("django") is None:
            raise CommandError(
                "UNKNOWN_COMMAND",
                f"`hopkey {name}` needs the server, which is not installed: pip install 'hopkey[server]'",
            )
        command: Callable[[list[str]], int] = entry.load()
        return command
    if name.startswith("-"):
        raise CommandError("INVALID_ARGUMENT", f"unknown option {name}; see hopkey --help")
    raise CommandError("UNKNOWN_COMMAND", f"unknown command {name!r}; see hopkey --help")


def script() -> None:
    """The console script."""
    # A short run makes little garbage: looking for it again and again while modules load is a tenth of its time.
    gc.set_threshold(50_000)
    _prepare_streams()
    try:
        code = main()
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end of the process
        code = Exit.FAULT
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end of the process
        print(f"hopkey: the output cannot be written: {error.strerror}", file=sys.stderr)
        print("ERROR_CODE: REPORT_EXPORT_FAILED", file=sys.stderr)
        code = Exit.FAULT
    if code == Exit.INTERRUPTED:
        # Now: a thread that waits for a server that says nothing would be waited for.
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _prepare_streams() -> None:
    """What an encoding does not have is written as an escape, and a stream that is closed takes everything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - until the end of the process
        elif stream.errors != "backslashreplace":
            stream.reconfigure(errors="backslashreplace")
