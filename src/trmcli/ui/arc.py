"""Grids of ARC for the terminal: in the official colours, or by symbol where there are none.

A drawing is a list of lines, each a list of segments, so that grids can be laid beside each other, and
measured before they are shown. In a *wide* drawing a cell is two columns, about as wide as it is high, and
has room for a mark. In a *tight* one it is one column, and with colours two cells stand on top of each other
in a line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from trmcli.tasks.arc.task import Grid
from trmcli.tasks.base import Bools
from trmcli.ui.palette import Color, Depth, depth_of, luminance, palette_of, rgb

PALETTE: tuple[Color, ...] = (
    (0, 0, 0), (0, 116, 217), (255, 65, 54), (46, 204, 64), (255, 220, 0),
    (170, 170, 170), (240, 18, 190), (255, 133, 27), (127, 219, 255), (135, 12, 37),
)  # fmt: skip
"""Black, blue, red, green, yellow, grey, fuchsia, orange, teal, brown: as the official site shows them."""

_SIXTEEN = (
    "black", "blue", "bright_red", "green", "bright_yellow",
    "white", "magenta", "yellow", "bright_cyan", "red",
)  # fmt: skip
"""The nearest of a terminal's own sixteen that are all different."""

_BLUE = 1
_MIDDLE = 0.179
"""Relative luminance above which black has more contrast than white."""

_DARK_ON_SIXTEEN = frozenset({2, 3, 4, 5, 7, 8})
"""Those of these that black is easier to read on than white."""

_FRAME = Style(meta={"ink": "line"})
_DIM = Style(meta={"ink": "label"})
"""Frames and words: :class:`Lines` gives them the inks of the terminal's palette."""

_FOLDED = 76
"""Columns of a single row of cells, at most."""

Drawing = list[list[Segment]]


@dataclass(frozen=True)
class Look:
    """What a terminal can show.

    Attributes:
        depth: how many colours.
        ascii_only: whether it shows nothing but ASCII.
    """

    depth: Depth
    ascii_only: bool

    @staticmethod
    def of(console: Console) -> Look:
        return Look(depth_of(console), not console.encoding.lower().startswith("utf"))

    @property
    def coloured(self) -> bool:
        """Whether there are colours at all."""
        return self.depth != "none"

    @property
    def arrow(self) -> str:
        return "->" if self.ascii_only else "→"

    def sign(self, right: bool) -> str:
        return ("ok" if right else "x") if self.ascii_only else ("✔" if right else "✘")


def grid_drawing(grid: Grid, look: Look, wide: bool, marks: Bools | None = None, mark: str = "?") -> Drawing:
    """One grid in a frame; a single row that is too long for most terminals in several, one below the other.

    Args:
        grid: ``[height, width]``.
        marks: ``[height, width]`` cells that bear ``mark``, where there is room for it.
    """
    most = _FOLDED // (2 if wide else 1)
    if len(grid) == 1 and grid.shape[1] > most:
        pieces = [np.s_[:, first : first + most] for first in range(0, grid.shape[1], most)]
        return above(
            *(
                grid_drawing(grid[piece], look, wide, None if marks is None else marks[piece], mark)
                for piece in pieces
            )
        )
    if not wide and look.coloured and not look.ascii_only:
        inside = _halves(grid, look)
    else:
        inside = [
            _row(row, look, wide, None if marks is None else marks[n], mark) for n, row in enumerate(grid)
        ]
    width = grid.shape[1] * (2 if wide else 1)
    top, bottom, left, right = "--||" if look.ascii_only else "▁▔▕▏"
    corner = " "
    return [
        [Segment(corner + top * width + corner, _FRAME)],
        *([Segment(left, _FRAME), *row, Segment(right, _FRAME)] for row in inside),
        [Segment(corner + bottom * width + corner, _FRAME)],
    ]


def _row(row: Grid, look: Look, wide: bool, marks: Bools | None, mark: str) -> list[Segment]:
    cells = []
    for column, number in enumerate(row.tolist()):
        marked = marks is not None and bool(marks[column])
        if look.coloured:
            text = (f"{mark} " if marked else "  ") if wide else " "
            cells.append((text, _paper(number, look.depth, marked)))
        else:
            text = f"{number}{mark if marked else ' '}" if wide else str(number)
            cells.append((text, _FIGURE if number else _ZERO))
    return _merged(cells)


_FIGURE, _ZERO = Style(bold=True), Style(dim=True)


@cache
def _paper(number: int, depth: Depth, marked: bool) -> Style:
    """A cell's colour, and of black and white what is easier to read on it."""
    if depth == "16":
        ink = "black" if number in _DARK_ON_SIXTEEN else "bright_white"
    else:
        ink = "rgb(0,0,0)" if luminance(PALETTE[number]) > _MIDDLE else "rgb(255,255,255)"
    return Style(color=ink, bgcolor=_name(number, depth), bold=marked)


@cache
def _stacked(upper: int, lower: int | None, depth: Depth) -> Style:
    paper = None if lower is None else _name(lower, depth)
    return Style(color=_name(upper, depth), bgcolor=paper)


