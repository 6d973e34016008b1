"""`hopkey admin token ...`."""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import Any

from django.utils import timezone

from hopkey.server.accounts.selectors import user_get
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.commands.operations.report import Report, shown
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.exports.downloads import tokens_export
from hopkey.server.exports.shapes import token_shape
from hopkey.server.tokens import oversight, services
from hopkey.server.tokens.deletion import deletion_preview, reason_read
from hopkey.server.tokens.expiry import NEVER
from hopkey.server.tokens.format import is_well_formed

COLUMNS = ("id", "publicId", "label", "owner", "state", "expiresOn", "lastUsedOn")


def issue(arguments: argparse.Namespace) -> Report:
    days = None if arguments.expires == NEVER else int(arguments.expires)
    owner = user_get(arguments.user)
    made = services.token_generate_for(
        owner=owner, label=arguments.label, days=days, team_ids=arguments.team, by=OPERATOR
    )
    token = made.token
    expires = token.expires_at.isoformat() if token.expires_at else None
    data = {"token": made.text, "id": str(token.pk), "label": token.label, "expiresOn": expires}
    return Report(data, f"{made.text}\nThis is the only time the token is shown (id {token.pk}).")


def list_(arguments: argparse.Namespace) -> Report:
    now = timezone.now()
    found = oversight.token_each_judged(_filter(arguments), now=now, chunk=min(arguments.limit or 1000, 1000))
    rows = [token_shape(token, now=now, over=over) for token, over in itertools.islice(found, arguments.limit or None)]
    return shown(rows, [_row(row) for row in rows], COLUMNS)


def find(_: argparse.Namespace) -> Report:
    """The token comes on standard input, so that it stands in no process list and no history of a shell."""
    text = sys.stdin.readline(4096).strip()
    if not is_well_formed(text):
        raise DomainError("token_malformed", "What came on standard input is no token: it is mistyped or cut off.")
    page = oversight.token_page(oversight.Filter(text=text), limit=1)
    if not page.tokens:
        raise NotFound("token_not_found", "No token of this server is that: it was deleted, or was never made here.")
    row = token_shape(page.tokens[0], now=timezone.now(), over=page.over.get(page.tokens[0].pk))
    return Report(row, Report.table([_row(row)], COLUMNS).text)


def export(arguments: argparse.Namespace) -> Report:
    file = tokens_export(_filter(arguments), kind=arguments.format, by=OPERATOR, now=timezone.now())
    sys.stdout.writelines(file.pieces)
    return Report.silent()


def delete(arguments: argparse.Namespace) -> Report:
    """All or none: an id that is not there stops everything."""
    ids = list(dict.fromkeys(_id(text) for text in arguments.id))
    preview = deletion_preview(ids, now=timezone.now())
    reason = reason_read(arguments.reason) if arguments.reason is not None else "deleted by an operator"
    missing = sorted(set(ids) - set(preview.ids))
    if missing:
        raise NotFound("token_not_found", f"There is no token {missing[0]}; nothing was deleted.")
    if arguments.dry_run:
        owners = [{"email": hit.email, "tokens": hit.tokens} for hit in preview.owners]
        lines = [f"{hit.tokens} of {hit.email}" for hit in preview.owners]
        return Report(
            {"ids": arguments.id, "deleted": False, "owners": owners, "usedLately": preview.used_lately},
            "\n".join([*lines, f"{preview.used_lately} of these were used within 7 days. Nothing was deleted."]),
        )
    gone = services.tokens_delete(token_ids=ids, by=OPERATOR, reason=reason)
    deleted = [str(token.pk) for token in gone]
    # One id answers as it always did.
    data: dict[str, Any] = (
        {"id": deleted[0], "deleted": True} if len(deleted) == 1 else {"ids": deleted, "deleted": True}
    )
    return Report(
        data, "Deleted. It is refused from now on." if len(deleted) == 1 else f"Deleted {len(deleted)} tokens."
    )


def _filter(arguments: argparse.Namespace) -> oversight.Filter:
    owner = user_get(arguments.owner).pk if arguments.owner else ""
    values = {"state": arguments.state, "sort": arguments.sort, "team": arguments.team, "text": arguments.text}
    return oversight.filter_read({"owner": owner, **{name: value or "" for name, value in values.items()}})


def _id(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise NotFound("token_not_found", f"There is no token {text!r}.")
    return int(text)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "owner": row["owner"]["email"]}
