"""The 29 predefined variables: ``<<$guid>>``, ``<<$timestamp>>`` and so on, new at every mention."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import SystemRandom

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_FIRST = ("Ada", "Noor", "Emil", "Jane", "Tomas", "Alice", "Bob")
_LAST = ("Okafor", "Schneider", "Lindqvist", "Doe", "Smith", "Johnson")
_CHOICES = {
    "$randomColor": ("red", "green", "blue", "yellow", "purple", "orange"),
    "$randomAbbreviation": ("SQL", "PCI", "JSON", "HTML", "CSS", "JS", "TS", "API"),
    "$randomLocale": ("ny", "sr", "si"),
    "$randomUserAgent": (
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ),
    "$randomProtocol": ("http", "https"),
    "$randomFirstName": _FIRST,
    "$randomLastName": _LAST,
    "$randomNamePrefix": ("Dr.", "Mr.", "Mrs.", "Ms.", "Miss"),
    "$randomNameSuffix": ("Jr.", "Sr.", "II", "III", "MD", "PhD"),
    "$randomCompanyName": ("Northwind", "Acme", "Globex", "Initech", "Umbrella"),
    "$randomCity": ("Lisbon", "Nairobi", "Osaka", "Chicago", "Turin", "Oslo"),
    "$randomJobArea": ("Mobility", "Intranet", "Configuration", "Development", "Design", "Testing"),
    "$randomJobDescriptor": ("Forward", "Corporate", "Senior", "Junior", "Lead", "Principal"),
    "$randomJobTitle": ("Data Engineer", "Test Analyst", "Product Designer", "Support Specialist"),
    "$randomJobType": ("Supervisor", "Manager", "Coordinator", "Director", "Engineer"),
}


@cache
def _random() -> SystemRandom:
    from random import SystemRandom  # few collections mention such names

    return SystemRandom()


def _guid() -> str:
    from uuid import uuid4

    return str(uuid4())


def _numbers(count: int, limit: int, shape: str, separator: str) -> str:
    return separator.join(format(_random().randrange(limit), shape) for _ in range(count))


def _iso() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_MAKERS: dict[str, Callable[[], str]] = {
    "$guid": _guid,
    "$timestamp": lambda: str(int(time.time())),
    "$isoTimestamp": _iso,
    "$randomUUID": _guid,
    "$randomAlphaNumeric": lambda: _random().choice(_LETTERS),
    "$randomBoolean": lambda: _random().choice(("true", "false")),
    "$randomInt": lambda: str(_random().randrange(1000)),
    "$randomHexColor": lambda: f"#{_random().randrange(1 << 24):06x}",
    "$randomIP": lambda: _numbers(4, 256, "d", "."),
    "$randomIPV6": lambda: _numbers(8, 1 << 16, "04x", ":"),
    "$randomMACAddress": lambda: _numbers(6, 256, "02x", ":"),
    "$randomPassword": lambda: "".join(_random().choice(_LETTERS) for _ in range(15)),
    "$randomSemver": lambda: _numbers(3, 10, "d", "."),
    "$randomFullName": lambda: f"{_random().choice(_FIRST)} {_random().choice(_LAST)}",
}

NAMES = tuple(sorted((*_MAKERS, *_CHOICES)))


def predefined(name: str) -> str | None:
    """A fresh value of a predefined variable, or None for an unknown name."""
    maker = _MAKERS.get(name)
    if maker is not None:
        return maker()
    choices = _CHOICES.get(name)
    return _random().choice(choices) if choices else None
