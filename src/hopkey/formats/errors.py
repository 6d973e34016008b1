"""What can be wrong with a file, and where."""

from __future__ import annotations


class FormatError(Exception):
    """A file that is not what it should be. ``place`` is a path into it, such as ``$.folders[1].requests[0].auth``."""

    def __init__(self, message: str, place: str = "$") -> None:
        super().__init__(f"{message} (at {place})")
        self.message = message
        self.place = place


class BulkEnvironmentError(FormatError):
    """An export of several environments where one is needed."""
