"""Mazes of any rectangle: a shortest path from S to G, in steps up, down, left and right.

Tokens are those of the reference's maze data (``dataset/build_maze_dataset.py``): 0 padding, then ``# SGo``,
that is wall, open, start, goal and path, as 1 to 5. The answer is the maze with ``o`` on the cells between S
and G. Every shortest path is right; where there are several, :meth:`Maze.canonical` names the one to learn.
It also tells an open cell, a cell of the path and S apart by the direction in which G is nearest, as tokens 6
to 17: a network that has to say this of every cell learns the search itself, wave by wave from G, and not
only where it ends.

Searches work on whole sets of cells at once: a set is one integer, with bit ``row * (width + 1) + column``
for each cell. The extra column is never in a set, so that a shift moves every cell onto its neighbour, and
none from the end of one row to the beginning of the next.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from math import isqrt
from typing import Any, BinaryIO, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import (
    Bools,
    Cells,
    Ints,
    Look,
    Problem,
    Puzzle,
    Relation,
    Shape,
    Symmetry,
    Task,
    Verdict,
)

OPEN, WALL, START, GOAL, PATH = range(5)
"""The values of cells. What a puzzle leaves to decide is 0, as in every task: open, or on the path."""

LARGEST_SIDE = 128
"""Rows and columns that a maze may have."""

_LETTERS = " #SGo"
_TOKENS: Ints = np.array([2, 1, 3, 4, 5])
_POINTING = {OPEN: 6, PATH: 10, START: 14}
"""Tokens of the cells that point up; down, left and right follow."""
_UP: Ints = np.array([_POINTING.get(value, 0) for value in range(5)])
_CELLS: Cells = np.array(
    [OPEN, WALL, OPEN, START, GOAL, PATH, *(value for value in _POINTING for _ in range(4))], dtype=np.uint8
)
_LOOKS: tuple[Look, ...] = ("empty", "solid", "symbol", "symbol", "trail")


class Maze(Task):
    name: ClassVar[str] = "maze"
    vocab_size: ClassVar[int] = 18
    relation_names: ClassVar[tuple[str, ...]] = ("up", "down", "left", "right", "row", "column")

    def read(self, lines: Iterable[str], origin: str) -> Iterator[Puzzle]:
        """Read drawn mazes, set apart by empty lines, or CSV with a ``question`` column, as the lines arrive.

        A wall is ``#`` or a block character, an open cell a space or ``.``. A maze on one line is a square,
        or has ``/`` between its rows. A path that is drawn in becomes the known answer.
        """
        reader = _Reader(origin)
        for line in lines:
            yield from reader.feed(line)
        yield from reader.finish()

    def recognises(self, head: str, whole: bool) -> bool | None:
        lines = [line for line in head.splitlines() if line.strip() and not _is_comment(line)]
        if not lines:
            return False if whole else None
        columns = _header(lines[0])
        if columns:
            if len(lines) == 1:
                return False if whole else None
            return any(_is_line(text) for text in _fields(lines[1]))
        for line in lines:
            if _is_line(line) or ("S" in line and 4 * _foreign(line) <= len(line) > 2):
                return True
            if _SUDOKU.search(line) or 2 * _foreign(line) > len(line):
                return False
        if whole:
            return "S" in head or any(sign in _WALLS for sign in head)
        return True if any(sign in _WALLS[1:] for sign in head) else None

    def is_argument(self, text: str) -> bool:
        return _is_line(text)

    def write(self, puzzle: Puzzle, cells: Cells) -> str:
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
                sign = sign if _VALUES[sign] == value else _LETTERS[value]
            signs.append(sign)
        return "".join(signs)

    def draw(self, cells: Cells) -> str:
        """A maze in letters, row by row. Open cells are spaces, or ``.`` where a row would end in a space,
        which gets lost easily."""
        text = "\n".join(_rows(cells))
        return text.replace(" ", ".") if " \n" in text or text.endswith(" ") else text

    def symbol(self, value: int, shape: Shape) -> str:
        return _LETTERS[value]

    def look(self, value: int) -> Look:
        return _LOOKS[value]

    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        tokens: Ints = _TOKENS[cells.reshape(len(cells), -1)]
        return tokens

    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        cells: Cells = _CELLS[tokens].reshape(-1, *shape)
        return cells

    def check(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        """Right is an answer that keeps the question, in which S and G have one neighbour on the path and
        every other cell of the path has two, and whose path has as many cells as a shortest one.

        Such neighbours alone make one path from S to G, and perhaps circles apart from it; but the path takes
        all the cells that there are.
        """
        ok: Bools = ((answers == questions) | ((questions == OPEN) & (answers == PATH))).all(axis=(1, 2))
        on = answers >= START
        around = np.pad(on, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
        beside = around[:, :-2, 1:-1] + around[:, 2:, 1:-1] + around[:, 1:-1, :-2] + around[:, 1:-1, 2:]
        wanted = np.where(answers == PATH, 2, 1)
        ok &= (~on | (beside == wanted)).all(axis=(1, 2))
        cells = on.sum(axis=(1, 2))
        for row in np.flatnonzero(ok):
            ok[row] = len(shortest(questions[row])) == cells[row]
        return ok

    def verify(self, question: Cells, answer: Cells) -> Verdict:
        return Verdict(tuple(_problems(question, answer)))

    def is_unique(self, question: Cells) -> bool | None:
        return all(cells & (cells - 1) == 0 for cells in shortest(question))

    def search(self, question: Cells) -> Cells | None:
        """A shortest path by breadth-first search; of several, the one along :func:`directions`."""
        path = _follow(question, directions(question))
        if not path:
            return None
        answer: Cells = question.copy()
        answer[to_mask(path, question.shape) & (question == OPEN)] = PATH
        return answer

    def canonical(self, questions: Ints, answers: Ints, shape: Shape) -> Ints:
        """The path of :meth:`search`, and in every cell from which there is a way to G its direction."""
        labels: Ints = questions.copy()
        for row, question in zip(labels, self.decode(questions, shape), strict=True):
            pointing = directions(question)
            values = question.copy()
            values[to_mask(_follow(question, pointing), shape) & (question == OPEN)] = PATH
            for turn, cells in enumerate(pointing):
                here = to_mask(cells, shape).ravel()
                row[here] = _UP[values.ravel()[here]] + turn
        return labels

    def generate(self, count: int, seed: int, options: Mapping[str, Any]) -> tuple[Cells, Cells]:
        """Options: ``kind`` (``open`` or ``perfect``), ``size`` (30, or such as ``20x30``), ``walls`` (such
        as ``0.3-0.5``, of open mazes), ``min_path`` (3: cells of the path at least, S and G among them)."""
        from trmcli.tasks.maze_generate import generate_many, parse_options
        from trmcli.tasks.workers import processors

        kind = parse_options(**dict(options))
        made = list(generate_many(kind, count, seed, processors() if count > 1000 else 1))
        return np.stack([one.question for one in made]), np.stack([one.answer for one in made])

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        height, width = shape
        cells = np.arange(height * width).reshape(shape)
        around = np.pad(cells, 1, constant_values=-1)
        beside = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
        return (
            *(
                Relation(name, "neighbours", index.reshape(-1, 1))
                for name, index in zip(self.relation_names, beside, strict=False)
            ),
            Relation("row", "groups", cells),
            Relation("column", "groups", np.ascontiguousarray(cells.T)),
        )

    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """Rotations and reflections that keep the shape: eight of a square, four of an oblong."""
        every = dihedral(shape)
        values = np.tile(np.arange(self.vocab_size), (count, 1))
        return Symmetry(every[rng.integers(len(every), size=count)], values)

    def reveal(self, question: Ints, answer: Ints, count: Ints, rng: np.random.Generator) -> Ints:
        """The questions as they are: a maze with a part of its path is no question of this task."""
        return question


@cache
def dihedral(shape: Shape) -> Ints:
    """``[8, L]``, of an oblong ``[4, L]``: the rotations and reflections that keep a shape as permutations of
    the cells, for :class:`Symmetry`; the identity first."""
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    turned = [np.rot90(one, turn) for one in (cells, np.fliplr(cells)) for turn in range(4)]
    return np.stack([one.ravel() for one in turned if one.shape == cells.shape])


# Sets of cells


def to_set(mask: npt.NDArray[Any]) -> int:
    """A set from ``[height, width]`` bool."""
    padded = np.pad(mask, ((0, 0), (0, 1)))
    return int.from_bytes(np.packbits(padded, bitorder="little").tobytes(), "little")


def to_mask(cells: int, shape: tuple[int, ...]) -> Bools:
    """``[height, width]`` bool from a set."""
    height, width = shape
    count = height * (width + 1)
    data = np.frombuffer(cells.to_bytes(-(-count // 8), "little"), dtype=np.uint8)
    bits = np.unpackbits(data, count=count, bitorder="little").view(np.bool_)
    return bits.reshape(height, width + 1)[:, :width]


def layers(free: int, start: int, stride: int, goal: int = 0) -> list[int]:
    """Breadth-first search in ``free``: the cells at distance 0, 1, … from ``start``, until ``goal`` is among
    them or there are no more. ``stride`` is the width + 1."""
    found = [start]
    left = free & ~start
    while not found[-1] & goal:
        cells = spread(found[-1], stride) & left
        if not cells:
            break
        left ^= cells
        found.append(cells)
    return found


def spread(cells: int, stride: int) -> int:
    """All neighbours of a set's cells, those outside of the maze included."""
    return cells << 1 | cells >> 1 | cells << stride | cells >> stride


