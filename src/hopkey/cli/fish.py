"""The completion script for fish, from the arguments of the commands: shtab knows other shells only."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

_FILES = frozenset(["COLLECTION", "ENVIRONMENT", "FILE", "PATH"])


def complete(program: str, commands: Mapping[str, tuple[str, argparse.ArgumentParser | None]]) -> str:
    """The script. `commands`: for each name what it does, and its arguments where they are known."""
    lines = [f"# Completion of {program} for fish."]
    names = " ".join(commands)
    first = f"not __fish_seen_subcommand_from {names}"
    lines += [_line(program, first, f"-f -a {name}", text) for name, (text, _) in commands.items()]
    lines.append(_line(program, first, "-s v -l version", "show the version"))
    for name, (_, parser) in commands.items():
        if parser is not None:
            here = f"__fish_seen_subcommand_from {name}"
            lines += [_line(program, here, options, text) for options, text in _arguments(parser)]
    return "\n".join(lines) + "\n"


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    takes_files = False
    for action in parser._actions:
        takes_files = takes_files or (not action.option_strings and action.metavar in _FILES)
    if not takes_files:
        yield "-f", ""
    for action in parser._actions:
        text = (action.help or "").replace("%%", "%")
        if not action.option_strings:
            if action.choices:
                yield f"-f -a {_quoted(' '.join(map(str, action.choices)))}", text
            continue
        names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in action.option_strings]
        if action.nargs == 0:
            value = ""
        elif action.metavar in _FILES:
            value = " -F" if action.nargs == "?" else " -r -F"
        elif action.metavar == "DIR":
            value = " -x -a '(__fish_complete_directories)'"
        else:
            value = " -x"
        yield " ".join(names) + value, text


def _line(program: str, condition: str, options: str, text: str) -> str:
    line = f"complete -c {program} -n {_quoted(condition)} {options}"
    return f"{line} -d {_quoted(text)}" if text else line


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
