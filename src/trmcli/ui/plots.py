"""Charts of shares, from 0% to 100%, over something; and maps of cells. Drawn here with characters.

A chart says what it shows and not how, so that :mod:`trmcli.ui.plots_svg` draws the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from trmcli.tasks.base import Ints
from trmcli.ui.palette import Color, ramp_color, rgb

if TYPE_CHECKING:
    from trmcli.solving.evaluation import Point

_MARKS = "●▲■◆✚"
_MOST_TICKS = 8
HEAT: tuple[Color, ...] = ((236, 226, 200), (232, 170, 84), (206, 84, 48), (132, 22, 48))
"""From few to many."""
_SHADES = "·░▒▓█"


@dataclass(frozen=True)
class Axis:
    """What a chart goes over.

    Attributes:
        low, high: its ends; on a logarithmic axis above 0.
        ticks: values and what is written at them.
    """

    name: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where between the ends a value lies, from 0 to 1."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log2(value / self.low) / math.log2(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def doubling(name: str, values: Iterable[float]) -> Axis:
    """Powers of two around the values; what is below 1 counts as 1."""
    powers = [math.log2(max(value, 1.0)) for value in values]
    low, high = math.floor(min(powers)), math.ceil(max(powers))
    high = max(high, low + 1)
    every = math.ceil((high - low + 1) / _MOST_TICKS)
    ticks = [(2.0**power, str(2**power)) for power in range(low, high + 1, every)]
    return Axis(name, 2.0**low, 2.0**high, ticks, logarithmic=True)


def counting(name: str, last: int) -> Axis:
    """Whole numbers from 1."""
    every = math.ceil(last / _MOST_TICKS)
    return Axis(
        name, 1, max(last, 2), [(number, str(number)) for number in range(every, max(last, 2) + 1, every)]
    )


def percent(name: str) -> Axis:
    """Shares."""
    return Axis(name, 0, 1, [(quarter / 4, f"{quarter * 25}%") for quarter in range(5)])


@dataclass(frozen=True)
class Mark:
    """One point: a share ``y``, its 95% interval, and what is written beside it."""

    x: float
    y: float
    interval: tuple[float, float]
    label: str = ""


@dataclass(frozen=True)
class Chart:
    """Curves of shares.

    Attributes:
        even: whether a line shows where y is as large as x.
    """

    title: str
    axis: Axis
    curves: Mapping[str, Sequence[Mark]]
    even: bool = False


@dataclass(frozen=True)
class Heat:
    """How often each cell was counted: ``[height, width]``, and of how many puzzles."""

    title: str
    counts: Ints
    puzzles: int


def over_tries(curves: Mapping[str, Sequence[Point]], title: str) -> Chart:
    """What more tries buy, in supervision steps."""
    axis = doubling(
        "supervision steps a puzzle", [point.mean_steps for points in curves.values() for point in points]
    )
    marks = {
        name: [Mark(point.mean_steps, point.exact, point.interval, f"{point.tries}") for point in points]
        for name, points in curves.items()
    }
    return Chart(title, axis, marks)


def text(chart: Chart, width: int = 64, height: int = 13) -> str:
    """A chart as lines of characters: the title, ``height`` lines, and three below.

    Each curve has a mark of its own; between its points run dots.
    """
    canvas = [[" "] * width for _ in range(height)]

    def place(x: float, y: float) -> tuple[int, int]:
        return round(chart.axis.share(x) * (width - 1)), round((1 - y) * (height - 1))

    if chart.even:
        for across in range(width):
            canvas[round((1 - across / (width - 1)) * (height - 1))][across] = "."
    for points in chart.curves.values():
        for before, after in pairwise(points):
            (x, y), (to_x, to_y) = place(before.x, before.y), place(after.x, after.y)
            for across in range(x, to_x + 1):
                canvas[round(y + (to_y - y) * (across - x) / max(1, to_x - x))][across] = "·"
    for mark, points in zip(_marks(chart), chart.curves.values(), strict=True):
        for point in points:
            x, y = place(point.x, point.y)
            canvas[y][x] = mark
    lines = [chart.title]
    for number, row in enumerate(canvas):
        label = f"{1 - number / (height - 1):.0%}" if number in (0, (height - 1) // 2, height - 1) else ""
        lines.append(f"{label:>5} │{''.join(row)}".rstrip())
    scale = [" "] * (width + 4)
    for value, written in chart.axis.ticks:
        at = round(chart.axis.share(value) * (width - 1))
        scale[at : at + len(written)] = written
    lines.append("      └" + "─" * width)
    lines.append("       " + "".join(scale).rstrip())
    legend = "  ".join(map(" ".join, zip(_marks(chart), chart.curves, strict=True)))
    even = ", dots: as often as it says" if chart.even else ""
    lines.append(f"       {legend}  over {chart.axis.name}{even}")
    return "\n".join(lines)


def heat_text(heat: Heat, console: Console) -> Text:
    """A map as lines of characters: darker where more was counted."""
    width = heat.counts.shape[1]
    wide = 2 if 2 * width <= console.width else 1
    most = max(1, int(heat.counts.max()))
    drawn = Text(f"{heat.title}, at most {most} in one cell\n", no_wrap=True)
    if width > console.width:
        return drawn + Text(f"not drawn: it needs {width} columns")
    for row in heat.counts.tolist():
        for count in row:
            shade = _SHADES[math.ceil(count / most * (len(_SHADES) - 1))]
            ink = rgb(ramp_color(0.3 + 0.7 * count / most, HEAT)) if count else "default"
            drawn.append(shade * wide, ink)
        drawn.append("\n")
    return drawn


def _marks(chart: Chart) -> list[str]:
    return [_MARKS[number % len(_MARKS)] for number in range(len(chart.curves))]
