"""Mazes as text: drawn, or on one line.

A wall is ``#`` or a block character, an open cell a space or ``.``. Drawn mazes are set apart by empty
lines. A maze on one line is a square, or has ``/`` between its rows. A path that is drawn in becomes the
known answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import isqrt

import numpy as np

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.lines import Reader, Record
from trmcli.tasks.maze.grid import GOAL, LARGEST_SIDE, LETTERS, OPEN, PATH, START, WALL, shortest
from trmcli.tasks.maze.rules import problems_of

_WALLS = "#█▓▒■⬛"
_VALUES = {
    **dict.fromkeys(_WALLS, WALL),
    **dict.fromkeys(" .·░⬜", OPEN),
    "S": START,
    "G": GOAL,
    "o": PATH,
}
_SUDOKU = re.compile(r"[0-9|+*_\-\u2500-\u257f]")


def recognises(head: str, whole: bool) -> bool | None:
    """See :meth:`trmcli.tasks.base.Task.recognises`."""
    lines = [line for line in head.splitlines() if line.strip() and not _is_comment(line)]
    if not lines:
        return False if whole else None
    for line in lines:
        if is_line(line) or ("S" in line and 4 * _foreign(line) <= len(line) > 2):
            return True
        if _SUDOKU.search(line) or 2 * _foreign(line) > len(line):
            return False
    if whole:
        return "S" in head or any(sign in _WALLS for sign in head)
    return True if any(sign in _WALLS[1:] for sign in head) else None


def write(puzzle: Puzzle, cells: Cells) -> str:
    """The maze as it was drawn with the path in it, or its letters on one line: a square maze without
    anything between its rows, others with ``/``."""
    if puzzle.layout in ("line", "csv"):
        height, width = cells.shape
        return ("" if height == width else "/").join(_rows(cells))
    values = iter(cells.ravel().tolist())
    signs = []
    for sign in puzzle.layout:
        if sign != "\n":
            value = next(values)
            sign = sign if _VALUES[sign] == value else LETTERS[value]
        signs.append(sign)
    return "".join(signs)


def draw(cells: Cells) -> str:
    """A maze in letters, row by row. Open cells are spaces, or ``.`` where a row would end in a space,
    which gets lost easily."""
    text = "\n".join(_rows(cells))
    return text.replace(" ", ".") if " \n" in text or text.endswith(" ") else text


def _rows(cells: Cells) -> list[str]:
    return ["".join(LETTERS[value] for value in row) for row in cells.tolist()]


def _foreign(text: str) -> int:
    """How many signs of a text have no meaning in a maze."""
    return sum(sign not in _VALUES for sign in text)


def _is_comment(line: str) -> bool:
    text = line.strip()
    return text.startswith((";", "//")) or (text.startswith("#") and 2 * _foreign(text) > len(text))


def is_line(text: str) -> bool:
    """Whether a text is a whole maze on one line."""
    return "S" in text and "G" in text and not _foreign(text.replace("/", ""))


def _is_square(text: str) -> bool:
    return len(text) > 0 and isqrt(len(text)) ** 2 == len(text)


class MazeReader(Reader):
    """Turns lines into mazes. Between two lines, the rows of a drawn maze may be open."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.rows: list[str] = []
        self.first = 0  # line of the first row

    def line(self, text: str) -> Iterator[Puzzle]:
        if self.rows and not "".join(self.rows).strip() and len(text) != len(self.rows[0]):
            self.rows = []  # blank lines that a maze of another width follows
        if not text or (text.isspace() and self.rows and len(text) != len(self.rows[0])):
            yield from self.settle()
        elif not self.rows and _is_comment(text):
            return
        elif not self.rows and ("/" in text or (len(text) > LARGEST_SIDE and _is_square(text))):
            yield self.one_line(text, self.number)
        else:
            self.row(text)

    def forget(self) -> None:
        self.rows = []

    def finish(self) -> Iterator[Puzzle]:
        yield from self.settle()
        if not self.found:
            raise InputError("holds no maze", self.name)

    def record(self, record: Record) -> Iterator[Puzzle]:
        yield from self.settle()
        cells = self.line_cells(record.question, self.number, record.column(record.question))
        answer = None
        if record.answer.strip():
            column = record.column(record.answer, last=True)
            answer = self.line_cells(record.answer, self.number, column)
            if answer.shape != cells.shape:
                self.fail(f"the answer has {answer.size} cells, the question {cells.size}", column)
        yield self.puzzle(cells, self.number, "csv", answer, record.source)

    def row(self, line: str) -> None:
        if not self.rows:
            self.first = self.number
            if len(line) > LARGEST_SIDE:
                message = (
                    f"a row of {len(line)} cells is too long: a maze may have {LARGEST_SIDE} columns at most"
                )
                self.fail(message, LARGEST_SIDE + 1)
        elif len(line) != len(self.rows[0]):
            width = len(self.rows[0])
            hint = " (open cells at its end may be written as .)" if len(line) < width else ""
            self.fail(
                f"this row has {len(line)} cells, the rows above have {width}{hint}",
                min(len(line), width) + 1,
            )
        if len(self.rows) == LARGEST_SIDE:
            self.fail(f"a maze may have {LARGEST_SIDE} rows at most")
        self.rows.append(line)

    def settle(self) -> Iterator[Puzzle]:
        """End the maze that is open."""
        rows, self.rows = self.rows, []
        if not "".join(rows).strip():
            return
        if all("S" in row and "G" in row for row in rows) and _is_square(rows[0]):
            for number, row in enumerate(rows, start=self.first):
                yield self.one_line(row, number)
            return
        gap = "\n" if self.found else ""  # so that answers are set apart as the mazes were
        layout = gap + "\n".join(rows).replace("o", "." if "." in "".join(rows) else " ")
        cells = self.cells(rows, [(self.first + n, 1) for n in range(len(rows))])
        yield self.puzzle(cells, self.first, layout)

    def one_line(self, line: str, number: int) -> Puzzle:
        return self.puzzle(self.line_cells(line, number, 1), number, "line")

    def line_cells(self, text: str, number: int, column: int) -> Cells:
        """Cells of a maze on one line, which begins in this column."""
        if "/" in text:
            rows = text.split("/")
            for row in rows:
                if len(row) != len(rows[0]):
                    message = f"a row has {len(row)} cells, the first has {len(rows[0])}"
                    self.fail(message, column + len(text), number)
            step = len(rows[0]) + 1
        else:
            step = isqrt(len(text))
            if not _is_square(text):
                self.fail(
                    f"{len(text)} cells on one line make no square maze: put / between the rows of others",
                    column,
                    number,
                )
            rows = [text[i : i + step] for i in range(0, len(text), step)]
        return self.cells(rows, [(number, column + n * step) for n in range(len(rows))])

    def cells(self, rows: Sequence[str], places: Sequence[tuple[int, int]]) -> Cells:
        """``[height, width]`` of rows that begin at these places (line, column)."""
        for row, (line, column) in zip(rows, places, strict=True):
            for index, sign in enumerate(row):
                if sign not in _VALUES:
                    self.fail(
                        f"{sign!r} is no part of a maze: use # for walls, space or . for open cells, S for "
                        "the start, G for the goal",
                        column + index,
                        line,
                    )
        if max(len(rows), len(rows[0])) > LARGEST_SIDE:
            sizes = f"{len(rows)}x{len(rows[0])}"
            most = f"{LARGEST_SIDE}x{LARGEST_SIDE}"
            self.fail(f"a maze of {sizes} is too large: at most {most}", places[0][1], places[0][0])
        cells = np.array([[_VALUES[sign] for sign in row] for row in rows], dtype=np.uint8)

        def place(row: int, column: int) -> tuple[int, int]:
            line, first = places[row]
            return line, first + column

        for value, what in ((START, "S, the start"), (GOAL, "G, the goal")):
            found = [place(*at) for at in np.argwhere(cells == value).tolist()]
            if not found:
                self.fail(f"this maze has no {what}", places[0][1], places[0][0])
            if len(found) > 1:
                self.fail(f"a second {what}: a maze has one", found[1][1], found[1][0])
        if not shortest(cells):
            line, column = place(*np.argwhere(cells == START)[0].tolist())
            self.fail("there is no way from this S to G", column, line)
        return cells

    def puzzle(
        self, cells: Cells, number: int, layout: str, answer: Cells | None = None, source: str = ""
    ) -> Puzzle:
        origin = Origin(self.name, number)
        if (cells == PATH).any():
            answer = cells if answer is None else answer
            cells = np.where(cells == PATH, OPEN, cells).astype(np.uint8)
        problem = None if answer is None else next(problems_of(cells, answer), None)
        if problem is not None:
            raise InputError(f"the path given is wrong: {problem.message}", origin)
        self.found = True
        return Puzzle(cells, origin, layout, answer, source)
