"""Where the token comes from. It never stands in a message."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hopkey.cli.exits import CommandError
from hopkey.cli.terminal import Terminal

MAX_FILE = 64 * 1024


def server_of(arguments: argparse.Namespace, terminal: Terminal) -> str | None:
    return arguments.server or terminal.environ.get("HOPKEY_SERVER") or None


def token_of(arguments: argparse.Namespace, terminal: Terminal) -> str | None:
    """The token, from the first of: ``--token``, ``--token-file``, ``--keyring``, HOPKEY_TOKEN, HOPP_TOKEN.

    Raises `CommandError`.
    """
    given = [name for name in ("token", "token_file", "keyring") if getattr(arguments, name)]
    if len(given) > 1:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CommandError("INVALID_ARGUMENT", f"{names} both name a token: give one of them")
    if arguments.token:
        return str(arguments.token)
    if arguments.token_file:
        return _from_file(arguments.token_file, terminal)
    if arguments.keyring:
        return _from_keyring(server_of(arguments, terminal))
    return terminal.environ.get("HOPKEY_TOKEN") or terminal.environ.get("HOPP_TOKEN") or None


def _from_file(name: str, terminal: Terminal) -> str:
    if name == "-":
        text = terminal.stdin.read(MAX_FILE)
        place = "standard input"
    else:
        place = name
        try:
            path = Path(name)
            text = path.read_text("utf-8-sig")[:MAX_FILE]
            if sys.platform != "win32" and path.stat().st_mode & 0o077 and path.is_file():
                print(f"hopkey: others on this machine can read {name}: chmod 600 {name}", file=terminal.err)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise CommandError("FILE_NOT_FOUND", f"the token file {name} cannot be read: {reason}") from None
    token = text.strip()
    if not token or len(token.split()) != 1:
        raise CommandError("TOKEN_INVALID", f"{place} must hold one token and nothing else")
    return token


def _from_keyring(server: str | None) -> str:
    if not server:
        raise CommandError("INVALID_SERVER_URL", "--keyring needs --server: tokens are kept by the server's address")
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        raise CommandError("INVALID_ARGUMENT", "--keyring needs: pip install 'hopkey[keyring]'") from None
    try:
        token = keyring.get_password("hopkey", server)
    except KeyringError as error:
        raise CommandError("TOKEN_INVALID", f"the keyring cannot be read: {error}") from None
    if not token:
        raise CommandError("TOKEN_INVALID", f"the keyring holds no token for {server}: keyring set hopkey {server}")
    return token
