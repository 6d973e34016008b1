"""The documentation has a line for everything: options, settings, routes, codes, events, commands."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from hopkey.cli.exits import ERROR_EXITS, Exit
from hopkey.cli.main import BUILT_IN
from hopkey.server.audit.models import Event
from hopkey.server.commands.admin import parser as admin_parser
from hopkey.server.config import Config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def missing(names: set[str], text: str) -> list[str]:
    return sorted(name for name in names if f"`{name}`" not in text)


@pytest.mark.parametrize("command", sorted(BUILT_IN))
def test_options_of_the_commands(command: str) -> None:
    parser = importlib.import_module(BUILT_IN[command][0]).parser()
    options = {flag for action in parser._actions for flag in action.option_strings}
    assert missing(options, page("cli.md")) == []
    assert f"`hopkey {command}`" in page("cli.md")


def test_exit_and_error_codes() -> None:
    assert missing(set(ERROR_EXITS), page("cli.md")) == []
    assert all(f"| {code.value} |" in page("cli.md") for code in Exit)


def test_settings() -> None:
    assert missing({item.metadata["variable"] for item in fields(Config)}, page("deployment.md")) == []


def test_audit_events() -> None:
    assert missing({event.value for event in Event}, page("audit.md")) == []


def commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    subs = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not subs:
        yield parser.prog
    for action in subs:
        for sub in action.choices.values():
            yield from commands(sub)


def test_operators_commands() -> None:
    text = page("admin.md")
    assert [name for name in commands(admin_parser()) if f"`{name}" not in text] == []


def test_error_codes_of_services() -> None:
    pattern = re.compile(r"(?:DomainError|NotFound|Forbidden|Conflict)\(\s*\"([a-z_]+)\"")
    sources = (ROOT / "src" / "hopkey" / "server").rglob("*.py")
    codes = {code for source in sources for code in pattern.findall(source.read_text("utf-8"))}
    assert len(codes) > 25
    assert missing(codes, page("api.md")) == []


def test_routes() -> None:
    from django.urls import URLPattern, get_resolver

    def walk(patterns: list[object], prefix: str) -> Iterator[str]:
        for item in patterns:
            path = prefix + re.sub(r"<str:secret>", ":secret", str(item.pattern))  # type: ignore[attr-defined]
            path = re.sub(r"<\w+:\w+>", ":id", path)
            if isinstance(item, URLPattern):
                yield "/" + path
            else:
                yield from walk(item.url_patterns, path)  # type: ignore[attr-defined]

    text = page("api.md")
    routes = [route for route in walk(get_resolver().url_patterns, "") if not route.startswith("/v1/v1/")]
    assert [route for route in routes if f"{route}`" not in text and f"{route}?" not in text] == []


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", *[f"docs/{path.name}" for path in sorted(DOCS.glob("*.md"))]]
)
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert [path.name for path in sorted(DOCS.glob("*.md")) if f"](docs/{path.name})" not in text] == []


def test_the_shell_recipe_runs(tmp_path: Path) -> None:
    """The recipe of docs/pipelines.md, with a stand-in for the command that shows what it was given."""
    import os
    import subprocess

    recipe = re.search(r"## A shell\n\n```sh\n(.*?)```", page("pipelines.md"), re.DOTALL)
    assert recipe is not None
    stand_in = tmp_path / "hopkey"
    stand_in.write_text('#!/bin/sh\necho "$HOPKEY_SERVER $@"\n')
    stand_in.chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "COLLECTION": "c1", "ENVIRONMENT": "e1"}
    done = subprocess.run(["sh", "-ec", recipe.group(1)], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "https://hopkey.example.com test c1 -e e1\n"
