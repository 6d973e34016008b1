"""How to run: everything that is not in the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from hopkey.runner.sandbox import Limits

Row = Mapping[str, str]
"""One row of data: the environment's variables that it overrides."""


class Connection(msgspec.Struct, frozen=True):
    """How requests go out. ``timeout`` in seconds for each answer; ``retries`` where a connection fails.

    With ``http2``, servers that offer HTTP/2 are spoken to in it; this needs the package ``h2``.
    """

    timeout: float = 60.0
    verify: bool = True
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: str | None = None
    retries: int = 0
    follow_redirects: bool = True
    http2: bool = False


class Options(msgspec.Struct, frozen=True):
    """``delay`` in milliseconds between requests.

    ``outside`` are the operating system's variables, of which secrets take their values; ``overrides`` stand above the
    environment. ``rows`` are the data of the iterations: the last row repeats where there are more iterations.
    ``files`` is the folder below which bodies may take files, None for no files at all; ``cache_dir`` holds the
    compiled script engine, None for none.
    """

    delay: float = 0
    iterations: int = 1
    rows: Sequence[Row] = ()
    parallel: int = 1
    bail: bool = False
    folders: Sequence[str] = ()
    requests: Sequence[str] = ()
    overrides: Mapping[str, str] = msgspec.field(default_factory=dict)
    outside: Mapping[str, str] = msgspec.field(default_factory=dict)
    files: Path | None = None
    imports: bool = True
    legacy_sandbox: bool = False
    cache_dir: Path | None = None
    limits: Limits = msgspec.field(default_factory=Limits)
    connection: Connection = msgspec.field(default_factory=Connection)

    def row(self, index: int) -> Row:
        """The data of iteration `index`, counted from 0."""
        return self.rows[min(index, len(self.rows) - 1)] if self.rows else {}
