"""Where a collection or an environment comes from: a file, or a server by its id or path."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hopkey.cli.credentials import server_of, token_of
from hopkey.cli.exits import CommandError
from hopkey.cli.terminal import Terminal
from hopkey.formats.collections import collections_load
from hopkey.formats.environments import environment_load
from hopkey.formats.errors import BulkEnvironmentError, FormatError
from hopkey.formats.model import Collection, Environment

if TYPE_CHECKING:
    from hopkey.client.server import Reach, Server

MAX_FILE = 512 * 1024 * 1024
_T = TypeVar("_T")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def source_of(arguments: argparse.Namespace, terminal: Terminal) -> Source:
    """The source that the arguments and the environment name. Raises `CommandError`."""
    return Source(token=token_of(arguments, terminal), server=server_of(arguments, terminal), warn=_warning(terminal))


def connect(arguments: argparse.Namespace, terminal: Terminal) -> Source:
    """`source_of` for commands that do nothing without a server. Raises `CommandError`."""
    source = source_of(arguments, terminal)
    if not source.has_token:
        raise CommandError("TOKEN_INVALID", "a token is needed: set HOPKEY_TOKEN, or give --token-file or --token")
    return source


class Source:
    """Reads by file, id or path. An existing file always wins; what is on a server needs a token."""

    def __init__(
        self, *, token: str | None, server: str | None, warn: Callable[[datetime], None] = lambda _: None
    ) -> None:
        self._token = token
        self._address = server
        self._warn = warn
        self._server: Server | None = None

    @property
    def has_token(self) -> bool:
        return bool(self._token)

    def collections(self, name: str) -> tuple[list[Collection], str]:
        """The collections, and the path of the folder in them that was named, empty for all. Raises `CommandError`."""
        data = self._file(name)
        if data is None:
            identity, folder = self._collection_id(name)
            return [self._remote(lambda server: server.collection(identity))], folder
        try:
            return collections_load(data), ""
        except FormatError as error:
            raise CommandError("MALFORMED_COLLECTION", f"{name} cannot be read: {error}") from None

    def environment(self, name: str) -> Environment:
        """Raises `CommandError`."""
        data = self._file(name)
        if data is None:
            identity = self._environment_id(name)
            return self._remote(lambda server: server.environment(identity))
        try:
            return environment_load(data)
        except BulkEnvironmentError as error:
            raise CommandError("BULK_ENV_FILE", f"{name}: {error}") from None
        except FormatError as error:
            raise CommandError("MALFORMED_ENV_FILE", f"{name} cannot be read: {error}") from None

    def collection_on_server(self, name: str) -> Collection:
        """A whole collection, or a folder by its id, whatever files there are. Raises `CommandError`."""
        identity, folder = self._collection_id(name)
        collection = self._remote(lambda server: server.collection(identity))
        for part in folder.split("/")[1:] if folder else ():
            inner = next((item for item in collection.folders if item.name == part), None)
            if inner is None:
                raise CommandError("INVALID_ID", f"there is no folder {part!r} in {collection.name}")
            collection = inner
        return collection

    def environment_on_server(self, name: str) -> Environment:
        """Raises `CommandError`."""
        identity = self._environment_id(name)
        return self._remote(lambda server: server.environment(identity))

    def reach(self) -> Reach:
        """What the token may read. Raises `CommandError`."""
        return self._remote(lambda server: server.reach())

    def _collection_id(self, name: str) -> tuple[str, str]:
        """Id and path of the folder of ``Team/Collection/Folder/...``; the team may be left out."""
        if not _is_path(name):
            return name, ""
        found = []
        for workspace in self.reach().workspaces:
            for item in workspace.collections:
                for prefix in (f"{workspace.name}/{item.name}", item.name):
                    if name == prefix or name.startswith(f"{prefix}/"):
                        folder = f"{item.name}{name[len(prefix) :]}" if name != prefix else ""
                        found.append((item.id, folder, f"{workspace.name}/{item.name}"))
        return _single(found, name, "collection")[:2]

    def _environment_id(self, name: str) -> str:
        if not _is_path(name):
            return name
        found = [
            (item.id, "", f"{workspace.name}/{item.name}")
            for workspace in self.reach().workspaces
            for item in workspace.environments
            if name in (f"{workspace.name}/{item.name}", item.name)
        ]
        return _single(found, name, "environment")[0]

    def _file(self, name: str) -> bytes | None:
        """The bytes of the file, or None where this is an id. Raises `CommandError`."""
        if not name:
            raise CommandError("NO_FILE_PATH", "the name is empty: name a .json file, an id, or a path on the server")
        path = Path(name)
        try:
            exists = path.exists()
        except (OSError, ValueError):
            exists = False
        if not exists:
            if name.endswith(".json") or name.startswith((".", "/", "~")) or "\\" in name:
                raise CommandError("FILE_NOT_FOUND", f"there is no file {name}")
            if not self._token and "/" in name:
                raise CommandError(
                    "FILE_NOT_FOUND",
                    f"there is no file {name}; if it is a path on the server, set HOPKEY_TOKEN or give --token-file",
                )
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
            result = read(self._server)
            if self._server.expires is not None:
                self._warn(self._server.expires)
            return result
        except ServerError as error:
            raise CommandError(error.code, error.message) from None


def _is_path(name: str) -> bool:
    """Whether this is a name on the server rather than an id, which holds neither spaces nor slashes."""
    return _ID.fullmatch(name) is None


def _single(found: list[tuple[str, str, str]], name: str, what: str) -> tuple[str, str, str]:
    """The one that was found; the longest name where one lies within the other. Raises `CommandError`."""
    if not found:
        raise CommandError("INVALID_ID", f"there is no {what} {name!r} that this token reaches; see hopkey ls")
    shortest = min(len(folder) for _, folder, _ in found)
    best = {item for item in found if len(item[1]) == shortest}
    if len({identity for identity, _, _ in best}) > 1:
        names = ", ".join(f"{path} ({identity})" for identity, _, path in sorted(best)[:10])
        raise CommandError("INVALID_ID", f"{name!r} could be any of these; name the id: {names}")
    return best.pop()


def _warning(terminal: Terminal) -> Callable[[datetime], None]:
    """Tells once, on stderr, when the token ends."""
    told = False

    def warn(expires: datetime) -> None:
        nonlocal told
        left = expires - datetime.now(UTC)
        if told or left > timedelta(days=7):
            return
        told = True
        hours = max(0, int(left.total_seconds() // 3600))
        when = f"in {round(hours / 24)} days" if hours >= 48 else f"in {hours} hours"
        print(
            f"hopkey: this token expires {when}, on {expires:%Y-%m-%d %H:%M} UTC: generate a new one", file=terminal.err
        )

    return warn
