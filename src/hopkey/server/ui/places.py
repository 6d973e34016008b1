"""Places the command palette leads to. Each plane adds its own when it is loaded; `ui` knows none of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A page by the name of its address. ``words``: further words it is found by; ``administrators``: only for them."""

    group: str
    text: str
    address: str
    words: str = ""
    administrators: bool = False


_PLACES: list[Place] = []


def places_add(*places: Place) -> None:
    _PLACES.extend(place for place in places if place not in _PLACES)


def places_for(*, administrator: bool) -> list[Place]:
    return [place for place in _PLACES if administrator or not place.administrators]
