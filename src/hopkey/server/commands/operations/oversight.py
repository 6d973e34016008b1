"""`hopkey admin overview`, `policy ...` and `audit ...`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.utils import timezone

from hopkey.server.audit.actor import OPERATOR
from hopkey.server.audit.chain import chain_verify, head_read
from hopkey.server.audit.selectors import audit_before_read, audit_filter_read, audit_list
from hopkey.server.commands.operations.report import Report, shown
from hopkey.server.exports.downloads import audit_export
from hopkey.server.exports.shapes import event_shape, policy_run_shape, policy_shape, verdict_shape
from hopkey.server.figures.services import figures_days, figures_take
from hopkey.server.figures.shapes import figures_shape
from hopkey.server.tokens.pasted import subject_in
from hopkey.server.tokens.policies import policy_check, policy_dry_run, policy_get, policy_set, policy_values
from hopkey.server.tokens.policy import WORDS, Policy

_FIGURES = (
    ("live", "live tokens"),
    ("neverExpires", "never expire"),
    ("expiring", "expire within 14 days"),
    ("unused", "unused for 90 days"),
    ("users", "users"),
    ("teams", "teams"),
    ("refused", "refused attempts today"),
)


def overview(arguments: argparse.Namespace) -> Report:
    now = timezone.now()
    if arguments.refresh:
        figures_take(now=now)
    data = figures_shape(figures_days(now=now))
    today = data["days"][-1]
    lines = [f"{_cell(today[name]):>9}  {text}" for name, text in _FIGURES]
    hint = "" if arguments.refresh else "; --refresh counts anew"
    return Report(data, "\n".join([*lines, f"counted at {data['at']}{hint}"]))


def policy_show(_: argparse.Namespace) -> Report:
    return _policy(policy_get())


def policy_put(arguments: argparse.Namespace) -> Report:
    """What is not named stays as it is; ``none`` takes a limit away."""
    policy = _asked(arguments)
    policy_set(policy=policy, by=OPERATOR)
    return _policy(policy)


def policy_try(arguments: argparse.Namespace) -> Report:
    """Every live token is judged: at the command line somebody can wait."""
    policy = _asked(arguments)
    run = policy_dry_run(policy, now=timezone.now(), whole=True)
    lines = [run.sentence]
    lines += [f"  {count:>9,}  {WORDS[over]}" for over, count in sorted(run.reasons.items(), key=lambda item: -item[1])]
    lines += [f"  {item.public_id}  {item.owner_email}  {item.label}: {WORDS[item.why]}" for item in run.shown]
    if run.newly > len(run.shown):
        lines.append(f"  and {run.newly - len(run.shown):,} more")
    if run.freed:
        lines.append(f"It would let {run.freed:,} go again that are stopped now.")
    if run.outside:
        lines.append(f"{run.outside:,} were last used from outside its networks.")
    return Report(policy_run_shape(policy, run), "\n".join(lines))


def audit_show(arguments: argparse.Namespace) -> Report:
    before = audit_before_read(arguments.before or "")
    events = audit_list(audit_filter_read(_audit_values(arguments)), before=before)
    rows = [event_shape(event) for event in (events if arguments.limit == 0 else events[: arguments.limit])]
    table = [
        {
            "id": row["id"],
            "at": row["at"],
            "event": row["event"],
            "actor": row["actor"]["label"],
            "subject": row["subject"]["label"] or row["subject"]["id"],
            "address": row["address"],
        }
        for row in rows
    ]
    return shown(rows, table, ("id", "at", "event", "actor", "subject", "address"))


def audit_save(arguments: argparse.Namespace) -> Report:
    chosen = audit_filter_read(_audit_values(arguments))
    file = audit_export(chosen, kind=arguments.format, by=OPERATOR, now=timezone.now())
    sys.stdout.writelines(file.pieces)
    return Report.silent()


def audit_verify(arguments: argparse.Namespace) -> Report:
    """Exit code 1 where the chain is broken."""
    data = verdict_shape(chain_verify(head_read(arguments.expect or "")))
    if data["fault"]:
        return Report(data, f"The audit trail was tampered with: {data['fault']}.", failed=True)
    text = f"Whole: {data['checked']:,} events, each as it was written. Head: {data['head']}"
    return Report(data, text)


def _audit_values(arguments: argparse.Namespace) -> dict[str, str]:
    values = {name: getattr(arguments, name) or "" for name in ("event", "actor", "subject", "since", "until")}
    return {**values, "subject": subject_in(values["subject"])}


def _policy(policy: Policy) -> Report:
    data = policy_shape(policy)
    return Report(data, "\n".join(f"{name:<14}  {_cell(value)}" for name, value in data.items()))


def _asked(arguments: argparse.Namespace) -> Policy:
    values = policy_values(policy_get())
    for name in ("max_days", "tokens_per_user", "unused_days", "label_pattern"):
        given = getattr(arguments, name)
        if given is not None:
            values[name] = None if given == "none" else given
    if arguments.never_allowed is not None:
        values["never_allowed"] = arguments.never_allowed == "yes"
    if arguments.network is not None:
        values["networks"] = [] if arguments.network == ["none"] else arguments.network
    return policy_check(values)


def _cell(value: Any) -> str:
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
