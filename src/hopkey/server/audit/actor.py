"""Who acts: handed to every service that writes, so that no change goes unaccounted for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A person at a browser, an operator at the command line, or the server itself.

    ``user_id`` is empty for the latter two; ``address`` and ``agent`` are those of the request, if there was one.
    """

    user_id: str = ""
    label: str = ""
    address: str = ""
    agent: str = ""


OPERATOR = Actor(label="operator (command line)")
SYSTEM = Actor(label="server")
