"""Plots as numbers for inline SVG: the templates draw them, and nothing needs a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Line:
    """A sparkline in a box of 100 x 28: the points of an SVG polyline, in runs where days are missing."""

    runs: Sequence[str]
    end: tuple[float, float] | None


def line(values: Sequence[int | None]) -> Line:
    """Zero is at the bottom, so that lines tell sizes and not only shapes."""
    top = max((value for value in values if value is not None), default=0) or 1
    step = 100 / max(len(values) - 1, 1)
    runs: list[list[str]] = [[]]
    end = None
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        end = (round(index * step, 1), round(26 - 24 * value / top, 1))
        runs[-1].append(f"{end[0]},{end[1]}")
    return Line([" ".join(run) for run in runs if len(run) > 1], end)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a day, in the units of its plot; ``title`` says it in words."""

    x: float
    y: float
    width: float
    height: float
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars over days in a box of ``width`` x ``height``. ``ticks``: (y, number) of the scale, written up to ``gutter``,
    with lines from ``left`` on; ``labels``: (x, day) at the height ``foot``, the last one ending there; ``total`` of
    all values.
    """

    size: str
    width: int
    height: int
    left: int
    gutter: int
    foot: int
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, int]]
    labels: Sequence[tuple[float, str]]
    total: int


SIZES = {"wide": (560, 190), "narrow": (300, 170)}
"""Drawn at about the size at which they are shown, so that what is written in them can be read."""
_LEFT, _TOP, _FOOT = 38, 8, 24


def bars(days: Sequence[date], series: Sequence[tuple[str, Sequence[int]]], size: str = "wide") -> Bars:
    """Several series (name, values) side by side within each day."""
    width, height = SIZES[size]
    bottom = height - _FOOT
    top = _round_up(max((value for _, values in series for value in values), default=0))
    slot = (width - _LEFT) / max(len(days), 1)
    thick = max(slot * 0.72 / max(len(series), 1), 1.5)
    drawn = []
    for number, (name, values) in enumerate(series):
        for index, value in enumerate(values):
            # What is there is seen, however small beside the rest.
            tall = max((bottom - _TOP) * value / top, 1.5) if value else 0.0
            x = _LEFT + index * slot + slot * 0.14 + number * thick
            title = f"{days[index].day} {days[index]:%b}: {value} {name}"
            box = (round(x, 1), round(bottom - tall, 1), round(thick - 0.5, 1), round(tall, 1))
            drawn.append(Bar(*box, title, name))
    parts = (0, 0.5, 1) if top > 1 else (0, 1)
    ticks = [(round(bottom - (bottom - _TOP) * part, 1), round(top * part)) for part in parts]
    every = 7 if size == "wide" else 14
    labels = [
        (round(_LEFT + index * slot + slot / 2, 1), f"{day.day} {day:%b}")
        for index, day in enumerate(days)
        if (len(days) - 1 - index) % every == 0
    ]
    if labels:
        labels[-1] = (float(width), labels[-1][1])
    total = sum(value for _, values in series for value in values)
    return Bars(size, width, height, _LEFT, _LEFT - 8, height - 6, drawn, ticks, labels, total)


def _round_up(value: int) -> int:
    """The next of 1, 2, 4, 6, 10, 20, 40, ... at or above `value`, so that half of it is a whole number."""
    size = 1
    while True:
        for step in (1, 2, 4, 6):
            if value <= step * size:
                return step * size
        size *= 10
