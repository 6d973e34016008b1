"""Who may have an account here (``HOPKEY_SIGNUP``). Administrators and operators may always make one for somebody."""

from __future__ import annotations

from hopkey.server.config import current
from hopkey.server.errors import Forbidden


def admission_check(*, email: str, invited: bool) -> None:
    """Whether somebody with this address may make an account, `invited` into a team or not.

    ``closed``: nobody. ``invitation``: whom a team invites. ``domain``: whoever has an address of one of
    ``HOPKEY_SIGNUP_DOMAINS``, invited or not, and nobody else. Raises `Forbidden` (``signup_closed``).
    """
    config = current()
    if config.signup == "invitation" and invited:
        return
    if config.signup == "domain" and email.rpartition("@")[2].lower() in config.signup_domains:
        return
    if config.signup == "domain":
        domains = " or ".join(config.signup_domains)
        raise Forbidden(
            "signup_closed",
            f"Accounts here are for addresses of {domains}. Ask an administrator of this server to invite {email}.",
        )
    raise Forbidden(
        "signup_closed",
        f"There is no account for {email} here. Ask an administrator of this server to invite you to have one.",
    )


def signup_is_open(*, invited: bool) -> bool:
    """Whether anybody at all may make an account in this way."""
    return current().signup == "domain" or (current().signup == "invitation" and invited)
