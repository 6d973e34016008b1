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
    """One bar of a day: ``x`` and ``width`` of 600, ``y`` and ``height`` of 120; ``title`` says it in words."""

    x: float
    y: float
    width: float
    height: float
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars over days. ``ticks``: (y, number) of the scale; ``labels``: (x, day) below; ``total`` of all values."""

    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, int]]
    labels: Sequence[tuple[float, str]]
    total: int


WIDTH, HEIGHT, LEFT, TOP = 600.0, 120.0, 34.0, 8.0


def bars(days: Sequence[date], series: Sequence[tuple[str, Sequence[int]]]) -> Bars:
    """Several series (name, values) side by side within each day."""
    top = _round_up(max((value for _, values in series for value in values), default=0))
    slot = (WIDTH - LEFT) / max(len(days), 1)
    width = max(slot * 0.7 / max(len(series), 1), 1.5)
    drawn = []
    for number, (name, values) in enumerate(series):
        for index, value in enumerate(values):
            height = (HEIGHT - TOP) * value / top
            x = LEFT + index * slot + slot * 0.15 + number * width
            title = f"{days[index].day} {days[index]:%b}: {value} {name}"
            box = (round(x, 1), round(HEIGHT - height, 1), round(width - 0.6, 1), round(height, 1))
            drawn.append(Bar(*box, title, name))
    parts = (0, 0.5, 1) if top > 1 else (0, 1)
    ticks = [(round(HEIGHT - (HEIGHT - TOP) * part, 1), round(top * part)) for part in parts]
    labels = [
        (round(LEFT + index * slot + slot / 2, 1), f"{day.day} {day:%b}")
        for index, day in enumerate(days)
        if (len(days) - 1 - index) % 7 == 0
    ]
    return Bars(drawn, ticks, labels, sum(value for _, values in series for value in values))


def _round_up(value: int) -> int:
    """The next of 1, 2, 4, 6, 10, 20, 40, ... at or above `value`, so that half of it is a whole number."""
    size = 1
    while True:
        for step in (1, 2, 4, 6):
            if value <= step * size:
                return step * size
        size *= 10