def shortest(question: npt.NDArray[Any]) -> list[int]:
    """The first, second, … cells of all shortest paths, S and G included; none if S and G are not joined."""
    stride = question.shape[1] + 1
    start, goal = to_set(question == START), to_set(question == GOAL)
    if not start or not goal:
        return []
    back = layers(to_set(question != WALL), goal, stride, start)
    if not back[-1] & start:
        return []
    places = [start]
    for cells in reversed(back[:-1]):
        places.append(spread(places[-1], stride) & cells)
    return places


def directions(question: npt.NDArray[Any]) -> tuple[int, int, int, int]:
    """The cells from which the way to G is shortest up, down, left and right; of several directions, the
    first. A cell can follow this rule that knows its neighbours alone: when the wave from G reaches it, it
    points to the first of those that were reached before it."""
    stride = question.shape[1] + 1
    waves = layers(to_set(question != WALL), to_set(question == GOAL), stride)
    found = [0, 0, 0, 0]
    for before, cells in pairwise(waves):
        for turn, nearer in enumerate((before << stride, before >> stride, before << 1, before >> 1)):
            found[turn] |= cells & nearer
            cells &= ~nearer
    return tuple(found)  # type: ignore[return-value]


def _follow(question: npt.NDArray[Any], pointing: tuple[int, int, int, int]) -> int:
    """The cells on the way from S along these directions, S included, G not; none if there is no way."""
    stride = question.shape[1] + 1
    up, down, left, right = pointing
    here, path = to_set(question == START), 0
    while here:
        path |= here
        here = (here & up) >> stride | (here & down) << stride | (here & left) >> 1 | (here & right) << 1
    return path & (up | down | left | right)


