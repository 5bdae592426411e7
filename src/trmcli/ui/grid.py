"""One puzzle grid for the terminal: givens in bold, answers in the colour of their confidence.

Nothing here knows the rules of a puzzle: symbols come from ``task.paint.symbol``, ``look`` says what is drawn
as a block or a trail instead, borders run wherever the relation ``box`` changes from one cell to the next,
and conflicting cells are those that ``task.rules.verify`` names.

A grid has several forms. *Wide* has room around each symbol, *tight* has none. A picture also comes in
*halves*: two of its rows in one line of the terminal, so that 64x64 cells take 64 columns and 32 lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import Literal

import numpy as np
import numpy.typing as npt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from trmcli.tasks.base import SURE, Bools, Cells, Ints, Verdict
from trmcli.tasks.task import Task
from trmcli.ui.palette import GIVEN, SUPPOSED, Palette, depth_of, palette_of

Form = Literal["wide", "halves", "tight"]

_HUNDREDTHS = [number / 100 for number in range(101)]
"""Confidence as it is drawn."""

# Characters by the arms of a junction: up 1, right 2, down 4, left 8.
_HEAVY = " ╹╺┗╻┃┏┣╸┛━┻┓┫┳╋"
_ASCII = " |-+||++-+-+++++"


def draws_pictures(task: Task) -> bool:
    """Whether a grid is a picture of blocks and places, in which a cell without a sign is an answer, too."""
    return task.paint.look(0) == "empty"


def values_of(*grids: Cells) -> list[int]:
    """The values that there are in some grids, in order. ``np.unique`` would import ``numpy.ma`` for it."""
    return sorted(set().union(*(np.flatnonzero(np.bincount(grid.ravel())).tolist() for grid in grids)))


def box_of(task: Task, shape: tuple[int, int]) -> Ints:
    """``[height, width]``: the box that each cell belongs to; all the same where the task has no boxes."""
    boxes = np.zeros(shape[0] * shape[1], dtype=np.int64)
    for relation in task.relations(shape):
        if relation.name == "box" and relation.kind == "groups":
            for number, cells in enumerate(relation.index):
                boxes[cells] = number
    return boxes.reshape(shape)


def conflicts(task: Task, question: Cells, cells: Cells, verdict: Verdict | None = None) -> frozenset[int]:
    """Flat indices of the filled cells that break a rule, by the rules' ``verdict`` if that is known."""
    if task.rules is None:
        return frozenset()
    verdict, flat = verdict or task.rules.verify(question, cells), cells.ravel()
    named = {cell for problem in verdict.problems for cell in problem.cells}
    return frozenset(cell for cell in named if flat[cell])


def in_doubt(
    task: Task,
    question: Cells,
    cells: Cells,
    confidence: npt.NDArray[np.floating],
    verdict: Verdict | None = None,
) -> Bools:
    """``[height, width]``: answers that are not to be trusted, by their probability or by the rules."""
    doubt: Bools = confidence < SURE
    if not draws_pictures(task):
        doubt |= cells == 0
    doubt.ravel()[list(conflicts(task, question, cells, verdict))] = True
    doubt &= task.codec.undecided(question)
    return doubt


@cache
def _ink(upper: str, lower: str | None) -> Style:
    return Style(color=upper, bgcolor=lower)


def _stacked(upper: str | None, lower: str | None, count: int) -> Segment:
    """``count`` columns of one cell above another; None for a cell in which nothing is drawn."""
    if upper is not None:
        return Segment("▀" * count, _ink(upper, lower))
    return Segment(" " * count) if lower is None else Segment("▄" * count, _ink(lower, None))


