"""Curves of accuracy against compute, drawn with characters or as an SVG.

Both have a logarithmic axis of supervision steps a puzzle and a linear one of exact accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from trmcli.solving.evaluation import Point

Curves = Mapping[str, "Sequence[Point]"]

_MARKS = "●▲■◆✚"
_COLOURS = ("#1f6feb", "#d1622b", "#2e8b57", "#8a4fbf", "#b8860b")
_SANS = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


def _decades(curves: Curves) -> tuple[float, float]:
    """The range of the axis of steps, as powers of two."""
    steps = [max(point.mean_steps, 1.0) for points in curves.values() for point in points]
    low, high = math.floor(math.log2(min(steps))), math.ceil(math.log2(max(steps)))
    return low, max(high, low + 1)


def _ticks(low: float, high: float) -> list[int]:
    """Powers of two, at most eight."""
    every = math.ceil((high - low + 1) / 8)
    return [int(power) for power in range(int(low), int(high) + 1, every)]


def text(curves: Curves, width: int = 64, height: int = 12) -> str:
    """Curves as lines of characters, ``height`` of them and three below.

    Each curve has a mark of its own; between its points run dots.
    """
    low, high = _decades(curves)
    canvas = [[" "] * width for _ in range(height)]

    def place(steps: float, exact: float) -> tuple[int, int]:
        across = (math.log2(max(steps, 1.0)) - low) / (high - low)
        return round(across * (width - 1)), round((1 - exact) * (height - 1))

    for points in curves.values():
        for before, after in pairwise(points):
            (x, y), (to_x, to_y) = (
                place(before.mean_steps, before.exact),
                place(after.mean_steps, after.exact),
            )
            for across in range(x, to_x + 1):
                canvas[round(y + (to_y - y) * (across - x) / max(1, to_x - x))][across] = "·"
    for mark, points in zip(_marks(curves), curves.values(), strict=True):
        for point in points:
            x, y = place(point.mean_steps, point.exact)
            canvas[y][x] = mark
    lines = []
    for number, row in enumerate(canvas):
        label = f"{1 - number / (height - 1):.0%}" if number in (0, (height - 1) // 2, height - 1) else ""
        lines.append(f"{label:>5} │{''.join(row)}".rstrip())
    scale = [" "] * (width + 4)
    for power in _ticks(low, high):
        at = round((power - low) / (high - low) * (width - 1))
        scale[at : at + len(f"{2**power}")] = f"{2**power}"
    lines.append("      └" + "─" * width)
    lines.append("       " + "".join(scale).rstrip())
    lines.append("       " + "  ".join(map(" ".join, zip(_marks(curves), curves, strict=True))))
    return "\n".join(lines)


def _marks(curves: Curves) -> list[str]:
    return [_MARKS[number % len(_MARKS)] for number in range(len(curves))]


_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 400, 64, 24, 24, 96


def svg(curves: Curves, title: str) -> str:
    """Curves as an SVG document: points with their 95% intervals, and the number of tries at each."""
    low, high = _decades(curves)
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(steps: float) -> float:
        return _LEFT + (math.log2(max(steps, 1.0)) - low) / (high - low) * across

    def y(share: float) -> float:
        return _TOP + (1 - share) * down

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" font-family="{_SANS}" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="12" fill="#ffffff"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<path d="M{_LEFT} {y(share):.1f}h{across}" stroke="#e3e6ec" fill="none"/>')
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y(share) + 4:.1f}" text-anchor="end" fill="#6b7280">'
            f"{share:.0%}</text>"
        )
    for power in _ticks(low, high):
        at = f'x="{x(2.0**power):.1f}" y="{_TOP + down + 20}"'
        parts.append(f'<text {at} text-anchor="middle" fill="#6b7280">{2**power}</text>')
    middle = _LEFT + across / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{_TOP + down + 42}" text-anchor="middle" fill="#2b3140">'
        "supervision steps a puzzle</text>"
    )
    for number, (name, points) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = " ".join(f"{x(point.mean_steps):.1f},{y(point.exact):.1f}" for point in points)
        parts.append(f'<polyline points="{line}" stroke="{colour}" stroke-width="2" fill="none"/>')
        for point in points:
            at = f"{x(point.mean_steps):.1f}"
            bottom, top = (f"{y(share):.1f}" for share in point.interval)
            parts.append(f'<path d="M{at} {bottom}V{top}" stroke="{colour}" stroke-opacity="0.45"/>')
            parts.append(f'<circle cx="{at}" cy="{y(point.exact):.1f}" r="3.5" fill="{colour}"/>')
            parts.append(
                f'<text x="{at}" y="{y(point.exact) + 17:.1f}" text-anchor="middle" font-size="10" '
                f'fill="{colour}">{point.tries}</text>'
            )
        left = _LEFT + number * across / len(curves)
        parts.append(f'<circle cx="{left + 4:.1f}" cy="{_HEIGHT - 24}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{left + 14:.1f}" y="{_HEIGHT - 20}" fill="#2b3140">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])