# Naming what is wrong


def _name(cell: int, width: int) -> str:
    return f"row {cell // width + 1}, column {cell % width + 1}"


def _few_names(cells: Sequence[int], width: int) -> str:
    more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
    return f"in {_name(cells[0], width)}{more}"


_WORDS = ("open", "a wall", "S", "G", "path")


def _problems(question: Cells, answer: Cells) -> Iterator[Problem]:
    shape, width = question.shape, question.shape[1]
    stride = width + 1

    def indices(cells: int) -> tuple[int, ...]:
        return tuple(np.flatnonzero(to_mask(cells, shape)).tolist())

    given, values = question.ravel(), answer.ravel()
    for value, what in ((WALL, "wall"), (START, "S"), (GOAL, "G")):
        lost = np.flatnonzero((given == value) & (values != value)).tolist()
        if lost:
            became = _WORDS[values[lost[0]]]
            yield Problem(f"the {what} {_few_names(lost, width)} became {became}", tuple(lost))
    for value, what in ((WALL, "a wall"), (START, "an S"), (GOAL, "a G")):
        new = np.flatnonzero((given == OPEN) & (values == value)).tolist()
        if new:
            yield Problem(f"{what} that was not there {_few_names(new, width)}", tuple(new))

    start, goal = to_set(question == START), to_set(question == GOAL)
    marked = to_set((answer == PATH) & (question == OPEN))
    best = shortest(question)
    reached = layers(marked | start | goal, start, stride, goal)
    if not reached[-1] & goal:
        end = indices(reached[-1])[:1]
        if len(reached) == 1:
            yield Problem("no path leaves S", end)
        else:
            yield Problem(f"the path from S breaks off in {_name(end[0], width)}", end)
        return
    cells = marked.bit_count() + 2
    spare = cells - len(reached)
    if spare:
        beside = indices(marked & ~_between(reached, goal, stride))
        are = "1 cell is" if spare == 1 else f"{spare} cells are"
        yield Problem(f"{are} marked apart from the path: {_few_names(beside, width)}", beside)
    if len(reached) > len(best):
        yield Problem(f"the path is not shortest: it has {len(reached)} cells, {len(best)} would do", ())


