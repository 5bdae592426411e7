"""Boards as SVG: one moment, or all of them, played again and again by CSS and without any script.

The question is drawn once. Every moment is a group of the cells that differ from it, and CSS shows one group
at a time. Where nothing moves, because the viewer cannot or the reader asks for reduced motion, the end is
shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from xml.sax.saxutils import escape

from trmcli.ui.palette import Color
from trmcli.ui.storyboard import DIM, THICK, THIN, WHITE, Line, Moment, Point, Storyboard, Tile

_SANS = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


def board_svg(board: Storyboard) -> str:
    """An SVG document; it moves if there are several moments."""
    (across, down), moments = board.size, board.moments
    first = dict(enumerate(moments[0].tiles))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" width="{across}" '
        f'height="{down}" role="img">',
        f"<title>{escape(board.title)}</title>",
        f'<rect width="{across}" height="{down}" rx="12" fill="{_hex(WHITE)}"/>',
        f'<g font-family="{_SANS}" font-size="{board.side * 0.54:g}" text-anchor="middle">',
        *_cells(board, first),
    ]
    if len(moments) == 1:
        parts += _said(board, moments[0])
    else:
        parts.insert(2, _style(moments))
        for number, moment in enumerate(moments):
            changed = {cell: tile for cell, tile in enumerate(moment.tiles) if tile != first[cell]}
            kind = "m e" if moment is moments[-1] else "m"
            parts += [
                f'<g class="{kind}" style="animation-name:m{number}">',
                *_cells(board, changed),
                *_said(board, moment),
                "</g>",
            ]
    thin, thick = board.lines
    return "\n".join([*parts, "</g>", *_ruled(thin, THIN, "1"), *_ruled(thick, THICK, "2.5"), "</svg>"])


def _style(moments: Sequence[Moment]) -> str:
    """When each moment is to be seen."""
    whole = sum(moment.seconds for moment in moments)
    starts = [0.0, *accumulate(100 * moment.seconds / whole for moment in moments)]
    frames = []
    for number in range(len(moments)):
        before = "0%{visibility:hidden}" if number else ""
        after = f"{starts[number + 1]:.3f}%{{visibility:hidden}}" if number + 1 < len(moments) else ""
        frames.append(f"@keyframes m{number}{{{before}{starts[number]:.3f}%{{visibility:visible}}{after}}}")
    moving = f".m{{animation:{whole:.2f}s step-end infinite}}"
    return "\n".join(
        [
            "<style>",
            ".m{visibility:hidden}.e{visibility:visible}",
            f"@media (prefers-reduced-motion:no-preference){{{moving}}}",
            *frames,
            "</style>",
        ]
    )


def _cells(board: Storyboard, tiles: dict[int, Tile]) -> Iterator[str]:
    """Some of the cells: first the paper, row by row in strokes as wide as a cell, then what stands on it."""
    (left, top), side = board.corner, board.side
    strokes: dict[Color, list[str]] = defaultdict(list)
    for color, row, column, count in _runs(tiles, board.shape[1]):
        strokes[color].append(f"M{column} {row}h{count}")
    if strokes:
        place = f"translate({left} {top + side / 2:g}) scale({side})"
        yield f'<g transform="{place}" shape-rendering="crispEdges">'
        yield from (f'<path stroke="{_hex(color)}" d="{"".join(path)}"/>' for color, path in strokes.items())
        yield "</g>"
    yield from _marks(board, tiles)
    for cell, tile in tiles.items():
        x, y = board.place(cell)
        yield from _signs(tile, x, y, side)


def _marks(board: Storyboard, tiles: dict[int, Tile]) -> Iterator[str]:
    """Cut corners and hooks of all cells, in as few paths as there are colours: there are many of them."""
    if cut := "".join(_through(board.cut(cell)) + "z" for cell, tile in tiles.items() if tile.wrong):
        yield f'<path d="{cut}" fill="{_hex(WHITE)}"/>'
    for wrong, ink in ((False, DIM), (True, WHITE)):
        changed = (cell for cell, tile in tiles.items() if tile.changed and tile.wrong == wrong)
        if hooks := "".join(_through(board.hook(cell)) for cell in changed):
            yield f'<path d="{hooks}" stroke="{_hex(ink)}" stroke-width="1.5" fill="none"/>'


def _through(points: Sequence[Point]) -> str:
    """A path from point to point."""
    (x, y), *others = points
    steps = [f"M{x} {y}"]
    for across, down in others:
        steps.append(f"l{across - x} {down - y}")
        x, y = across, down
    return "".join(steps)


def _runs(tiles: dict[int, Tile], width: int) -> Iterator[tuple[Color, int, int, int]]:
    """Cells beside each other on the same paper: its colour, the row, the first column, how many."""
    cells = [(divmod(cell, width), tile.paper) for cell, tile in tiles.items()]
    for (color, row, _), run in groupby(
        enumerate(cells), lambda one: (one[1][1], one[1][0][0], one[1][0][1] - one[0])
    ):
        together = [column for _, ((_, column), _) in run]
        yield color, row, together[0], len(together)


def _signs(tile: Tile, x: int, y: int, side: int) -> Iterator[str]:
    middle = x + side // 2
    if tile.blank:
        yield f'<circle cx="{middle}" cy="{y + side // 2}" r="2" fill="#b6bcc8"/>'
    if tile.text:
        bold, ink = ' font-weight="700"' * tile.bold, _hex(tile.ink)
        text = escape(tile.text)
        yield f'<text x="{middle}" y="{y + side * 0.68:g}"{bold} fill="{ink}">{text}</text>'
    if tile.doubt:
        yield f'<circle cx="{x + side * 0.86:g}" cy="{y + side * 0.16:g}" r="2.5" fill="{_hex(tile.ink)}"/>'
    if tile.supposed:
        yield f'<path d="M{x + side // 4} {y + side * 0.86:g}h{side // 2}" stroke="{_hex(tile.ink)}"/>'


def _said(board: Storyboard, moment: Moment) -> Iterator[str]:
    (upper, lower), (large, small) = board.baselines, board.letters
    middle = board.size[0] // 2
    bold, plain = (
        f'font-size="{large}" font-weight="600" fill="{_hex(THICK)}"',
        f'font-size="{small}" fill="{_hex(DIM)}"',
    )
    yield f'<text x="{middle}" y="{upper}" {bold}>{escape(moment.head)}</text>'
    yield f'<text x="{middle}" y="{lower}" {plain}>{escape(moment.tail)}</text>'


def _ruled(lines: Iterable[Line], color: Color, wide: str) -> Iterator[str]:
    path = "".join(f"M{x} {y}" + (f"h{right}" if right else f"v{down}") for x, y, right, down in lines)
    if path:
        ends = 'stroke-linecap="square" fill="none"'
        yield f'<path d="{path}" stroke="{_hex(color)}" stroke-width="{wide}" {ends}/>'


def _hex(color: Color) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in color)
