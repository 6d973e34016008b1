"""`hopkey admin user ...`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from hopkey.server.accounts import links
from hopkey.server.accounts.models import User
from hopkey.server.accounts.selectors import user_get, user_list
from hopkey.server.audit.actor import OPERATOR
from hopkey.server.commands.operations.report import Report
from hopkey.server.errors import DomainError, NotFound
from hopkey.server.exports.shapes import invite_shape
from hopkey.server.people import identities, services


def create(arguments: argparse.Namespace) -> Report:
    password = None
    if arguments.password_stdin:
        password = sys.stdin.readline(2048).rstrip("\r\n")
        if not password:
            raise DomainError("password_weak", "No password came on standard input.")
    user = services.person_create(
        email=arguments.email,
        name=arguments.name,
        password=password,
        is_administrator=arguments.administrator,
        by=OPERATOR,
    )
    data = user_data(user)
    text = f"Created {user.email} ({user.pk})."
    if password is None:
        data["link"] = links.password_link_issue(user=user, by=OPERATOR)
        text += f"\nThis link sets the password, once, within {links.LINK_DAYS} days: {data['link']}"
    return Report(data, text)


def list_(_: argparse.Namespace) -> Report:
    rows = [user_data(user) for user in user_list()]
    return Report.table(rows, ("id", "email", "name", "administrator", "active"))


def deactivate(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    services.person_deactivate(user=user, by=OPERATOR)
    user.refresh_from_db()
    return Report(user_data(user), f"Deactivated {user.email}: sessions ended, tokens are refused.")


def reactivate(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    services.person_reactivate(user=user, by=OPERATOR)
    user.refresh_from_db()
    return Report(user_data(user), f"Reactivated {user.email}.")


def delete(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    data = user_data(user)
    tokens = services.person_delete(user=user, by=OPERATOR)
    return Report({**data, "deleted": True, "tokens": tokens}, f"Deleted {user.email} and {tokens} tokens.")


def administrator(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    services.person_administrator_set(user=user, administrator=arguments.value == "on", by=OPERATOR)
    user.refresh_from_db()
    now = "is an administrator now" if user.is_administrator else "is no administrator any more"
    return Report(user_data(user), f"{user.email} {now}.")


def sign_out(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    sessions = services.person_sign_out(user=user, by=OPERATOR)
    return Report({"id": user.pk, "sessions": sessions}, f"Signed {user.email} out everywhere; tokens go on working.")


def invite(arguments: argparse.Namespace) -> Report:
    link = links.invite_issue(email=arguments.email, administrator=arguments.administrator, inviter=None, by=OPERATOR)
    email = arguments.email.strip().lower()
    data = {"email": email, "administrator": arguments.administrator, "link": link, "days": links.LINK_DAYS}
    return Report(data, f"This link makes the account of {email}, once, within {links.LINK_DAYS} days: {link}")


def invites(_: argparse.Namespace) -> Report:
    rows = [invite_shape(link) for link in links.invite_list()]
    return Report.table(rows, ("email", "administrator", "createdOn", "expiresOn"))


def invite_revoke(arguments: argparse.Namespace) -> Report:
    revoked = links.invite_revoke(emails=[arguments.email], by=OPERATOR)
    if not revoked:
        raise NotFound("invitation_not_found", f"There is no open invitation of {arguments.email}.")
    return Report(
        {"email": arguments.email, "revoked": revoked}, f"The invitation of {arguments.email} does not work any more."
    )


def link(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    made = links.password_link_issue(user=user, by=OPERATOR)
    return Report({**user_data(user), "link": made}, f"For {user.email}, once, within {links.LINK_DAYS} days: {made}")


def second_factor_remove(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    removed = services.person_factors_remove(user=user, by=OPERATOR)
    text = f"Removed {removed} second factors of {user.email} and ended every session."
    return Report({**user_data(user), "removed": removed}, text)


def single_sign_on_unlink(arguments: argparse.Namespace) -> Report:
    user = user_get(arguments.email)
    removed = identities.identity_forget(user=user, by=OPERATOR)
    text = f"Unlinked {user.email}: the next single sign-on with this address is linked anew."
    return Report({**user_data(user), "removed": removed}, text if removed else f"{user.email} was not linked.")


def user_data(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "administrator": user.is_administrator,
        "active": user.is_active,
        "createdOn": user.created_at.isoformat(),
        "lastSignIn": user.last_login.isoformat() if user.last_login else None,
    }