def _between(reached: Sequence[int], goal: int, stride: int) -> int:
    """One path from ``goal``, in the last of these layers, back to the first."""
    here = path = goal
    for cells in reversed(reached[:-1]):
        near = spread(here, stride) & cells
        here = near & -near
        path |= here
    return path


# Text

_WALLS = "#█▓▒■⬛"
_VALUES = {
    **dict.fromkeys(_WALLS, WALL),
    **dict.fromkeys(" .·░⬜", OPEN),
    "S": START,
    "G": GOAL,
    "o": PATH,
}
_SUDOKU = re.compile(r"[0-9|+*_\-\u2500-\u257f]")
_QUESTION, _ANSWER = "question", "answer"


def _rows(cells: Cells) -> list[str]:
    return ["".join(_LETTERS[value] for value in row) for row in cells.tolist()]


def _foreign(text: str) -> int:
    """How many signs of a text have no meaning in a maze."""
    return sum(sign not in _VALUES for sign in text)


def _is_comment(line: str) -> bool:
    text = line.strip()
    return text.startswith((";", "//")) or (text.startswith("#") and 2 * _foreign(text) > len(text))


def _is_line(text: str) -> bool:
    """Whether a text is a whole maze on one line."""
    return "S" in text and "G" in text and not _foreign(text.replace("/", ""))


def _is_square(text: str) -> bool:
    return len(text) > 0 and isqrt(len(text)) ** 2 == len(text)


