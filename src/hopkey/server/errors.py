"""Errors of the domain, raised by services and selectors and translated once at each edge."""

from __future__ import annotations


class DomainError(Exception):
    """Something a person asked for that cannot be done.

    ``code`` is stable and documented (docs/api.md); ``message`` says what happened and what to do; ``status`` is
    the HTTP status of the edge; ``field`` names the form field at fault, where there is one.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.field = field


class NotFound(DomainError):
    """The thing does not exist, or this person may not know that it does: both look alike."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, status=404)


class Forbidden(DomainError):
    """The person may see the thing but not do this to it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, status=403)


class Conflict(DomainError):
    """The state of things does not allow it now."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(code, message, status=409, field=field)
