"""The key that signs sessions: where it comes from, and how one is made."""

from __future__ import annotations

import functools
import os
import secrets
import stat
from pathlib import Path

from hopkey.server.config import Config, ConfigError

HOW_TO_MAKE = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))' > hopkey.key"


def secret_key_path(config: Config) -> Path:
    return Path(config.secret_key_file) if config.secret_key_file else config.data_dir / "secret.key"


def secret_key_read(config: Config) -> str | None:
    """The configured key, or None where none exists yet. Raises `ConfigError` for an unreadable or short one."""
    if config.secret_key:
        return config.secret_key
    path = secret_key_path(config)
    try:
        text = path.read_text("utf-8").strip()
    except FileNotFoundError:
        if config.secret_key_file:
            raise ConfigError(
                f"HOPKEY_SECRET_KEY_FILE names {path}, which does not exist. Make one: {HOW_TO_MAKE}"
            ) from None
        return None
    except OSError as error:
        raise ConfigError(f"The secret key {path} cannot be read: {error.strerror}.") from None
    if len(text) < 32:
        raise ConfigError(f"The secret key in {path} is shorter than 32 characters. Make one: {HOW_TO_MAKE}")
    return text


def secret_key_ensure(config: Config) -> str:
    """The key, generated (mode 0600) for an embedded database on its first start.

    With PostgreSQL several nodes share one database and so must share the key: none is ever made up there.
    Raises `ConfigError`.
    """
    key = secret_key_read(config)
    if key is not None:
        return key
    if config.uses_postgresql:
        raise ConfigError(
            "With PostgreSQL every node needs the same secret key: set HOPKEY_SECRET_KEY or HOPKEY_SECRET_KEY_FILE. "
            f"Make one: {HOW_TO_MAKE}"
        )
    path = secret_key_path(config)
    key = secrets.token_urlsafe(48)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    except FileExistsError:
        # Another process started at the same moment: its key is the one.
        return secret_key_ensure(config)
    except OSError as error:
        raise ConfigError(f"The secret key {path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w") as stream:
        stream.write(key + "\n")
    return key


@functools.cache
def throwaway_key() -> str:
    """For processes that sign nothing (type checks, ``makemigrations``): a key that dies with the process."""
    return secrets.token_urlsafe(48)