def _fields(line: str) -> list[str]:
    """The fields of a CSV line; none if it is no CSV."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line]))
    except csv.Error:
        return []


def _header(line: str) -> list[str]:
    """The columns, if the line is a CSV header."""
    columns = [field.strip().lower() for field in _fields(line)]
    return columns if _QUESTION in columns else []


class _Reader:
    """Turns lines into mazes. Between two lines, the rows of a drawn maze and a CSV header may be open."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.found = False
        self.columns: list[str] = []
        self.rows: list[str] = []
        self.first = 0  # line of the first row

    def feed(self, line: str) -> Iterator[Puzzle]:
        """Take one line; yield what it completes."""
        self.number += 1
        line = line.rstrip("\r\n")
        if self.number == 1:
            line = line.removeprefix("\ufeff")
        if self.rows and not "".join(self.rows).strip() and len(line) != len(self.rows[0]):
            self.rows = []  # blank lines that a maze of another width follows
        if not line or (line.isspace() and self.rows and len(line) != len(self.rows[0])):
            yield from self.settle()
        elif not self.rows and _is_comment(line):
            return
        elif not self.rows and (columns := _header(line)):
            self.columns = columns
        elif self.columns:
            yield self.csv(line)
        elif not self.rows and ("/" in line or (len(line) > LARGEST_SIDE and _is_square(line))):
            yield self.one_line(line, self.number)
        else:
            self.row(line)

    def finish(self) -> Iterator[Puzzle]:
        """What the end of the input completes."""
        yield from self.settle()
        if not self.found:
            raise InputError("holds no maze", self.name)

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

    def csv(self, line: str) -> Puzzle:
        fields = _fields(line)
        if len(fields) != len(self.columns):
            self.fail(f"this line has {len(fields)} columns, the header has {len(self.columns)}")
        row = dict(zip(self.columns, fields, strict=True))
        text, answer_text = row[_QUESTION], row.get(_ANSWER, "")
        cells = self.line_cells(text, self.number, line.find(text) + 1)
        answer = None
        if answer_text.strip():
            column = line.rfind(answer_text) + 1
            answer = self.line_cells(answer_text, self.number, column)
            if answer.shape != cells.shape:
                self.fail(f"the answer has {answer.size} cells, the question {cells.size}", column)
        return self.puzzle(cells, self.number, "csv", answer, row.get("source", ""))

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
        if answer is not None and not Maze().check(cells[None], answer[None])[0]:
            problem = Maze().verify(cells, answer).problems[0]
            raise InputError(f"the path given is wrong: {problem.message}", origin)
        self.found = True
        return Puzzle(cells, origin, layout, answer, source)

    def fail(self, message: str, column: int | None = None, line: int | None = None) -> NoReturn:
        raise InputError(message, Origin(self.name, line or self.number), column)


# Pictures

_COLOURS = {"#": (0, 0, 0), ".": (255, 255, 255), "S": (0, 255, 0), "G": (255, 0, 0), "o": (0, 0, 255)}
_ALIKE = 96
"""How far each of red, green and blue may be from a colour's own."""


def picture_lines(file: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a maze that is drawn as PNG, one pixel a cell: black walls, white open cells, S green, G
    red, and the path, if it is drawn in, blue. It needs Pillow, the extra ``png``.

    Raises:
        InputError: Pillow is not installed, or the picture is damaged, too large, or has other colours.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise InputError("is a picture: to read it, pip install 'trmcli[png]'", name) from None
    try:
        with Image.open(file, formats=["PNG"]) as image:
            if max(image.size) > LARGEST_SIDE:
                sizes, most = f"{image.height}x{image.width}", f"{LARGEST_SIDE}x{LARGEST_SIDE}"
                raise InputError(f"a maze of {sizes} pixels is too large: at most {most}, one a cell", name)
            pixels = np.asarray(image.convert("RGB")).astype(np.int64)
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError) as error:
        raise InputError(f"is no whole PNG file: {error}", name) from None
    away = np.abs(pixels[:, :, None] - np.array(list(_COLOURS.values()))).max(axis=-1)
    strange = np.argwhere(away.min(axis=-1) > _ALIKE)
    if len(strange):
        row, column = strange[0].tolist()
        colour = "#" + "".join(f"{value:02x}" for value in pixels[row, column].tolist())
        message = f"the pixel {colour} is no part of a maze: use black, white, green for S and red for G"
        raise InputError(message, Origin(name, row + 1), column + 1)
    signs = np.array(list(_COLOURS))[away.argmin(axis=-1)]
    yield from ("".join(row) + "\n" for row in signs.tolist())
