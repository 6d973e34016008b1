"""Whether anything was committed to a SQLite database in WAL mode, from the memory its processes share.

The first 48 bytes of the file ``-shm`` are the header of the WAL index (https://www.sqlite.org/walformat.html, 2.2):
whoever commits writes it anew, with a counter of transactions in it, before the commit is answered. SQLite's own
``PRAGMA data_version`` compares these bytes; it asks for locks by system calls and gives up Python's interpreter lock
in between, which costs several times what the rest of an answer does.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sqlite3
import struct
import sys

_HEADER_BYTES = 48
_COPIES = 2
_FORMAT = 3_007_000
"""The version of the format, the first number of the header, in the byte order of the machine."""
_FAILED = ctypes.c_void_p(-1).value


class WalIndex:
    """The header as it stands now. To be closed after every connection to this database in this process, and left open
    where that is not known: closing the file takes away the locks that SQLite holds on it (POSIX: all locks of a
    process on a file end with any of its descriptors). Being collected closes nothing, which is why the memory is not
    Python's `mmap.mmap`: that closes a descriptor of its own when it is.
    """

    def __init__(self, file: int, address: int) -> None:
        self._file = file
        self._shared = (ctypes.c_char * _HEADER_BYTES).from_address(address)

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> WalIndex | None:
        """That of the database of `connection`, which keeps it from being replaced; None where there is none to be
        relied on: another journal mode, system or format. Raises `sqlite3.Error`.
        """
        if sys.platform not in ("linux", "darwin"):
            return None
        if connection.execute("PRAGMA journal_mode").fetchall() != [("wal",)]:
            return None
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()  # now SQLite has the file open, and filled
        # Where SQLite keeps it: beside the file itself, not beside a link to it.
        path = connection.execute("PRAGMA database_list").fetchall()[0][2]
        try:
            file = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        # From here on the file stays open, whatever comes: see above.
        if os.fstat(file).st_size < _HEADER_BYTES * _COPIES:
            return None
        address = _map(file)
        if address is None:
            return None
        index = cls(file, address)
        return index if struct.unpack("=I", index.header()[:4])[0] == _FORMAT else None

    def header(self) -> bytes:
        """What any commit changes, before it is answered."""
        return self._shared.raw

    def close(self) -> None:
        """The memory stays readable: it is one page, and ends with the process."""
        os.close(self._file)


def _map(file: int) -> int | None:
    """The address of the first page of `file` in memory, shared and to be read only; None where that is refused."""
    function = ctypes.CDLL(None).mmap
    function.restype = ctypes.c_void_p
    function.argtypes = (
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    )
    address: int | None = function(None, _HEADER_BYTES * _COPIES, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)
    return None if address == _FAILED else address
