"""Writing the reports that were asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

from hopkey.cli.exits import CommandError
from hopkey.cli.terminal import Terminal
from hopkey.runner.results import RunResult

KINDS = ("junit", "json", "html")


def check_places(arguments: argparse.Namespace) -> dict[str, str]:
    """Where each report goes, found out before the run: nobody wants to learn afterwards. Raises `CommandError`."""
    places = {kind: path for kind in KINDS if (path := getattr(arguments, f"reporter_{kind}"))}
    if list(places.values()).count("-") > 1:
        raise CommandError("INVALID_ARGUMENT", "only one report can go to standard output (-)")
    for kind, name in places.items():
        if name == "-":
            continue
        path = Path(name)
        if path.is_dir():
            raise CommandError(
                "REPORT_EXPORT_FAILED", f"the {kind.upper()} report cannot be written: {name} is a folder"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(
                "REPORT_EXPORT_FAILED", f"the {kind.upper()} report cannot be written to {name}: {error.strerror}"
            ) from None
    return places


def write_reports(result: RunResult, places: dict[str, str], terminal: Terminal, *, bodies: bool) -> None:
    """Raises `CommandError`."""
    for kind, name in places.items():
        text = _render(kind, result, bodies=bodies)
        if name == "-":
            terminal.out.write(text)
            continue
        try:
            # Half a character pair, as scripts can make, is written as \\ud83d: to JSON that is what it means.
            Path(name).write_text(text, "utf-8", "backslashreplace")
        except OSError as error:
            raise CommandError(
                "REPORT_EXPORT_FAILED", f"the {kind.upper()} report cannot be written to {name}: {error.strerror}"
            ) from None
        print(f"{kind.upper()} report: {name}", file=terminal.err)


def _render(kind: str, result: RunResult, *, bodies: bool) -> str:
    # Each is imported where it is asked for.
    if kind == "junit":
        from hopkey.reporters import junit

        return junit.render(result)
    if kind == "json":
        from hopkey.reporters import json_report

        return json_report.render(result, bodies=bodies)
    from hopkey.reporters import html

    return html.render(result, bodies=bodies)
