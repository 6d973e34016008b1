"""`hopkey admin`: what operators do, for scripts and for people, on the same services as the pages."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from hopkey.server.commands.options import ConfigError, add_settings, config_from

EPILOG = """examples:
  hopkey admin user create --email ana@example.com --name Ana --administrator
  hopkey admin team create --name Orders --owner ana@example.com --json
  hopkey admin collection import orders.json --team ck3v0d...
  hopkey admin token issue --user ana@example.com --label "nightly build" --expires 30 --json
  hopkey admin token list --state unused --sort used --limit 20
  hopkey admin token find < found-in-a-log.txt
  hopkey admin policy dry-run --max-days 90
  hopkey admin audit verify --expect 1042:9f86d081...

With --json: one JSON object or array on stdout; an error is one line on stderr. Exit code 0, or 1 for what cannot be
done, or 2 for bad arguments and settings."""


_STATES = "live, expiring, expired, unused, never_used, never_expires, owner_inactive or over_policy"


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
        ("link", "print a one-time link with which somebody gets in again"),
        ("second-factor-remove", "take the second factors from somebody who lost them"),
        ("single-sign-on-unlink", "forget which identity at the provider signs in as an account"),
    ):
        user(name, text, f"people.{name.replace('-', '_')}").add_argument("email", metavar="EMAIL_OR_ID")
    administrator = user("administrator", "make somebody an administrator, or no longer", "people.administrator")
    administrator.add_argument("email", metavar="EMAIL_OR_ID")
    administrator.add_argument("value", choices=["on", "off"])
    user("sign-out", "end all sessions of an account; its tokens go on working", "people.sign_out").add_argument(
        "email", metavar="EMAIL_OR_ID"
    )
    invite = user("invite", "print a link with which somebody makes an account", "people.invite")
    invite.add_argument("email", metavar="EMAIL")
    invite.add_argument("--administrator", action="store_true", help="the account may administer this server")
    user("invites", "list open invitations", "people.invites")
    user("invite-revoke", "end an invitation", "people.invite_revoke").add_argument("email", metavar="EMAIL")

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
    listing = token("list", "list tokens of everybody, never their text", "tokens.list_")
    export = token("export", "write every token of a filter to standard output", "tokens.export")
    for action in (listing, export):
        action.add_argument("--owner", "--user", metavar="EMAIL_OR_ID", help="only this person's")
        action.add_argument("--state", metavar="STATE", help=_STATES)
        action.add_argument("--team", metavar="ID", help="only those that reach this team")
        action.add_argument("--text", metavar="TEXT", help="part of a label or of an owner's name, or a public id")
        action.add_argument(
            "--sort", metavar="ORDER", help="created, expires or used; --sort=-used the other way round"
        )
    listing.add_argument("--limit", type=_whole, default=0, metavar="N", help="at most so many; default: all")
    export.add_argument("--format", choices=["csv", "json"], default="csv")
    token("find", "read a token from standard input and say whose it is", "tokens.find")
    delete = token("delete", "delete tokens for ever, all of them or none", "tokens.delete")
    delete.add_argument("id", metavar="ID", nargs="+")
    delete.add_argument("--reason", metavar="TEXT", help="why; it stands in the audit trail")
    delete.add_argument("--dry-run", action="store_true", help="say whose they are, and delete nothing")

    policy = subject("policy", "the policy on tokens")
    policy("show", "show the policy in force", "oversight.policy_show")
    for name, text, operation in (
        ("set", "change the policy; what is not named stays as it is", "oversight.policy_put"),
        ("dry-run", "say which live tokens such a policy would stop", "oversight.policy_try"),
    ):
        action = policy(name, text, operation)
        action.add_argument("--max-days", metavar="N|none", help="longest lifetime")
        action.add_argument("--never-allowed", choices=["yes", "no"], help="whether tokens may never expire")
        action.add_argument("--tokens-per-user", metavar="N|none", help="the oldest so many of a person work")
        action.add_argument("--unused-days", metavar="N|none", help="a token not used for so long stops")
        action.add_argument("--network", action="append", metavar="CIDR|none", help="may be repeated: replaces all")
        action.add_argument("--label-pattern", metavar="RE2|none", help="what the whole label must match")

    audit = subject("audit", "the audit trail")
    listing = audit("list", "list events, newest first", "oversight.audit_show")
    export = audit("export", "write every event of a filter to standard output", "oversight.audit_save")
    for action in (listing, export):
        action.add_argument("--event", metavar="NAME", help="an event, or a group such as token")
        action.add_argument("--actor", metavar="EMAIL_OR_ID", help="who did it")
        action.add_argument("--subject", metavar="ID", help="what it was done to: a public id, an id or a label")
        action.add_argument("--since", metavar="DAY", help="2026-11-24, in UTC")
        action.add_argument("--until", metavar="DAY", help="that day included")
    listing.add_argument("--limit", type=_whole, default=50, metavar="N", help="at most so many, 0: all; default 50")
    listing.add_argument("--before", metavar="ID", help="only events before this one")
    export.add_argument("--format", choices=["csv", "json"], default="csv")
    verify = audit("verify", "compute the chain anew; exit code 1 where it is broken", "oversight.audit_verify")
    verify.add_argument("--expect", metavar="SEQ:HASH", help="a head noted earlier, which must still be in the chain")

    overview = subjects.add_parser("overview", help="how many of everything", allow_abbrev=False)
    overview.set_defaults(operation="oversight.overview")
    overview.add_argument("--refresh", action="store_true", help="count anew first")
    overview.add_argument("--json", action="store_true", help="print JSON")
    add_settings(overview, ("data_dir", "secret_key_file"))

    group = subject("group", "groups of the identity provider, and the teams they lead into")
    group("list", "list groups", "groups.list_")
    link = group("link", "lead a group into a team, with a role", "groups.link")
    link.add_argument("id", metavar="ID")
    link.add_argument("--team", required=True, metavar="ID")
    link.add_argument("--role", required=True, choices=["owner", "editor", "viewer"])

    automation = subject("automation-token", "tokens with which programs administer this server")
    issue = automation("issue", "generate a token that acts in an administrator's name", "automation.issue")
    issue.add_argument("--administrator", required=True, metavar="EMAIL", help="it ends with this person's rights")
    issue.add_argument("--label", required=True)
    issue.add_argument("--expires", required=True, choices=["7", "30", "60", "90", "never"], help="days, or never")
    issue.add_argument(
        "--access", required=True, choices=["full", "read", "scim"], help="everything, only reading, or provisioning"
    )
    issue.add_argument("--network", action="append", metavar="CIDR", help="use only from there; may be repeated")
    automation("list", "list automation tokens", "automation.list_")
    automation("delete", "delete an automation token for ever", "automation.delete").add_argument("id", metavar="ID")
    mail = subject("mail", "mail: the outbox, and whether it works")
    mail("test", "hand a test mail to the mail server now, and say how that went", "mail.test").add_argument(
        "--to", required=True, metavar="EMAIL"
    )
    listing = mail("list", "list mails, newest first", "mail.list_")
    listing.add_argument("--state", choices=["queued", "sent", "failed", "unset", "late", "discarded"])
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many [100]")
    mail("retry", "try a failed mail again, or all of them", "mail.retry").add_argument("id", metavar="ID|all")
    mail("discard", "never send a mail", "mail.discard").add_argument("id", metavar="ID")

    webhook = subject("webhook", "addresses that events are sent to")
    add = webhook("add", "add a webhook; its signing secret is printed once", "webhooks.add")
    add.add_argument("--url", required=True)
    add.add_argument(
        "--event", action="append", required=True, metavar="EVENT", help="may be repeated; all: every event"
    )
    webhook("list", "list webhooks", "webhooks.list_")
    for name, text in (
        ("delete", "delete a webhook with its deliveries"),
        ("enable", "send to a webhook again"),
        ("disable", "send nothing to a webhook any more"),
        ("test", "send a test event now, and say how that went"),
    ):
        webhook(name, text, f"webhooks.{name}").add_argument("id", metavar="ID")
    return top


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError("a whole number, 0 or more")
    return int(text)


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

    from hopkey.server.errors import DomainError

    module, _, function = arguments.operation.partition(".")
    try:
        operations = importlib.import_module(f"hopkey.server.commands.operations.{module}")
        report = getattr(operations, function)(arguments)
    except DomainError as error:
        return _failed(arguments, error.code, error.message, 1)
    except OperationalError as error:  # a full disk, a connection that broke: nothing was done
        return _failed(arguments, "database", f"The database could not do it: {str(error).strip()}.", 1)
    except BrokenPipeError:
        # Whoever read the list has had enough; nothing more can be said there, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if not report.printed:
        print(report.render(as_json=arguments.json))
    return 1 if report.failed else 0


def _failed(arguments: argparse.Namespace, code: str, message: str, exit_code: int) -> int:
    text = json.dumps({"error": code, "message": message}) if arguments.json else f"hopkey admin: {message}"
    print(text, file=sys.stderr)
    return exit_code