@dataclass(frozen=True)
class Grid:
    """A rich renderable of one grid.

    Attributes:
        task: gives symbols and boxes.
        question: ``[height, width]`` the givens, 0 for none.
        cells: ``[height, width]`` the answer so far, 0 for blank; givens are shown as they were given.
        confidence: ``[height, width]`` probability of each cell; None where there is none to show.
        changed: ``[height, width]`` cells to mark as new.
        conflicts: flat indices of cells to mark as wrong.
        supposed: flat indices of cells that are taken as given to see where it leads.
        form: how it is drawn; None for wide, or tight where there are not columns enough.
    """

    task: Task
    question: Cells
    cells: Cells
    confidence: npt.NDArray[np.floating] | None = None
    changed: Bools | None = None
    conflicts: Collection[int] = ()
    supposed: Collection[int] = ()
    form: Form | None = None

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.cells.shape
        return height, width

    @cached_property
    def _boxes(self) -> Ints:
        """``[height + 2, width + 2]``: the box of each cell, -1 around the grid."""
        return np.pad(box_of(self.task, self.shape), 1, constant_values=-1)

    @cached_property
    def _undecided(self) -> Bools:
        return self.task.codec.undecided(self.question)

    @cached_property
    def _walls(self) -> tuple[list[int], list[int]]:
        """Columns and rows in front of which a border runs somewhere; the last ones are behind the grid."""
        across = (self._boxes[:, 1:] != self._boxes[:, :-1]).any(axis=0)
        down = (self._boxes[1:] != self._boxes[:-1]).any(axis=1)
        return np.flatnonzero(across).tolist(), np.flatnonzero(down).tolist()

    @cached_property
    def _symbol_width(self) -> int:
        values = values_of(self.question, self.cells)
        return max(len(self.task.paint.symbol(value, self.shape)) for value in values)

    def _cell_width(self, wide: bool) -> int:
        """Columns of a cell: those of a symbol, and with room one more at each side; in pictures two, which
        are about as wide as they are high."""
        return self._symbol_width + (0 if not wide else 1 if draws_pictures(self.task) else 2)

    def size(self, form: Form = "wide") -> tuple[int, int]:
        """Columns and rows on the screen."""
        across, down = self._walls
        height, width = self.shape
        if form == "halves":
            return width, (height + 1) // 2
        return width * self._cell_width(form == "wide") + len(across), height + len(down)

    def forms(self, console: Console) -> list[Form]:
        """Those that a terminal can show, the best first: halves need blocks, and many colours."""
        many = depth_of(console) in ("256", "truecolor")
        blocks = any(self.task.paint.look(value) == "solid" for value in values_of(self.question))
        halves = many and blocks and console.encoding.lower().startswith("utf")
        return ["wide", "halves", "tight"] if halves else ["wide", "tight"]

    def fitting(self, console: Console, below: int) -> Form | None:
        """The best form for which there is room, with so many lines ``below``; None if there is none."""
        for form in self.forms(console):
            columns, rows = self.size(form)
            if columns <= console.width and rows + below <= console.height:
                return form
        return None

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        if self.form is not None:
            return Measurement(self.size(self.form)[0], self.size(self.form)[0])
        return Measurement(self.size("tight")[0], self.size()[0])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette = palette_of(console)
        if self.form == "halves":
            yield from self._halves(palette)
            return
        wide = self.size()[0] <= options.max_width if self.form is None else self.form == "wide"
        height, _ = self.shape
        for row in range(height + 1):
            if row in self._walls[1]:
                yield Segment(self._border(row, wide, options.ascii_only), Style(color=palette.line))
                yield Segment.line()
            if row < height:
                yield from self._row(row, wide, palette, options.ascii_only)
                yield Segment.line()

    def _halves(self, palette: Palette) -> Iterator[Segment]:
        """Two rows of cells in each line: the upper one in the ink, the lower one on the paper."""
        height, width = self.shape
        values = np.where(self._undecided, self.cells, self.question)
        looks = {value: self.task.paint.look(value) for value in values_of(self.question, self.cells)}
        signs = [value for value, look in looks.items() if look == "symbol"]
        # The colours that there may be, and the number of each cell's; 0 is the terminal's own.
        colors = [
            None,
            palette.wrong,
            palette.wall,
            palette.accent,
            palette.second,
            *map(palette.name, _HUNDREDTHS),
        ]
        numbers = np.zeros((height + height % 2, width), dtype=np.int64)
        shown = numbers[:height]
        shown[np.isin(values, [value for value, look in looks.items() if look == "solid"])] = 2
        for number, value in enumerate(signs):
            shown[values == value] = 3 + number % 2
        trail = np.isin(values, [value for value, look in looks.items() if look == "trail"])
        sure = np.ones(self.shape) if self.confidence is None else self.confidence.astype(np.float64)
        shown[trail] = 5 + np.rint(100 * sure[trail]).astype(np.int64)
        shown.ravel()[list(self.conflicts)] = 1
        for upper_row, lower_row in zip(numbers[::2].tolist(), numbers[1::2].tolist(), strict=True):
            for (upper, lower), run in groupby(zip(upper_row, lower_row, strict=True)):
                yield _stacked(colors[upper], colors[lower], sum(1 for _ in run))
            yield Segment.line()

    def _border(self, row: int, wide: bool, ascii_only: bool) -> str:
        """The line above ``row``."""
        characters = _ASCII if ascii_only else _HEAVY
        text = ""
        for column in range(self.shape[1] + 1):
            (a, b), (c, d) = self._boxes[row : row + 2, column : column + 2]
            if column in self._walls[0]:
                arms = (a != b, b != d, c != d, a != c)  # up, right, down, left
                text += characters[sum(1 << bit for bit, arm in enumerate(arms) if arm)]
            if column < self.shape[1]:
                wall = characters[10] if b != d else " "
                text += wall * self._cell_width(wide)
        return text

    def _row(self, row: int, wide: bool, palette: Palette, ascii_only: bool) -> Iterator[Segment]:
        wall, line = (_ASCII if ascii_only else _HEAVY)[5], Style(color=palette.line)
        for column in range(self.shape[1] + 1):
            if column in self._walls[0]:
                left, right = self._boxes[row + 1, column : column + 2]
                yield Segment(wall if left != right else " ", line)
            if column < self.shape[1]:
                yield self._cell(row, column, wide, palette, ascii_only)

    def _cell(self, row: int, column: int, wide: bool, palette: Palette, ascii_only: bool) -> Segment:
        given = 0 if self._undecided[row, column] else int(self.question[row, column])
        value = given or int(self.cells[row, column])
        confidence = 1.0 if self.confidence is None else float(self.confidence[row, column])
        changed = self.changed is not None and bool(self.changed[row, column])
        place = row * self.shape[1] + column
        wrong, supposed = place in self.conflicts, place in self.supposed
        picture, look = draws_pictures(self.task), self.task.paint.look(value)
        if look == "solid" and wrong:
            block = "#" if ascii_only else "▒"
            return Segment(f"{block}!" if wide else block, palette.conflict)
        if look == "solid":
            return Segment(("#" if ascii_only else "█") * self._cell_width(wide), Style(color=palette.wall))
        dot = "." if ascii_only else "·"
        symbol = self.task.paint.symbol(value, self.shape) if value else dot
        papered = look == "trail" and palette.depth != "none"
        if papered or (look == "empty" and confidence >= SURE):
            symbol = " "
        if given:
            style = palette.mark if picture else GIVEN
        elif not value and not picture:
            style = Style(color=palette.label)
        elif papered:
            style = palette.paper(confidence)
        else:
            style = Style() if self.confidence is None else palette.ink(confidence)
        if wrong:
            style += palette.conflict
        elif changed and not papered:
            style += palette.fresh
        if supposed:
            style += SUPPOSED
        symbol = symbol.center(self._symbol_width)
        if not wide:
            return Segment(symbol, style)
        before = changed_sign(ascii_only) if changed else " "
        doubt = confidence < SURE and not given and bool(value or picture)
        after = "!" if wrong else "*" if supposed else "?" if doubt else " "
        if picture:
            return Segment(symbol + (before if after == " " else after), style)
        return Segment(f"{before}{symbol}{after}", style)


def changed_sign(ascii_only: bool) -> str:
    """What stands before a cell that is new."""
    return ">" if ascii_only else "›"
