"""Curves as inline SVG: round ticks, pale measurements under their running mean, no script.

Colours, fonts and line widths come from :data:`STYLE`, which the page that holds the charts puts into its own
style sheet, so that they follow its light and dark colours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from trmcli.ui.numbers import short

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 340, 196
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 8, 24
_MOST_POINTS = 400
"""Points of a curve that are drawn; neighbours of longer ones are averaged."""
_DENSE = 40
"""Points from which on a curve is drawn as a running mean, and below which each has a dot."""
_LEAST = 1e-9
"""What is not above this counts as 0, and is not drawn on a logarithmic axis."""

STYLE = """
svg text { font: 12px system-ui, sans-serif; fill: var(--dim); }
svg .grid { stroke: var(--grid); fill: none; }
svg .raw, svg .line { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
svg .raw { opacity: .28; stroke-width: 1; }
.first { stroke: var(--first); --ink: var(--first); }
.second { stroke: var(--second); --ink: var(--second); }
svg circle { fill: var(--ink); stroke: var(--card); stroke-width: 1.5; }
"""


@dataclass(frozen=True)
class Series:
    """One curve of a chart.

    Attributes:
        name: in the legend.
        points: ``(x, y)`` in order of x.
        ink: its colour, a class of :data:`STYLE`.
        noisy: whether a long curve is drawn as its running mean over the pale points themselves.
    """

    name: str
    points: Points
    ink: str = "first"
    noisy: bool = True


def chart(
    series: Sequence[Series],
    label: str,
    last: float,
    write: Callable[[float], str] = short,
    logarithmic: bool = False,
) -> str:
    """An ``<svg>`` of curves over x from 0 to ``last``; empty if there are no points.

    Args:
        series: the curves; with ``logarithmic``, points under 1e-9 are left out.
        label: what the chart shows, for those who do not see it.
        last: the greatest x.
        write: how values of y are written.
        logarithmic: y in powers of ten; otherwise from 0.
    """
    shown = [[point for point in one.points if not logarithmic or point[1] > _LEAST] for one in series]
    values = [y for points in shown for _, y in points]
    if not values:
        return ""
    marks = log_ticks(min(values), max(values)) if logarithmic else ticks(max(values), 4)
    low, high = marks[0], marks[-1]

    def left(x: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * x / (last or 1.0)

    def top(y: float) -> float:
        share = math.log(y / low) / math.log(high / low) if logarithmic else y / high
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">']
    for mark in marks:
        y = top(mark)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{escape(write(mark))}</text>')
    parts += [
        f'<text x="{left(mark):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{short(mark)}</text>'
        for mark in ticks(last, 5)
        if mark <= last
    ]
    for one, points in zip(series, shown, strict=True):
        places: Points = [(left(x), top(y)) for x, y in thinned(points, _MOST_POINTS)]
        if not places:
            continue
        dense = len(points) > _DENSE
        if dense and one.noisy:
            parts.append(f'<path class="raw {one.ink}" d="{_path(places)}"/>')
            places = running_mean(places)
        parts.append(f'<path class="line {one.ink}" d="{_path(places)}"/>')
        if not dense:
            for (x, y), (across, down) in zip(points, places, strict=True):
                told = escape(f"{one.name}, step {x:,.0f}: {write(y)}")
                place = f'cx="{across:.1f}" cy="{down:.1f}" r="3.2"'
                parts.append(f'<circle class="{one.ink}" {place}><title>{told}</title></circle>')
    return "\n".join([*parts, "</svg>"])


def ticks(most: float, count: int) -> list[float]:
    """About ``count`` round steps from 0 to the first that is not below ``most`` (at least 0)."""
    rough = (most if most > _LEAST else 1.0) / count
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    return [number * step for number in range(max(1, math.ceil(most / step - 1e-9)) + 1)]


def log_ticks(least: float, most: float) -> list[float]:
    """Powers of ten around two positive values; 1, 2 and 5 times these where they span two or less."""
    start, end = math.floor(math.log10(least)), math.ceil(math.log10(most))
    powers = [10.0**exponent for exponent in range(start, max(end, start + 1) + 1)]
    if len(powers) > 3:
        stride = math.ceil((len(powers) - 1) / 5)
        return [10.0**exponent for exponent in range(start, end + stride, stride)]
    fine = [power * factor for power in powers for factor in (1, 2, 5)]
    first = max(number for number, mark in enumerate(fine) if mark <= least * 1.0001)
    final = min(number for number, mark in enumerate(fine) if mark >= most * 0.9999)
    return fine[first : max(final, first + 1) + 1]


def thinned(points: Points, most: int) -> Points:
    """At most ``most`` points, each the mean of neighbours."""
    if len(points) <= most:
        return points
    edges = [len(points) * number // most for number in range(most + 1)]
    return [_mean(points[start:end]) for start, end in pairwise(edges)]


def running_mean(points: Points) -> Points:
    """Each point's y averaged with a thirtieth of all points around it, fewer at the ends."""
    reach = max(1, len(points) // 60)
    smooth = []
    for number, (x, _) in enumerate(points):
        near = min(reach, number, len(points) - 1 - number)
        smooth.append((x, _mean(points[number - near : number + near + 1])[1]))
    return smooth


def _mean(points: Points) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _path(places: Points) -> str:
    """Path data of a line through places."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
