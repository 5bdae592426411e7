"""Pencil marks: what a doubtful cell may still hold, as people note it in the cells of a large Sudoku grid.

A value is left if no given and no sure cell that shares a group (row, column, box) has it. The one that the
model believes in is drawn in the colour of its confidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from trmcli.tasks.base import SURE, Bools
from trmcli.tasks.task import Task
from trmcli.ui.grid import Grid
from trmcli.ui.palette import GIVEN, Palette, palette_of


def possible(grid: Grid) -> Bools:
    """``[cells, values]``: which values each cell may hold, by its sure neighbours; column 0 is value 1."""
    size = max(grid.shape)
    undecided = grid.task.codec.undecided(grid.question).ravel()
    cells = np.where(undecided, grid.cells.ravel(), grid.question.ravel())
    sure = ~undecided
    if grid.confidence is not None:
        sure = sure | ((grid.confidence.ravel() >= SURE) & (cells > 0))
    sure[list(grid.conflicts)] = False
    sure |= ~undecided
    left = np.ones((cells.size, size), dtype=np.bool_)
    for relation in grid.task.relations(grid.shape):
        for group in relation.index if relation.kind == "groups" else ():
            taken = cells[group][sure[group]].astype(np.int64)
            left[np.ix_(group, taken[taken > 0] - 1)] = False
    left[sure] = False
    return left


def has_candidates(task: Task, shape: tuple[int, int]) -> bool:
    """Whether the kind has groups in which every value stands once."""
    relations = task.relations(shape)
    square = shape[0] == shape[1]
    return square and task.paint.look(0) != "empty" and any(one.kind == "groups" for one in relations)


@dataclass(frozen=True)
class Candidates:
    """A rich renderable of a grid with pencil marks.

    Attributes:
        across, down: marks of a cell beside and below each other.
    """

    grid: Grid
    across: int
    down: int

    @staticmethod
    def of(grid: Grid, console: Console, below: int) -> Candidates | None:
        """With so many lines ``below``; None if there is no room for it, or the kind has none."""
        if not has_candidates(grid.task, grid.shape):
            return None
        side = max(grid.shape)
        across = int(np.ceil(np.sqrt(side)))
        drawn = Candidates(grid, across, -(-side // across))
        columns, rows = drawn.size()
        return drawn if columns <= console.width and rows + below <= console.height else None

    def size(self) -> tuple[int, int]:
        """Columns and rows on the screen."""
        height, width = self.grid.shape
        return width * (2 * self.across + 1), height * self.down

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        left, palette = possible(self.grid), palette_of(console)
        for row in range(self.grid.shape[0]):
            for line in range(self.down):
                for column in range(self.grid.shape[1]):
                    yield from self._cell(row, column, line, left, palette)
                yield Segment.line()

    def _cell(self, row: int, column: int, line: int, left: Bools, palette: Palette) -> Iterator[Segment]:
        """One line of a cell. Papers alternate, so that the marks of neighbours do not run together."""
        grid, width = self.grid, 2 * self.across + 1
        place = row * grid.shape[1] + column
        given = not grid.task.codec.undecided(grid.question)[row, column]
        value = int((grid.question if given else grid.cells)[row, column])
        confidence = 1.0 if grid.confidence is None else float(grid.confidence[row, column])
        paper = Style(bgcolor=palette.field) if (row + column) % 2 else Style()
        ink = GIVEN if given else palette.ink(confidence)
        plain = Style(color=palette.label)
        if place in grid.conflicts:
            paper, ink, plain = palette.conflict, Style(), Style(bold=False)
        symbol = grid.task.paint.symbol
        if given or not left[place].any():
            text = symbol(value, grid.shape) if value and line == self.down // 2 else ""
            yield Segment(text.center(width), paper + ink)
            return
        yield Segment(" ", paper)
        for number in range(line * self.across, (line + 1) * self.across):
            shown = number < left.shape[1] and (left[place, number] or number + 1 == value)
            mark = symbol(number + 1, grid.shape) if shown else " "
            style = ink + Style(bold=True) if number + 1 == value else plain
            yield Segment(f"{mark} ", paper + style)
