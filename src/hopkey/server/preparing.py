"""Everything that must be true before a process serves or an operator's command writes."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from hopkey.server import config as settings
from hopkey.server.config import Config, ConfigError
from hopkey.server.secret_key import secret_key_ensure

if os.name == "posix":
    import fcntl
else:
    fcntl = None  # type: ignore[assignment]


def prepare(config: Config) -> None:
    """Data directory, secret key and Django, for this process. Raises `ConfigError`."""
    settings.install(config)
    data_dir_ensure(config)
    secret_key_ensure(config)
    import django

    django.setup()


def data_dir_ensure(config: Config) -> None:
    """The data directory, made with mode 0700 where there is none. Raises `ConfigError`."""
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(config.data_dir, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise ConfigError(
            f"The data directory {config.data_dir} cannot be used: {error.strerror}. Set HOPKEY_DATA_DIR."
        ) from None


def migrate(config: Config) -> None:
    """Bring the database up to date, its triggers and the cache tables included; then check it. Raises `ConfigError`.

    Nodes that start together wait for one another.
    """
    from django.core.management import call_command
    from django.db import OperationalError, connection

    where = "The database" if config.uses_postgresql else f"The database in {config.data_dir}"
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise ConfigError(f"{where} cannot be opened: {str(error).strip()}") from None
    try:
        with _migration_lock(config):
            call_command("migrate", interactive=False, verbosity=0)
            call_command("createcachetable", verbosity=0)
            if not config.uses_postgresql:
                os.chmod(config.sqlite_path, 0o600)
            check(config)
    except OperationalError as error:  # a full disk, a connection that broke
        raise ConfigError(f"{where} could not be brought up to date: {str(error).strip()}.") from None
    connection.close()


def check(config: Config) -> None:
    """Whether this database and these settings belong together. Raises `ConfigError`."""
    from django.db import connection

    from hopkey.server.accounts.oidc import client_secret
    from hopkey.server.changes.models import Installation

    client_secret(config)
    if config.uses_postgresql:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            if cursor.fetchone()[0] == "off":
                raise ConfigError(
                    "PostgreSQL runs with synchronous_commit=off: a deleted token could come back after a crash. "
                    "Set it to on for this database."
                )
    fingerprint = hashlib.sha256(b"hopkey key " + secret_key_ensure(config).encode()).hexdigest()
    installation, _ = Installation.objects.get_or_create(id=1, defaults={"key_fingerprint": fingerprint})
    if not hmac.compare_digest(installation.key_fingerprint, fingerprint):
        raise ConfigError(
            "The secret key is not the one this database was set up with. Every node needs the same key: "
            "copy it from another node into HOPKEY_SECRET_KEY or the file that HOPKEY_SECRET_KEY_FILE names."
        )


@contextmanager
def serving_lock(config: Config) -> Iterator[None]:
    """Held (shared) by everything that serves from this data directory. Raises `ConfigError`."""
    with _lock(config, exclusive=False):
        yield


@contextmanager
def exclusive_lock(config: Config) -> Iterator[None]:
    """Held by whoever replaces the data: nobody serves meanwhile. Raises `ConfigError` while somebody does."""
    with _lock(config, exclusive=True):
        yield


@contextmanager
def _lock(config: Config, *, exclusive: bool) -> Iterator[None]:
    path = config.data_dir / "lock"
    stream: IO[str] = open(path, "a", encoding="ascii")  # noqa: SIM115 - closed below
    try:
        if fcntl is not None:
            kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            try:
                fcntl.flock(stream, kind | fcntl.LOCK_NB)
            except OSError:
                what = "is being served" if exclusive else "is being restored"
                raise ConfigError(f"The data directory {config.data_dir} {what} by another process.") from None
        yield
    finally:
        stream.close()


@contextmanager
def _migration_lock(config: Config) -> Iterator[None]:
    from django.db import connection

    if not config.uses_postgresql:
        with open(config.data_dir / "migrating", "a", encoding="ascii") as stream:
            if fcntl is not None:
                fcntl.flock(stream, fcntl.LOCK_EX)
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7204212)")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(7204212)")
