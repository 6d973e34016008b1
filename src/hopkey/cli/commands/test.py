"""`hopkey test`: run a collection, with the exit code its results deserve."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hopkey.cli.arguments import Parser, add_server_arguments
from hopkey.cli.exits import CommandError, Exit
from hopkey.cli.terminal import Terminal

if TYPE_CHECKING:
    from hopkey.runner.options import Options
    from hopkey.runner.results import RequestResult, RunResult
    from hopkey.runner.tree import Position

EXAMPLES = """\
examples:
  hopkey test orders.json -e staging.json
  hopkey test orders.json --iteration-data users.csv --reporter-junit report.xml
  HOPKEY_TOKEN=hkp_... hopkey test ck3v0d... -e ckenv1... --server https://hopkey.example.com
  hopkey test "Team/Orders/Smoke" --token-file token.txt --server https://hopkey.example.com
  hopkey test orders.json --folder Smoke --bail --env-var base=http://localhost:3000

environment variables:
  HOPKEY_TOKEN   the token, instead of --token: it shows in no process list (HOPP_TOKEN is read too)
  HOPKEY_SERVER  the server, instead of --server
  NO_COLOR       no colours

exit codes: 0 passed, 1 tests failed, 2 usage, 3 a request or script could not be carried out,
            4 token refused, 5 no answer from the server, 6 nothing ran, 130 interrupted"""


def parser() -> Parser:
    """The arguments of the command, for running it, for its completion and for its documentation."""
    result = Parser(
        prog="hopkey test",
        description="Run the requests of a collection with their scripts and tests.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument(
        "collection",
        metavar="COLLECTION",
        help="a .json file, the id of a collection on the server, or its path there: Team/Collection/Folder",
    )
    result.add_argument(
        "-e", "--env", metavar="ENVIRONMENT", help="environment: a .json file, its id, or its path: Team/Environment"
    )
    result.add_argument(
        "--env-var",
        metavar="KEY=VALUE",
        type=_assignment,
        action="append",
        default=[],
        help="a variable that stands above the environment's (again for more)",
    )
    add_server_arguments(result)
    _add_run_arguments(result)
    _add_network_arguments(result)
    _add_script_arguments(result)
    _add_report_arguments(result)
    return result


def _add_run_arguments(result: Parser) -> None:
    group = result.add_argument_group("which requests, how often")
    group.add_argument(
        "--folder",
        metavar="NAME",
        action="append",
        default=[],
        help="only this folder: name, path or id (again for more)",
    )
    group.add_argument(
        "--request",
        metavar="NAME",
        action="append",
        default=[],
        help="only this request: name, path or id (again for more)",
    )
    group.add_argument(
        "--iteration-count",
        metavar="N",
        type=_count,
        help="run all of it N times (default: a time for each row of data)",
    )
    group.add_argument(
        "--iteration-data",
        metavar="FILE",
        help=".csv file: a row of variables for each iteration, named in its first row",
    )
    group.add_argument(
        "--parallel", metavar="N", type=_small_count, default=1, help="iterations side by side (default 1)"
    )
    group.add_argument(
        "-d", "--delay", metavar="MS", type=_delay, default=0, help="wait between requests, milliseconds"
    )
    group.add_argument("--bail", action="store_true", help="stop at the first request that fails")


def _add_network_arguments(result: Parser) -> None:
    group = result.add_argument_group("connections")
    group.add_argument(
        "--timeout", metavar="S", type=_seconds, default=60.0, help="longest wait for an answer, seconds (default 60)"
    )
    group.add_argument(
        "--retries", metavar="N", type=_retries, default=0, help="try again where a connection fails (default 0)"
    )
    group.add_argument(
        "--http2", action="store_true", help="speak HTTP/2 where a server offers it (pip install 'hopkey[http2]')"
    )
    group.add_argument("--no-redirects", action="store_true", help="do not follow redirects")
    group.add_argument(
        "--proxy", metavar="URL", help="HTTP proxy (default: HTTP_PROXY, HTTPS_PROXY, NO_PROXY); '' for none"
    )
    group.add_argument("--insecure", action="store_true", help="accept any TLS certificate")
    group.add_argument("--cacert", metavar="FILE", help="PEM file of authorities to trust as well")
    group.add_argument("--cert", metavar="FILE", help="PEM file of the client's certificate")
    group.add_argument("--key", metavar="FILE", help="PEM file of its private key, if it is not in the same")
    group.add_argument(
        "--files", metavar="DIR", default=".", help="folder that bodies may take files from (default: this one)"
    )
    group.add_argument("--no-files", action="store_true", help="bodies may take no files")


def _add_script_arguments(result: Parser) -> None:
    group = result.add_argument_group("scripts")
    group.add_argument("--legacy-sandbox", action="store_true", help="only what the older sandbox of hopp offers: pw")
    group.add_argument("--no-imports", action="store_true", help="scripts may not import from addresses")
    group.add_argument(
        "--script-timeout",
        metavar="S",
        type=_seconds,
        default=30.0,
        help="longest time of a script, seconds (default 30)",
    )
    group.add_argument(
        "--script-memory", metavar="MB", type=_megabytes, default=64, help="most memory of a script, MB (default 64)"
    )


def _add_report_arguments(result: Parser) -> None:
    group = result.add_argument_group(
        "reports (several at once; --reporter-junit=- writes to stdout instead of the run)"
    )
    for kind, name in (
        ("junit", "hopp-junit-report.xml"),
        ("json", "hopkey-report.json"),
        ("html", "hopkey-report.html"),
    ):
        group.add_argument(
            f"--reporter-{kind}",
            metavar="PATH",
            nargs="?",
            const=name,
            help=f"write a {kind.upper()} report (default {name})",
        )
    group.add_argument("--report-bodies", action="store_true", help="put headers and bodies into JSON and HTML reports")
    group.add_argument("--verbose", action="store_true", help="show requests and answers")
    group.add_argument("-q", "--quiet", action="store_true", help="show only what failed, and the summary")


def main(argv: list[str], terminal: Terminal) -> int:
    """Run the command; the exit code. Raises `CommandError`, and `SystemExit` after --help."""
    arguments = parser().parse_args(argv)
    # Imported here, so that --help and bad arguments answer at once.
    from hopkey.cli.reports import check_places, write_reports
    from hopkey.cli.sources import source_of
    from hopkey.reporters.console import ConsoleReporter, Detail
    from hopkey.reporters.progress import Progress
    from hopkey.runner.run import positions, run, secrets_of
    from hopkey.runner.sending import SendError
    from hopkey.runner.tree import SelectionError, select

    options = _options(arguments, terminal)
    places = check_places(arguments)
    source = source_of(arguments, terminal)
    collections, folder = source.collections(arguments.collection)
    environment = source.environment(arguments.env) if arguments.env is not None else None
    if folder:
        options = _within(options, folder)
    try:
        chosen = select(list(positions(collections)), options.folders, options.requests)
    except SelectionError as error:
        raise CommandError("INVALID_ARGUMENT", f"in {arguments.collection} {error}") from None
    if not chosen:
        raise CommandError("NOTHING_RAN", f"there is no request in {arguments.collection}: nothing ran")
    to_stdout = "-" in places.values()
    detail = Detail.VERBOSE if arguments.verbose else Detail.QUIET if arguments.quiet else Detail.NORMAL
    out = terminal.err if to_stdout else terminal.out
    reporter = ConsoleReporter(
        out,
        colours=terminal.colours_on(out),
        detail=detail,
        iterations=options.iterations,
        secrets=secrets_of(chosen, environment, terminal.environ),
    )
    progress = Progress(terminal.err, total=len(chosen) * options.iterations, shown=terminal.shows_progress)

    def on_result(item: RequestResult) -> None:
        progress.clear()
        reporter.request(item)
        progress.done()

    def on_start(position: Position, _iteration: int) -> None:
        progress.start(position.path)

    try:
        result = run(collections, environment, options, on_result=on_result, on_start=on_start)
    except SendError as error:
        raise CommandError("INVALID_ARGUMENT", str(error)) from None
    finally:
        progress.clear()
    reporter.summary(result)
    write_reports(result, places, terminal, bodies=arguments.report_bodies)
    return _finish(result, terminal)


def _options(arguments: argparse.Namespace, terminal: Terminal) -> Options:
    from hopkey.cli.iteration_data import rows_load
    from hopkey.runner.options import Connection, Options
    from hopkey.runner.sandbox import Limits
    from hopkey.runner.sandbox.locations import default_cache_dir

    rows = rows_load(Path(arguments.iteration_data)) if arguments.iteration_data is not None else []
    if arguments.key and not arguments.cert:
        raise CommandError("INVALID_ARGUMENT", "--key needs --cert")
    if arguments.proxy and not arguments.proxy.lower().startswith(("http://", "https://")):
        raise CommandError(
            "INVALID_ARGUMENT", "--proxy needs http:// or https:// in front: other proxies are not spoken to"
        )
    if not arguments.no_files and not Path(arguments.files).is_dir():
        raise CommandError("INVALID_ARGUMENT", f"--files: there is no folder {arguments.files}")
    return Options(
        delay=arguments.delay,
        iterations=arguments.iteration_count or len(rows) or 1,
        rows=rows,
        parallel=arguments.parallel,
        bail=arguments.bail,
        folders=tuple(arguments.folder),
        requests=tuple(arguments.request),
        overrides=dict(arguments.env_var),
        outside=terminal.environ,
        files=None if arguments.no_files else Path(arguments.files),
        imports=not arguments.no_imports,
        legacy_sandbox=arguments.legacy_sandbox,
        cache_dir=default_cache_dir(terminal.environ),
        limits=Limits(seconds=arguments.script_timeout, memory_bytes=arguments.script_memory * 1024 * 1024),
        connection=Connection(
            timeout=arguments.timeout,
            verify=not arguments.insecure,
            ca_file=_path(arguments.cacert),
            client_cert=_path(arguments.cert),
            client_key=_path(arguments.key),
            proxy=arguments.proxy,
            retries=arguments.retries,
            follow_redirects=not arguments.no_redirects,
            http2=arguments.http2,
        ),
    )


def _within(options: Options, folder: str) -> Options:
    """`options` for a part of a collection that was named by its path."""
    import msgspec

    return msgspec.structs.replace(options, folders=(*options.folders, folder))


def _finish(result: RunResult, terminal: Terminal) -> int:
    for fault in result.faults:
        print(f"ERROR_CODE: {fault.code}", file=terminal.err)
    failing = not all(check.ok for check in result.checks)
    if failing:
        print("ERROR_CODE: TESTS_FAILING", file=terminal.err)
    if result.stopped == "interrupted":
        print("hopkey: interrupted; the results are those of what was done", file=terminal.err)
        return Exit.INTERRUPTED
    if result.faults:
        return Exit.FAULT
    if failing:
        return Exit.TESTS_FAILED
    if not result.ok:
        print("hopkey: scripts skipped every request: nothing ran", file=terminal.err)
        print("ERROR_CODE: NOTHING_RAN", file=terminal.err)
        return Exit.NOTHING_RAN
    return Exit.PASSED


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is no KEY=VALUE")
    return key.strip(), value


def _delay(text: str) -> float:
    return _number(text, 0, 3_600_000)


def _seconds(text: str) -> float:
    return _number(text, 0.001, 86_400)


def _count(text: str) -> int:
    return _whole(text, 1, 1_000_000)


def _small_count(text: str) -> int:
    return _whole(text, 1, 256)


def _retries(text: str) -> int:
    return _whole(text, 0, 100)


def _megabytes(text: str) -> int:
    return _whole(text, 4, 1024)


def _whole(text: str, low: int, high: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {low} to {high}")
    return int(text)


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
    return value
