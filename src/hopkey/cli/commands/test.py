"""`hopkey test`: run a collection."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hopkey.cli.arguments import Parser
from hopkey.cli.exits import CommandError, Exit
from hopkey.cli.terminal import Terminal

if TYPE_CHECKING:
    from hopkey.runner.results import RunResult

EXAMPLES = """examples:
  hopkey test orders.json
  hopkey test orders.json -e staging.json --delay 200
  HOPKEY_TOKEN=hkp_... HOPKEY_SERVER=https://hopkey.example.com hopkey test ck3v0d... -e cx81ma...

environment:
  HOPKEY_TOKEN   the token, instead of --token: it then shows in no process list (HOPP_TOKEN is read too)
  HOPKEY_SERVER  the server, instead of --server
  NO_COLOR       no colours

exit codes: 0 passed, 1 tests failed, 2 usage, 3 a request or script could not be carried out,
            4 token refused, 5 no answer from the server, 6 nothing ran, 130 interrupted"""


def parser() -> Parser:
    """The arguments of the command, for running it and for its documentation."""
    result = Parser(
        prog="hopkey test",
        description="Run the requests of a collection with their scripts and tests.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument(
        "collection", metavar="FILE_OR_ID", help="a .json file, or the id of a collection on the server"
    )
    result.add_argument("-e", "--env", metavar="FILE_OR_ID", help="environment: a .json file, or an id on the server")
    result.add_argument(
        "-d", "--delay", metavar="MS", type=_delay, default=0, help="wait between requests, milliseconds"
    )
    result.add_argument("--token", metavar="TOKEN", help="personal access token; better: HOPKEY_TOKEN")
    result.add_argument("--server", metavar="URL", help="server to read from, such as https://hopkey.example.com")
    result.add_argument(
        "--timeout", metavar="S", type=_seconds, default=60.0, help="longest wait for an answer, seconds"
    )
    return result


def main(argv: list[str], terminal: Terminal) -> int:
    """Run the command; the exit code. Raises `CommandError`."""
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as error:  # --help
        return int(error.code or 0)
    # Imported here, so that --help and bad arguments answer at once.
    from hopkey.cli.sources import Source
    from hopkey.reporters.console import ConsoleReporter
    from hopkey.runner.run import Options, positions, run
    from hopkey.runner.sandbox.locations import default_cache_dir

    environ = terminal.environ
    source = Source(
        token=arguments.token or environ.get("HOPKEY_TOKEN") or environ.get("HOPP_TOKEN"),
        server=arguments.server or environ.get("HOPKEY_SERVER"),
    )
    collections = source.collections(arguments.collection)
    environment = source.environment(arguments.env) if arguments.env else None
    if next(positions(collections), None) is None:
        raise CommandError("NOTHING_RAN", f"there is no request in {arguments.collection}: nothing ran")
    reporter = ConsoleReporter(terminal.out, colours=terminal.colours)
    options = Options(
        delay=arguments.delay, timeout=arguments.timeout, outside=environ, cache_dir=default_cache_dir(environ)
    )
    result = run(collections, environment, options, on_result=reporter.request)
    reporter.summary(result)
    return _finish(result, terminal)


def _finish(result: RunResult, terminal: Terminal) -> int:
    for fault in result.faults:
        print(f"ERROR_CODE: {fault.code}", file=terminal.err)
    failing = not all(check.ok for check in result.checks)
    if failing:
        print("ERROR_CODE: TESTS_FAILING", file=terminal.err)
    if result.faults:
        return Exit.FAULT
    return Exit.TESTS_FAILED if failing else Exit.PASSED


def _delay(text: str) -> float:
    return _number(text, 0, 3_600_000)


def _seconds(text: str) -> float:
    return _number(text, 0.001, 86_400)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
    return value
