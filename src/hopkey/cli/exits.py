"""How the command ends: exit codes and errors (docs/cli.md lists both)."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Stable exit codes: scripts may rely on them."""

    PASSED = 0
    TESTS_FAILED = 1
    USAGE = 2
    FAULT = 3
    AUTHENTICATION = 4
    SERVER = 5
    NOTHING_RAN = 6
    INTERRUPTED = 130


ERROR_EXITS: dict[str, Exit] = {
    "TESTS_FAILING": Exit.TESTS_FAILED,
    "UNKNOWN_ERROR": Exit.FAULT,
    "FILE_NOT_FOUND": Exit.USAGE,
    "UNKNOWN_COMMAND": Exit.USAGE,
    "MALFORMED_COLLECTION": Exit.FAULT,
    "NO_FILE_PATH": Exit.USAGE,
    "PRE_REQUEST_SCRIPT_ERROR": Exit.FAULT,
    "PARSING_ERROR": Exit.FAULT,
    "TEST_SCRIPT_ERROR": Exit.FAULT,
    "SYNTAX_ERROR": Exit.FAULT,
    "REQUEST_ERROR": Exit.FAULT,
    "INVALID_ARGUMENT": Exit.USAGE,
    "MALFORMED_ENV_FILE": Exit.FAULT,
    "BULK_ENV_FILE": Exit.FAULT,
    "INVALID_FILE_TYPE": Exit.USAGE,
    "INVALID_DATA_FILE_TYPE": Exit.USAGE,
    "REPORT_EXPORT_FAILED": Exit.FAULT,
    "TOKEN_EXPIRED": Exit.AUTHENTICATION,
    "TOKEN_INVALID": Exit.AUTHENTICATION,
    "INVALID_ID": Exit.AUTHENTICATION,
    "INVALID_SERVER_URL": Exit.SERVER,
    "SERVER_CONNECTION_REFUSED": Exit.SERVER,
    "NOTHING_RAN": Exit.NOTHING_RAN,
}
"""Error codes, printed on stderr as ``ERROR_CODE: <code>``, and the exit code of each."""


class CommandError(Exception):
    """The command cannot go on. ``code`` is a key of `ERROR_EXITS`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def exit(self) -> Exit:
        return ERROR_EXITS[self.code]
