"""Charts and maps as one SVG document, below each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

import numpy as np

from trmcli.ui.palette import ramp_color, rgb
from trmcli.ui.plots import HEAT, Chart, Heat

_COLOURS = ("#1f6feb", "#d1622b", "#2e8b57", "#8a4fbf", "#b8860b")
_SANS = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
_INK, _DIM, _GRID = "#2b3140", "#6b7280", "#e3e6ec"
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 420, 64, 44, 24, 96
_CELL, _MAP = 40, 512  # of a map: the most a cell takes, and all of them


def svg(parts: Sequence[Chart | Heat], title: str) -> str:
    """The document.

    Args:
        parts: what it shows, from top to bottom.
        title: what it is, for those who do not see it.
    """
    drawn: list[str] = []
    top = 0
    for part in parts:
        height = _HEIGHT if isinstance(part, Chart) else _map_height(part)
        drawn.append(f'<g transform="translate(0 {top})">')
        heading = f'<text x="{_LEFT}" y="26" font-size="14" font-weight="600" fill="{_INK}">'
        drawn.append(f"{heading}{escape(part.title)}</text>")
        drawn += _chart(part) if isinstance(part, Chart) else _map(part)
        drawn.append("</g>")
        top += height
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" '
            f'height="{top}" role="img" font-family="{_SANS}" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{_WIDTH}" height="{top}" rx="12" fill="#ffffff"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def _chart(chart: Chart) -> Iterator[str]:
    """Points with their 95% intervals, and what is written beside each."""
    across, down = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(value: float) -> float:
        return _LEFT + chart.axis.share(value) * across

    def y(share: float) -> float:
        return _TOP + (1 - share) * down

    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield f'<path d="M{_LEFT} {y(share):.1f}h{across}" stroke="{_GRID}" fill="none"/>'
        at = f'x="{_LEFT - 10}" y="{y(share) + 4:.1f}"'
        yield f'<text {at} text-anchor="end" fill="{_DIM}">{share:.0%}</text>'
    for value, written in chart.axis.ticks:
        at = f'x="{x(value):.1f}" y="{_TOP + down + 20}"'
        yield f'<text {at} text-anchor="middle" fill="{_DIM}">{written}</text>'
    at = f'x="{_LEFT + across / 2:.1f}" y="{_TOP + down + 42}"'
    yield f'<text {at} text-anchor="middle" fill="{_INK}">{escape(chart.axis.name)}</text>'
    if chart.even:
        yield f'<path d="M{x(0):.1f} {y(0):.1f}L{x(1):.1f} {y(1):.1f}" stroke="{_DIM}" stroke-dasharray="4"/>'
    for number, (name, points) in enumerate(chart.curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = " ".join(f"{x(point.x):.1f},{y(point.y):.1f}" for point in points)
        yield f'<polyline points="{line}" stroke="{colour}" stroke-width="2" fill="none"/>'
        for point in points:
            at = f"{x(point.x):.1f}"
            bottom, top = (f"{y(share):.1f}" for share in point.interval)
            yield f'<path d="M{at} {bottom}V{top}" stroke="{colour}" stroke-opacity="0.45"/>'
            yield f'<circle cx="{at}" cy="{y(point.y):.1f}" r="3.5" fill="{colour}"/>'
            if point.label:
                below = f'x="{at}" y="{y(point.y) + 17:.1f}" text-anchor="middle" font-size="10"'
                yield f'<text {below} fill="{colour}">{escape(point.label)}</text>'
        left = _LEFT + number * across / len(chart.curves)
        yield f'<circle cx="{left + 4:.1f}" cy="{_HEIGHT - 24}" r="4" fill="{colour}"/>'
        yield f'<text x="{left + 14:.1f}" y="{_HEIGHT - 20}" fill="{_INK}">{escape(name)}</text>'


def _side(heat: Heat) -> int:
    height, width = heat.counts.shape
    return max(2, min(_CELL, _MAP // max(int(height), int(width))))


def _map_height(heat: Heat) -> int:
    return _TOP + _side(heat) * len(heat.counts) + _TOP


def _map(heat: Heat) -> Iterator[str]:
    """Darker where more was counted; with the number, where there is room."""
    side, most = _side(heat), max(1, int(heat.counts.max()))
    for row, column in np.ndindex(heat.counts.shape):
        count = int(heat.counts[row, column])
        x, y = _LEFT + column * side, _TOP + row * side
        colour = rgb(ramp_color(0.3 + 0.7 * count / most, HEAT)) if count else "#ffffff"
        edge = f' stroke="{_GRID}"' if side >= 8 else ""
        told = f"row {row + 1}, column {column + 1}: {count} of {heat.puzzles}"
        yield f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{colour}"{edge}>'
        yield f"<title>{told}</title></rect>"
        if count and side >= 24:
            ink = "#ffffff" if count > most * 0.5 else _INK
            at = f'x="{x + side / 2:g}" y="{y + side / 2 + 4:g}" text-anchor="middle"'
            yield f'<text {at} fill="{ink}">{count}</text>'
