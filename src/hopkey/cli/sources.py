"""Where a collection or an environment comes from: a file, or a server by its id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hopkey.cli.exits import CommandError
from hopkey.formats.collections import collections_load
from hopkey.formats.environments import environment_load
from hopkey.formats.errors import BulkEnvironmentError, FormatError
from hopkey.formats.model import Collection, Environment

if TYPE_CHECKING:
    from hopkey.client.server import Server

MAX_FILE = 512 * 1024 * 1024
_T = TypeVar("_T")


class Source:
    """Reads by file or id. An existing path always wins over an id; an id needs a token."""

    def __init__(self, *, token: str | None, server: str | None) -> None:
        self._token = token
        self._address = server
        self._server: Server | None = None

    def collections(self, name: str) -> list[Collection]:
        """Raises `CommandError`."""
        data = self._file(name)
        if data is None:
            return [self._remote(lambda server: server.collection(name))]
        try:
            return collections_load(data)
        except FormatError as error:
            raise CommandError("MALFORMED_COLLECTION", f"{name} cannot be read: {error}") from None

    def environment(self, name: str) -> Environment:
        """Raises `CommandError`."""
        data = self._file(name)
        if data is None:
            return self._remote(lambda server: server.environment(name))
        try:
            return environment_load(data)
        except BulkEnvironmentError as error:
            raise CommandError("BULK_ENV_FILE", f"{name}: {error}") from None
        except FormatError as error:
            raise CommandError("MALFORMED_ENV_FILE", f"{name} cannot be read: {error}") from None

    def _file(self, name: str) -> bytes | None:
        """The bytes of the file, or None where this is an id. Raises `CommandError`."""
        path = Path(name)
        try:
            exists = path.exists()
        except (OSError, ValueError):
            exists = False
        if not exists:
            looks_like_file = name.endswith(".json") or "/" in name or "\\" in name
            if looks_like_file:
                raise CommandError("FILE_NOT_FOUND", f"there is no file {name}")
            if not self._token:
                raise CommandError(
                    "INVALID_FILE_TYPE",
                    f"there is no file {name}; if it is an id, a token is needed: set HOPKEY_TOKEN or give --token",
                )
            return None
        if path.is_dir():
            raise CommandError("INVALID_FILE_TYPE", f"{name} is a folder; name a .json file in it")
        if path.suffix.lower() != ".json":
            raise CommandError("INVALID_FILE_TYPE", f"{name} is no .json file")
        try:
            if path.stat().st_size > MAX_FILE:
                raise CommandError("INVALID_FILE_TYPE", f"{name} is larger than {MAX_FILE >> 20} MB")
            return path.read_bytes()
        except OSError as error:
            raise CommandError("FILE_NOT_FOUND", f"{name} cannot be read: {error.strerror}") from None

    def _remote(self, read: Callable[[Server], _T]) -> _T:
        # Imported here: a run from files needs no client.
        from hopkey.client.server import Server, ServerError

        try:
            if self._server is None:
                self._server = Server(self._address, self._token or "")
            return read(self._server)
        except ServerError as error:
            raise CommandError(error.code, error.message) from None