def _name(number: int, depth: Depth) -> str:
    if depth == "256" and number == _BLUE:
        return "color(26)"  # the nearest of them is too light for white signs, and too dark for black ones
    return _SIXTEEN[number] if depth == "16" else rgb(PALETTE[number])


def _halves(grid: Grid, look: Look) -> Drawing:
    """Two rows of cells in each line, the upper one in the ink and the lower one on the paper."""
    rows: list[list[int]] = grid.tolist()
    lines = []
    for number in range(0, len(rows), 2):
        below = rows[number + 1] if number + 1 < len(rows) else [None] * len(rows[number])
        pairs = zip(rows[number], below, strict=True)
        lines.append(_merged([("▀", _stacked(upper, lower, look.depth)) for upper, lower in pairs]))
    return lines


def _merged(cells: Sequence[tuple[str, Style]]) -> list[Segment]:
    """Cells of one style in one piece: drawings are made several times a second."""
    pieces = groupby(cells, key=lambda cell: cell[1])
    return [Segment("".join(text for text, _ in run), style) for style, run in pieces]


def caption(text: Text | str) -> Drawing:
    """One line of words."""
    if isinstance(text, str):
        return [[Segment(text, _DIM)]]
    return [[Segment(text.plain, Style.parse(str(text.style)))]]


def width_of(drawing: Drawing) -> int:
    """Columns of the longest line."""
    return max((Segment.get_line_length(line) for line in drawing), default=0)


def above(*drawings: Drawing) -> Drawing:
    """One below the other."""
    return [line for drawing in drawings for line in drawing]


def beside(drawings: Sequence[Drawing], between: str = "  ") -> Drawing:
    """From left to right, with some text in the middle of the space between them."""
    if not drawings:
        return []
    height = max(map(len, drawings))
    widths = [width_of(drawing) for drawing in drawings]
    lines: Drawing = []
    for number in range(height):
        line: list[Segment] = []
        for index, (drawing, width) in enumerate(zip(drawings, widths, strict=True)):
            if index:
                text = between if number == height // 2 else " " * len(between)
                line.append(Segment(text, _DIM))
            part = drawing[number] if number < len(drawing) else []
            line += [*part, Segment(" " * (width - Segment.get_line_length(part)))]
        lines.append(line)
    return lines


def flow(blocks: Sequence[Drawing], columns: int, between: str = "  ") -> list[Drawing]:
    """Blocks from left to right, with a new line of them where the columns end."""
    lines: list[list[Drawing]] = []
    room = -1
    for block in blocks:
        width = width_of(block)
        if not lines or width + len(between) > room:
            lines.append([])
            room = columns + len(between)
        lines[-1].append(block)
        room -= width + len(between)
    return [beside(line, between) for line in lines]


Blocks = Callable[[bool, bool], Sequence[Drawing]]
"""Blocks drawn wide or tight, and with the grids of each one below the other or beside."""


def fitted(blocks: Blocks, columns: int, rows: int) -> Drawing:
    """All blocks in the largest drawing for which there is room; in the smallest, as many as there is for.

    What is left out is counted in the last line.
    """
    for wide, stacked in ((True, False), (True, True), (False, False), (False, True)):
        drawn = blocks(wide, stacked)
        drawing = above(*flow(drawn, columns))
        if len(drawing) <= rows and width_of(drawing) <= columns:
            return drawing
    arrangements = [blocks(False, stacked) for stacked in (False, True)]
    for count in range(len(arrangements[0]) - 1, 0, -1):
        more = caption(f"and {len(arrangements[0]) - count} more")
        for drawn in arrangements:
            drawing = above(*flow(drawn[:count], columns), more)
            if len(drawing) <= rows and width_of(drawing) <= columns:
                return drawing
    drawing = min((above(*drawn[:1]) for drawn in arrangements), key=width_of)
    if width_of(drawing) <= columns and rows > 1:
        return [*drawing[: rows - 1], *caption("and more: there is no room for it"[:columns])]
    return caption("there is no room to draw this"[:columns])


@dataclass(frozen=True)
class Lines:
    """A rich renderable of a drawing, in the colours of the terminal; lines that are too long are cut."""

    drawing: Drawing

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette = palette_of(console)
        inks = {_FRAME: Style(color=palette.line), _DIM: Style(color=palette.label)}
        for line in self.drawing:
            width = min(options.max_width, Segment.get_line_length(line))
            for segment in Segment.adjust_line_length(line, width):
                style = segment.style
                yield Segment(segment.text, style if style is None else inks.get(style, style))
            yield Segment.line()


def digits(grid: Grid) -> str:
    """A grid as rows of digits, for pipes and files."""
    return "\n".join("".join(map(str, row)) for row in grid.tolist())


def differs(grid: Grid, other: Grid) -> Bools:
    """``[height, width]`` of ``grid``: cells that ``other`` does not have, or has in another colour."""
    wrong = np.ones(grid.shape, dtype=np.bool_)
    height, width = (min(a, b) for a, b in zip(grid.shape, other.shape, strict=True))
    wrong[:height, :width] = grid[:height, :width] != other[:height, :width]
    return wrong
