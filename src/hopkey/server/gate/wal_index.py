"""Whether anything was committed to a SQLite database in WAL mode, from the memory its processes share.

The first 48 bytes of the file ``-shm`` are the header of the WAL index (https://www.sqlite.org/walformat.html, 2.2):
whoever commits writes it anew, with a counter of transactions in it, before the commit is answered. SQLite's own
``PRAGMA data_version`` compares these bytes; it asks for locks by system calls and gives up Python's interpreter lock
in between, which costs several times what the rest of an answer does.
"""

from __future__ import annotations

import mmap
import os
import sqlite3
import struct
import sys
from pathlib import Path

_HEADER_BYTES = 48
_COPIES = 2
_FORMAT = 3_007_000
"""The version of the format, the first number of the header, in the byte order of the machine."""


class WalIndex:
    """The header as it stands now. To be closed after every connection to this database in this process: closing the
    file takes away the locks that SQLite holds on it (POSIX: all locks of a process on a file end with any of its
    descriptors).
    """

    def __init__(self, file: int, shared: mmap.mmap) -> None:
        self._file = file
        self._shared = shared

    @classmethod
    def of(cls, connection: sqlite3.Connection, path: Path) -> WalIndex | None:
        """That of the database of `connection`, which keeps it from being replaced; None where there is none to be
        relied on: another journal mode, system or format. Raises `sqlite3.Error`.
        """
        if sys.platform not in ("linux", "darwin"):
            return None
        if connection.execute("PRAGMA journal_mode").fetchall() != [("wal",)]:
            return None
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # now SQLite has the file open, and filled
        try:
            file = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            index = cls(file, mmap.mmap(file, _HEADER_BYTES * _COPIES, prot=mmap.PROT_READ))
        except (OSError, ValueError):
            # Left open: see above.
            return None
        return index if struct.unpack("=I", index.header()[:4])[0] == _FORMAT else None

    def header(self) -> bytes:
        """What any commit changes, before it is answered."""
        return self._shared[:_HEADER_BYTES]

    def close(self) -> None:
        self._shared.close()
        os.close(self._file)
