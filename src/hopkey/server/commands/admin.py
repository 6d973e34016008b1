"""`hopkey admin`: what operators do, for scripts and for people, on the same services as the pages."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import NoReturn

from hopkey.server.commands.options import ConfigError, add_settings, config_from

EPILOG = """examples:
  hopkey admin user create --email ana@example.com --name Ana --administrator
  hopkey admin team create --name Orders --owner ana@example.com --json
  hopkey admin collection import orders.json --team ck3v0d...
  hopkey admin token issue --user ana@example.com --label "nightly build" --expires 30 --json

With --json: one JSON object or array on stdout; an error is one line on stderr. Exit code 0, or 1 for what cannot be
done, or 2 for bad arguments and settings."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The arguments, for running the command and for its documentation. Operations are named ``module.function``."""
    top = _Parser(
        prog="hopkey admin",
        description="Manage users, teams, their content and tokens on this server's database.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    subjects = top.add_subparsers(metavar="SUBJECT", required=True)

    def subject(name: str, text: str) -> Callable[[str, str, str], argparse.ArgumentParser]:
        group = subjects.add_parser(name, help=text, description=text).add_subparsers(metavar="ACTION", required=True)

        def action(name: str, text: str, operation: str) -> argparse.ArgumentParser:
            result = group.add_parser(name, help=text, description=text, allow_abbrev=False)
            result.set_defaults(operation=operation)
            result.add_argument("--json", action="store_true", help="print JSON")
            add_settings(result, ("data_dir", "secret_key_file"))
            return result

        return action

    user = subject("user", "people with an account")
    create = user("create", "create an account; without a password a one-time link is printed", "people.create")
    create.add_argument("--email", required=True)
    create.add_argument("--name", required=True)
    create.add_argument("--administrator", action="store_true", help="may administer this server")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    user("list", "list accounts", "people.list_")
    for name, text in (
        ("deactivate", "end all sessions and refuse all tokens of an account"),
        ("reactivate", "let a deactivated account in again"),
        ("delete", "delete an account with its tokens"),
    ):
        user(name, text, f"people.{name}").add_argument("email", metavar="EMAIL_OR_ID")

    team = subject("team", "team workspaces")
    create = team("create", "create a team", "teams.create")
    create.add_argument("--name", required=True)
    create.add_argument("--owner", required=True, metavar="EMAIL")
    team("list", "list teams", "teams.list_")
    add = team("add-member", "add somebody to a team", "teams.add_member")
    remove = team("remove-member", "remove somebody from a team", "teams.remove_member")
    for action in (add, remove):
        action.add_argument("--team", required=True, metavar="ID")
        action.add_argument("--email", required=True)
    add.add_argument("--role", required=True, choices=["owner", "editor", "viewer"])

    for kind, text in (("collection", "collections of a team"), ("environment", "environments of a team")):
        content = subject(kind, text)
        bring = content("import", f"import a Hoppscotch {kind} file", f"teams.{kind}_import")
        bring.add_argument("file", metavar="FILE")
        bring.add_argument("--team", required=True, metavar="ID")
        content("list", f"list the {kind}s of a team", f"teams.{kind}_list").add_argument(
            "--team", required=True, metavar="ID"
        )

    token = subject("token", "personal access tokens")
    issue = token("issue", "generate a token for somebody", "tokens.issue")
    issue.add_argument("--user", required=True, metavar="EMAIL")
    issue.add_argument("--label", required=True)
    issue.add_argument("--expires", required=True, choices=["7", "30", "60", "90", "never"], help="days, or never")
    issue.add_argument("--team", action="append", metavar="ID", help="reach only this team; may be repeated")
    token("list", "list tokens", "tokens.list_").add_argument("--user", metavar="EMAIL")
    token("delete", "delete a token for ever", "tokens.delete").add_argument("id", metavar="ID")
    return top


def main(argv: list[str]) -> int:
    """Run one operation; the exit code."""
    arguments = parser().parse_args(argv)
    try:
        config = config_from(arguments)
        from hopkey.server import preparing

        preparing.prepare(config)
        with preparing.serving_lock(config):
            preparing.migrate(config)
            return _run(arguments)
    except ConfigError as error:
        return _failed(arguments, "settings", str(error), 2)


def _run(arguments: argparse.Namespace) -> int:
    # Imported here: the models can be loaded only when the settings are there.
    from django.db import OperationalError

    from hopkey.server.commands.operations import people, teams, tokens
    from hopkey.server.errors import DomainError

    modules = {"people": people, "teams": teams, "tokens": tokens}
    module, _, function = arguments.operation.partition(".")
    try:
        report = getattr(modules[module], function)(arguments)
    except DomainError as error:
        return _failed(arguments, error.code, error.message, 1)
    except OperationalError as error:  # a full disk, a connection that broke: nothing was done
        return _failed(arguments, "database", f"The database could not do it: {str(error).strip()}.", 1)
    print(report.render(as_json=arguments.json))
    return 0


def _failed(arguments: argparse.Namespace, code: str, message: str, exit_code: int) -> int:
    text = json.dumps({"error": code, "message": message}) if arguments.json else f"hopkey admin: {message}"
    print(text, file=sys.stderr)
    return exit_code
