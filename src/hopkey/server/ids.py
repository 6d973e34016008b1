"""Identifiers of accounts, workspaces, collections, requests and environments."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
LENGTH = 25


def new_id() -> str:
    """A random identifier: ``c`` and 24 of ``0-9a-z`` (124 bits), the shape the official server's ids have.

    It is no secret, but cannot be guessed either; it needs no escaping in a URL, a shell or a file name.
    """
    return "c" + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH - 1))
