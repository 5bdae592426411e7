"""Sudoku of 4x4, 6x6 (boxes of 2 rows and 3 columns), 9x9 and 16x16: rules, tokens, symmetries, and text.

Tokens are those of the reference's Sudoku data: 0 padding, 1 blank, digit ``d`` is ``d + 1``
(``dataset/build_sudoku_dataset.py``), with room for the sixteen digits of the largest size.

Text comes in many forms, which :class:`_Reader` tells apart line by line. A blank is ``.``, ``0``, ``*``,
``_`` or ``-``. The digits of 16x16 are 1-9 and A-G; where a 16x16 puzzle has a ``0``, another sign for the
blank and no G, its digits are hexadecimal, and 0-F mean the values 1 to 16.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import (
    SURE,
    Bools,
    Cells,
    Ints,
    Problem,
    Puzzle,
    Relation,
    Shape,
    Supposition,
    Symmetry,
    Task,
    Verdict,
)

BOX_SHAPES: dict[int, Shape] = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}
"""Rows and columns of a box, by the size of the grid."""

_UNLIKELY = 1e-3
"""Digits that are less probable are not supposed."""

_MOST_GUESSES = 20_000
"""After so many guesses (a second or two) nobody waits longer to hear whether a puzzle has one solution."""


@cache
def units(size: int) -> Ints:
    """``[3, size, size]``: the flat cell indices of every row, every column and every box."""
    box_height, box_width = BOX_SHAPES[size]
    cells = np.arange(size * size).reshape(size, size)
    boxes = cells.reshape(size // box_height, box_height, size // box_width, box_width).swapaxes(1, 2)
    return np.stack([cells, cells.T, boxes.reshape(size, size)])


@cache
def _peers(size: int) -> Bools:
    """``[L, L]``: whether two cells share a row, a column or a box."""
    together = np.zeros((size * size, size * size), dtype=np.bool_)
    for unit in units(size).reshape(-1, size):
        together[np.ix_(unit, unit)] = True
    return together


class Sudoku(Task):
    name: ClassVar[str] = "sudoku"
    vocab_size: ClassVar[int] = 18
    relation_names: ClassVar[tuple[str, ...]] = ("row", "column", "box")
    has_givens: ClassVar[bool] = True

    def read(self, lines: Iterable[str], origin: str) -> Iterator[Puzzle]:
        """Read puzzles as the lines arrive: one a line, drawn grids, ``.sdk``, ``.sdm``, ``.ss`` and CSV, in
        any mixture. Givens that contradict each other are an error of the input."""
        reader = _Reader(origin)
        for line in lines:
            yield from reader.feed(line)
        yield from reader.finish()

    def recognises(self, head: str, whole: bool) -> bool | None:
        lines = (line.strip() for line in head.splitlines())
        if any(line and not _is_comment(line) and line[0] not in "{[" for line in lines):
            return True
        return False if whole else None

    def is_argument(self, text: str) -> bool:
        """A line of cells, or perhaps one with too few or too many."""
        words = text.split()
        return any(
            _LINE_OF_CELLS.fullmatch(line) and (len(line) in (16, 36) or len(line) > 40)
            for line in (words[0], "".join(words))
        )

    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        """A line of ``L`` digits, or the grid as it was drawn with the digits filled in; blanks are ``.``."""
        values = cells.ravel().tolist()
        if puzzle.layout in ("line", "csv"):
            return "".join(_SYMBOLS[value] for value in values)
        if puzzle.layout == "hexadecimal line":
            return "".join(_HEXADECIMAL[value] for value in values)
        symbols = _HEXADECIMAL if _HEXADECIMAL_CELL in puzzle.layout else _SYMBOLS
        remaining = iter(values)
        return _ANY_CELL.sub(lambda _: symbols[next(remaining)], puzzle.layout)

    def symbol(self, value: int, shape: Shape) -> str:
        return _SYMBOLS[value]

    def verify(self, question: Cells, answer: Cells) -> Verdict:
        size, values = len(answer), answer.ravel().tolist()
        problems = [
            Problem(
                f"the given {_SYMBOLS[given]} in {_in_words(cell, size)} became {_show(value)}",
                (cell,),
            )
            for cell, (given, value) in enumerate(zip(question.ravel().tolist(), values, strict=True))
            if given and value and given != value
        ]
        outside = tuple(np.flatnonzero(answer > size).tolist())
        if outside:
            problems.append(
                Problem(f"no digit of a {size}x{size} Sudoku in {_few_names(outside, size)}", outside)
            )
        blank = tuple(np.flatnonzero(answer == 0).tolist())
        if blank:
            are = "1 cell is" if len(blank) == 1 else f"{len(blank)} cells are"
            problems.append(Problem(f"{are} blank: {_few_names(blank, size)}", blank))
        return Verdict((*problems, *_repeats(answer)))

    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        return cells.reshape(len(cells), -1).astype(np.int64) + 1

    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        values = tokens.astype(np.int64) - 1
        values[(values < 0) | (values > shape[0])] = 0
        return values.astype(np.uint8).reshape(-1, *shape)

    def check(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        count, size = answers.shape[0], answers.shape[-1]
        flat, givens = answers.reshape(count, -1), questions.reshape(count, -1)
        digits = (np.int64(1) << flat.astype(np.int64))[:, units(size)]  # [B, 3, size, size]
        complete = np.bitwise_or.reduce(digits, axis=-1) == (1 << (size + 1)) - 2
        kept: Bools = ((givens == 0) | (givens == flat)).all(axis=1)
        ok: Bools = kept & complete.all(axis=(1, 2))
        return ok

    def commit(self, questions: Ints, answers: Ints, confidence: npt.NDArray[np.float32]) -> Ints:
        size = round(questions.shape[1] ** 0.5)
        same = (answers[:, :, None] == questions[:, None, :]) & _peers(size)
        doubtful = (questions == 1) & (answers > 1) & (confidence < SURE) & ~same.any(axis=2)
        rows = np.flatnonzero(doubtful.any(axis=1))
        chosen = np.where(doubtful, confidence, -1.0).argmax(axis=1)[rows]
        committed: Ints = questions.copy()
        committed[rows, chosen] = answers[rows, chosen]
        return committed

    def suppose(self, question: Ints, probabilities: npt.NDArray[np.float32]) -> list[Supposition]:
        size = round(len(question) ** 0.5)
        taken = (question[None, :, None] == np.arange(self.vocab_size)) & _peers(size)[:, :, None]
        likely = np.where(taken.any(axis=1), 0.0, probabilities)
        likely[:, :2] = likely[:, size + 2 :] = 0.0  # it must be a digit of this size
        # Of all blank cells the one whose second digit is the most probable halves the doubt best.
        second = np.where(question == 1, np.partition(likely, -2, axis=1)[:, -2], 0.0)
        cell = int(second.argmax())
        if second[cell] < _UNLIKELY:
            return []
        supposed = []
        for digit in np.flatnonzero(likely[cell] >= _UNLIKELY):
            with_it = question.copy()
            with_it[cell] = digit
            supposed.append(Supposition(with_it, float(likely[cell, digit])))
        return supposed

    def is_unique(self, question: Cells) -> bool | None:
        from trmcli.tasks.sudoku_search import count_solutions

        count = count_solutions(question, limit=2, most_guesses=_MOST_GUESSES)
        return None if count is None else count == 1

    def search(self, question: Cells) -> Cells | None:
        from trmcli.tasks.sudoku_search import solutions

        return next(iter(solutions(question, limit=1)), None)

    def generate(self, count: int, seed: int, options: Mapping[str, Any]) -> tuple[Cells, Cells]:
        """Options: ``size`` (9), ``clues`` (such as ``22-35``), ``minimal`` (false)."""
        from trmcli.tasks.sudoku_search import generate_many, parse_clues
        from trmcli.tasks.workers import processors

        unknown = set(options) - {"size", "clues", "minimal"}
        if unknown:
            raise InputError(f"generated Sudoku has no option {', '.join(sorted(unknown))}")
        clues = parse_clues(str(options["clues"])) if "clues" in options else None
        size, minimal = options.get("size", 9), options.get("minimal", False)
        if not isinstance(minimal, bool):
            raise InputError(f"minimal must be true or false, not {minimal!r}")
        made = list(generate_many(size, count, clues, minimal, seed, processors()))
        return np.stack([one.question for one in made]), np.stack([one.answer for one in made])

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        return tuple(
            Relation(name, "groups", index)
            for name, index in zip(self.relation_names, units(shape[0]), strict=True)
        )

    def candidates(self, shape: Shape) -> Ints:
        return np.arange(shape[0]) + 2

    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """Relabelled digits, permuted bands, stacks, rows in a band and columns in a stack, and transposition
        (where boxes are square)."""
        size = shape[0]
        box_height, box_width = BOX_SHAPES[size]
        rows = _permuted_lines(size, box_height, count, rng)
        columns = _permuted_lines(size, box_width, count, rng)
        cells = rows[:, :, None] * size + columns[:, None, :]
        if box_height == box_width:
            transposed = rng.random(count) < 0.5
            cells[transposed] = cells[transposed].swapaxes(1, 2)
        values = np.tile(np.arange(self.vocab_size), (count, 1))
        values[:, 2 : size + 2] = rng.random((count, size)).argsort(axis=1) + 2
        return Symmetry(cells.reshape(count, size * size), values)

    def reveal(self, question: Ints, answer: Ints, count: Ints, rng: np.random.Generator) -> Ints:
        order = np.where(question == 1, rng.random(question.shape), 2.0).argsort(axis=1).argsort(axis=1)
        return np.where((question == 1) & (order < count[:, None]), answer, question)


def _permuted_lines(size: int, thickness: int, count: int, rng: np.random.Generator) -> Ints:
    """``[count, size]``: line numbers with bands of ``thickness`` lines permuted, and lines within."""
    bands = size // thickness
    outer = rng.random((count, bands)).argsort(axis=1)
    inner = rng.random((count, bands, thickness)).argsort(axis=2)
    return (outer[:, :, None] * thickness + inner).reshape(count, size)


# Naming what is wrong


def _show(value: int) -> str:
    return _SYMBOLS[value] if value < len(_SYMBOLS) else str(value)


def _name(cell: int, size: int) -> str:
    return f"r{cell // size + 1}c{cell % size + 1}"


def _in_words(cell: int, size: int) -> str:
    return f"row {cell // size + 1}, column {cell % size + 1} ({_name(cell, size)})"


def _few_names(cells: Sequence[int], size: int, most: int = 5) -> str:
    if len(cells) == 1:
        return _in_words(cells[0], size)
    names = ", ".join(_name(cell, size) for cell in cells[:most])
    return names if len(cells) <= most else f"{names} and {len(cells) - most} more"


def _listed(numbers: Sequence[object]) -> str:
    words = [str(number) for number in numbers]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _repeats(cells: Cells) -> Iterator[Problem]:
    """Digits that stand more than once in a row, column or box of ``[N, N]``."""
    size = len(cells)
    values = cells.ravel().astype(np.int64)
    bits = np.where((values > 0) & (values <= size), np.int64(1) << np.minimum(values, size), 0)[units(size)]
    broken = bits.sum(axis=-1) != np.bitwise_or.reduce(bits, axis=-1)  # [3, N]
    for kind, index in np.argwhere(broken).tolist():
        unit = units(size)[kind, index]
        inside = values[unit]
        for digit in range(1, size + 1):
            where = unit[inside == digit].tolist()
            if len(where) < 2:
                continue
            names = [_name(cell, size) for cell in where]
            times = "twice" if len(where) == 2 else f"{len(where)} times"
            if kind == 0:
                place = f"row {index + 1}: columns {_listed([cell % size + 1 for cell in where])}"
            elif kind == 1:
                place = f"column {index + 1}: rows {_listed([cell // size + 1 for cell in where])}"
            else:
                place = f"box {index + 1}: {_listed(names)}"
            cells_named = "" if kind == 2 else f" ({', '.join(names)})"
            yield Problem(f"digit {_SYMBOLS[digit]} stands {times} in {place}{cells_named}", tuple(where))


# Text

_SYMBOLS = ".123456789ABCDEFG"
_HEXADECIMAL = ".0123456789ABCDEF"
_BLANKS = ".0*_-"
_CELL, _HEXADECIMAL_CELL = "\0", "\1"
"""What stands for a cell in the layout of a drawn grid."""
_ANY_CELL = re.compile(f"[{_CELL}{_HEXADECIMAL_CELL}]")

_CELL_SIGNS = frozenset(_BLANKS + "123456789ABCDEFGabcdefg")
_BORDER_SIGNS = frozenset("|!:+=#,'`\"/\\¦‖│┃" + "".join(map(chr, range(0x2500, 0x2580))))
_SIZES = {size * size: size for size in BOX_SHAPES}
_LINE_OF_RULES = re.compile(r"[-=_\u2500-\u257f]{2}|\+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_TITLE = re.compile(r"(grid|puzzle|sudoku|board|problem|number|level|nr|no)\b[^a-z]*$", re.IGNORECASE)
_SECTION = re.compile(r"\[(\w+)\]$")
_FIRST_WORD = re.compile(r"\s*([^\s,;#]+)")
_NEXT_WORD = re.compile(r"[\s,;]+([^\s,;#]+)")
_LINE_OF_CELLS = re.compile(r"[0-9A-Ga-g.*_-]+")
_COLUMN_NAME = re.compile(r"[A-Za-z][\w.-]{1,40}")
_QUESTION_COLUMNS = ("question", "puzzle", "puzzles", "quizzes")
_ANSWER_COLUMNS = ("answer", "solution", "solutions")
_USUAL_COLUMNS = ["source", "question", "answer", "rating"]


def _values(symbols: str) -> bytes:
    """A table for ``bytes.translate``: signs to values, 255 for what is no sign."""
    table = bytearray([255] * 256)
    for blank in _BLANKS:
        table[ord(blank)] = 0
    for value, symbol in enumerate(symbols[1:], start=1):
        table[ord(symbol)] = table[ord(symbol.lower())] = value
    return bytes(table)


_VALUES, _HEXADECIMAL_VALUES = _values(_SYMBOLS), _values(_HEXADECIMAL)


def _is_comment(line: str) -> bool:
    """``line`` is stripped. A ``#`` at both ends draws a border; at the beginning alone it is a comment."""
    if line.startswith("#"):
        drawn = len(line) > 1 and line.endswith("#")
        return not (drawn and all(c in _CELL_SIGNS or c in _BORDER_SIGNS or c == " " for c in line))
    return line.startswith((";", "//"))


def _is_hexadecimal(text: str) -> bool:
    if len(text) != 256 or "0" not in text or "G" in text or "g" in text:
        return False
    upper = text.upper()
    return any(blank in text for blank in ".*_-") or all(upper.count(c) == 16 for c in _HEXADECIMAL[1:])


def _is_cells(text: str) -> bool:
    """Whether most of a word could be cells and nothing in it is a border, so that it is meant as cells."""
    signs = sum(sign in _CELL_SIGNS for sign in text)
    return 2 * signs > len(text) and not any(sign in _BORDER_SIGNS for sign in text)


def _is_puzzle(text: str) -> bool:
    return len(text) in _SIZES and _is_cells(text)


def _no_digit(sign: str, size: int) -> str:
    digits = {4: "1-4", 6: "1-6", 9: "1-9", 16: "1-9 and A-G"}[size]
    return f"{sign!r} is no digit of a {size}x{size} Sudoku: use {digits}, and . or 0 for a blank"


@dataclass
class _Grid:
    """A drawn grid that is being read.

    Attributes:
        borders: the lines before the first row.
        layout: the lines so far, with ``_CELL`` for each cell.
        signs: the cells so far, and their ``places`` (line, column).
    """

    borders: list[tuple[int, str]] = field(default_factory=list)
    layout: list[str] = field(default_factory=list)
    signs: list[str] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    size: int = 0
    dashes: bool = False
    gap: bool = False

    @property
    def rows(self) -> int:
        return len(self.signs) // self.size if self.size else 0

    @property
    def complete(self) -> bool:
        return self.size > 0 and self.rows == self.size

    def is_border(self, line: str) -> bool:
        """Whether a line (stripped) has no cells; a dash may be a blank or a piece of a border."""
        if any(sign.isalnum() for sign in line):
            return False
        dashes, underscores = line.count("-"), line.count("_")
        others = sum(sign in ".*" for sign in line)
        if not dashes + underscores + others:
            return True
        if not _LINE_OF_RULES.search(line):  # single signs, apart from each other
            return not others and dashes + underscores not in (self.size, *(() if self.size else BOX_SHAPES))
        if others or "+" in line or "=" in line:
            return dashes + underscores + line.count("=") > others
        if underscores:
            return underscores + dashes not in (self.size, *(() if self.size else BOX_SHAPES))
        return not (self.dashes and dashes == self.size)


class _Reader:
    """Turns lines into puzzles, one line at a time.

    What may be open between two lines: a drawn grid, a CSV header, a section of an ``.sdk`` file that is
    passed over, and lines of 16 cells that may be 4x4 puzzles or the first rows of a 16x16 grid (``held``).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.found = False
        self.grid = _Grid()
        self.columns: list[str] = []
        self.skipping = False
        self.skipped = 0
        self.held: list[tuple[int, str]] = []
        self.small = False  # lines of 16 cells have turned out to be 4x4 puzzles

    def feed(self, line: str) -> Iterator[Puzzle]:
        """Take one line; yield what it completes."""
        self.number += 1
        line = line.rstrip("\r\n")
        if self.number == 1:
            line = line.removeprefix("\ufeff")
        if control := _CONTROL.search(line):
            self.fail(
                f"is not text: it has the control character {ord(control[0]):#04x}", control.start() + 1
            )
        stripped = line.strip()
        if self.grid.complete:  # it has a border above and waits for the one below
            closing = bool(stripped) and not _is_comment(stripped) and self.grid.is_border(stripped)
            if closing:
                self.grid.layout.append(line)
            yield self.close_grid()
            if closing:
                return
        if not stripped:
            yield from self.blank()
        elif section := _SECTION.match(stripped):
            yield from self.settle()
            self.skipping, self.skipped = section[1].lower() != "puzzle", 0
        elif self.skipping:
            self.skipped += 1
        elif _is_comment(stripped):
            yield from self.release()
        else:
            yield from self.content(line, stripped)

    def finish(self) -> Iterator[Puzzle]:
        """What the end of the input completes."""
        if self.grid.complete:
            yield self.close_grid()
        yield from self.settle()
        if not self.found:
            raise InputError("holds no puzzle", self.name)

    def blank(self) -> Iterator[Puzzle]:
        yield from self.release()
        self.small = False
        if self.skipping and self.skipped:
            self.skipping = False
        grid = self.grid
        if grid.rows and grid.rows % BOX_SHAPES[grid.size][0] == 0:
            grid.gap = True  # bands may be set apart by blank lines
            grid.layout.append("")
        else:
            yield from self.settle()

    def settle(self) -> Iterator[Puzzle]:
        """End what is open: nothing that follows belongs to it."""
        yield from self.release()
        grid, self.grid = self.grid, _Grid()
        if not grid.rows:
            return
        line, column = grid.places[-1]
        if grid.size == 16 and grid.rows == 1 and len(grid.layout) == 1 and len(grid.layout[0].strip()) == 16:
            self.number = line
            self.check_signs("".join(grid.signs), 4, grid.places)
        self.fail(
            f"the grid ends after {grid.rows} of {grid.size} rows of {grid.size} cells",
            line=line,
            column=column,
        )

    def content(self, line: str, stripped: str) -> Iterator[Puzzle]:
        word = _FIRST_WORD.match(line)
        text = word[1] if word else ""
        if not self.grid.rows or self.grid.gap:
            if "," in line or self.columns or stripped.lower() in _QUESTION_COLUMNS:
                puzzle = self.csv(line, text)
                if puzzle is not None or self.header(line):
                    yield from self.settle()
                    if puzzle is not None:
                        yield self.checked(puzzle)
                    return
            if _TITLE.match(stripped):
                yield from self.settle()
                return
        empty = len(stripped) in (81, 256) and len(set(stripped)) == 1
        if word and _is_cells(text) and (empty or not self.grid.is_border(stripped)):
            rest = line[word.end() :]
            if len(text) == 16 and not rest.strip():
                yield from self.sixteen(line, text)
                return
            if len(text) in _SIZES:
                yield from self.settle()
                yield self.checked(self.line_puzzle(text, word.start(1), rest, word.end()))
                return
            if len(text) > 16:
                yield from self.settle()
                self.wrong_length(text, word.start(1))
        yield from self.drawn(line, stripped)

    # One puzzle a line

    def line_puzzle(self, text: str, start: int, rest: str, rest_start: int) -> Puzzle:
        """``text`` begins after ``start`` characters; ``rest`` may begin with the answer."""
        places = [(self.number, start + i + 1) for i in range(len(text))]
        cells, hexadecimal = self.cells(text, _SIZES[len(text)], places)
        answer = None
        after = _NEXT_WORD.match(rest)
        if after and len(after[1]) == len(text):
            answer = self.answer(after[1], cells, hexadecimal, rest_start + after.start(1))
        layout = "hexadecimal line" if hexadecimal else "line"
        return Puzzle(cells, Origin(self.name, self.number), layout, answer)

    def sixteen(self, line: str, text: str) -> Iterator[Puzzle]:
        """A line of 16 cells: a 4x4 puzzle, or a row of a 16x16 grid."""
        in_grid = self.grid.rows > 0 and (self.grid.size == 16 or not self.grid.gap)
        if in_grid or (not self.small and re.search("[5-9A-Ga-g]", text)):
            yield from self.drawn(line, text)
            return
        if self.grid.rows:
            yield from self.settle()
        self.held.append((self.number, line))
        if self.small or len(self.held) == 16:
            yield from self.release()

    def release(self) -> Iterator[Puzzle]:
        """The lines held back are 4x4 puzzles."""
        number, held = self.number, self.held
        self.held = []
        for self.number, line in held:
            text = line.strip()
            self.small = True
            yield self.checked(self.line_puzzle(text, line.index(text), "", len(line)))
        self.number = number

    # CSV

    def header(self, line: str) -> bool:
        """Whether the line is a CSV header, which is then kept."""
        columns = [column.strip().lower() for column in _fields(line)]
        if not all(_COLUMN_NAME.fullmatch(column) for column in columns):
            return False
        if not any(column in _QUESTION_COLUMNS for column in columns):
            self.fail(
                f"a CSV header with the columns {', '.join(columns)}: it needs question (or puzzle, quizzes);"
                " source, answer (or solution) and rating may be there too"
            )
        self.columns = columns if len(columns) > 1 else []
        return True

    def csv(self, line: str, first: str) -> Puzzle | None:
        """The puzzle of a CSV line, if it is one."""
        fields, columns = _fields(line), self.columns
        if not columns:
            if _is_puzzle(first) or len(fields) < 2 or not _is_puzzle(fields[1].strip()):
                return None
            columns = _USUAL_COLUMNS[: len(fields)]  # rows cut out of a file with the usual header
        elif len(fields) == 1 < len(columns) or all(_COLUMN_NAME.fullmatch(f.strip()) for f in fields):
            self.columns = []
            return None
        if len(fields) != len(columns):
            self.fail(f"this line has {len(fields)} columns, the header has {len(columns)}")
        row = dict(zip(columns, (field.strip() for field in fields), strict=True))
        text = next(row[name] for name in _QUESTION_COLUMNS if name in row)
        start = line.find(text)
        if len(text) not in _SIZES:
            self.wrong_length(text, start)
        places = [(self.number, start + i + 1) for i in range(len(text))]
        cells, hexadecimal = self.cells(text, _SIZES[len(text)], places)
        answer = None
        answer_text = next((row[name] for name in _ANSWER_COLUMNS if name in row), "")
        if answer_text:
            start = line.rfind(answer_text)
            if len(answer_text) != len(text):
                self.fail(f"the answer has {len(answer_text)} cells, the question {len(text)}", start + 1)
            answer = self.answer(answer_text, cells, hexadecimal, start, certain=True)
        layout = "hexadecimal line" if hexadecimal else "csv"
        return Puzzle(cells, Origin(self.name, self.number), layout, answer, row.get("source", ""))

    # Drawn grids

    def drawn(self, line: str, stripped: str) -> Iterator[Puzzle]:
        """A row or a border of a grid."""
        if self.held:  # they were the first rows of this grid
            number, held = self.number, self.held
            self.held = []
            for self.number, row in held:
                yield from self.drawn(row, row.strip())
            self.number = number
        grid = self.grid
        if grid.is_border(stripped):
            if grid.rows:
                grid.layout.append(line)
            else:
                grid.borders.append((self.number, line))
            return
        at = [i for i, sign in enumerate(line) if sign in _CELL_SIGNS]
        for i, sign in enumerate(line):
            if not (sign in _CELL_SIGNS or sign in _BORDER_SIGNS or sign.isspace()):
                self.unexpected(line, i, len(at))
        if grid.gap and len(at) != grid.size:
            yield from self.settle()
            grid = self.grid
        if not grid.size:
            if len(at) in _SIZES and len(at) != 16:  # all cells on one line, but not in one word
                self.add_row(line, at, _SIZES[len(at)])
                yield self.close_grid()
                return
            if len(at) not in BOX_SHAPES:
                self.fail(
                    f"a row of a Sudoku grid has 4, 6, 9 or 16 cells, this line has {len(at)}", at[0] + 1
                )
            self.begin_grid(line, at)
        size = grid.size
        if len(at) != size:
            column = at[size] + 1 if len(at) > size else at[-1] + 2
            self.fail(f"a row of a {size}x{size} grid has {size} cells, this one has {len(at)}", column)
        self.add_row(line, at, size)
        if grid.complete and not grid.borders:
            yield self.close_grid()

    def begin_grid(self, line: str, at: Sequence[int]) -> None:
        """The first row tells the size, and whether lines of dashes above it were rows of blanks."""
        grid, number, above = self.grid, self.number, []
        blank_row = re.compile(rf"\s*-{{{len(at)}}}\s*")
        while any(line[i] == "-" for i in at) and grid.borders and blank_row.fullmatch(grid.borders[-1][1]):
            above.append(grid.borders.pop())
        grid.size = len(at)
        grid.layout = [border for _, border in grid.borders]
        for self.number, row in reversed(above):
            self.add_row(row, [i for i, sign in enumerate(row) if sign == "-"], grid.size)
        self.number = number

    def add_row(self, line: str, at: Sequence[int], size: int) -> None:
        """Add a line whose cells stand at these indices."""
        grid = self.grid
        grid.size, grid.gap = size, False
        signs, places = "".join(line[i] for i in at), [(self.number, i + 1) for i in at]
        self.check_signs(signs, size, places)
        grid.dashes |= "-" in signs
        grid.signs += signs
        grid.places += places
        drawing = list(line)
        for i in at:
            drawing[i] = _CELL
        grid.layout.append("".join(drawing))

    def close_grid(self) -> Puzzle:
        grid, self.grid = self.grid, _Grid()
        cells, hexadecimal = self.cells("".join(grid.signs), grid.size, grid.places)
        layout = "\n".join(grid.layout)
        if hexadecimal:
            layout = layout.replace(_CELL, _HEXADECIMAL_CELL)
        return self.checked(Puzzle(cells, Origin(self.name, grid.places[0][0]), layout))

    # Cells and errors

    def cells(self, text: str, size: int, places: Sequence[tuple[int, int]]) -> tuple[Cells, bool]:
        """``[size, size]`` of ``size * size`` signs, and whether they are hexadecimal."""
        self.check_signs(text, size, places)
        hexadecimal = _is_hexadecimal(text)
        return _translate(text, size, hexadecimal), hexadecimal

    def check_signs(self, text: str, size: int, places: Sequence[tuple[int, int]]) -> None:
        values = text.encode("latin-1", "replace").translate(_VALUES)
        if max(values, default=0) > size:
            index = next(i for i, value in enumerate(values) if value > size)
            line, column = places[index]
            self.fail(_no_digit(text[index], size), column, line)

    def answer(
        self, text: str, question: Cells, hexadecimal: bool, start: int, certain: bool = False
    ) -> Cells | None:
        """The answer given with a question; unless ``certain``, the text may also be a mere comment."""
        size = len(question)
        signs = text.encode("latin-1", "replace").translate(_HEXADECIMAL_VALUES if hexadecimal else _VALUES)
        if not certain and not (min(signs) >= 1 and max(signs) <= size):
            return None
        if max(signs) > size:
            self.check_signs(text, size, [(self.number, start + i + 1) for i in range(len(text))])
        answer = _translate(text, size, hexadecimal)
        verdict = Sudoku().verify(question, answer)
        if not verdict.ok:
            self.fail(f"the answer given is wrong: {verdict.problems[0].message}", start + 1)
        return answer

    def checked(self, puzzle: Puzzle) -> Puzzle:
        for problem in _repeats(puzzle.cells):
            raise InputError(problem.message, puzzle.origin)
        self.found = True
        return puzzle

    def wrong_length(self, text: str, start: int) -> NoReturn:
        """``text`` would be a puzzle if it were longer or shorter."""
        digits = max((int(sign) for sign in text if sign in "123456789"), default=0)
        sizes = [size for size in BOX_SHAPES if size >= digits]
        size = min(sizes, key=lambda size: abs(size * size - len(text)))
        self.check_signs(text, size, [(self.number, start + i + 1) for i in range(len(text))])
        column = start + min(len(text), size * size) + 1
        self.fail(f"a {size}x{size} puzzle has {size * size} cells, this line has {len(text)}", column)

    def unexpected(self, line: str, index: int, cells: int) -> NoReturn:
        """A sign that has no place in a grid."""
        words = sum(sign.isalpha() and sign not in _CELL_SIGNS for sign in line)
        size = self.grid.size
        if not size and words < cells:
            size = min(BOX_SHAPES, key=lambda size: abs(size - cells - 1))
        if not size:
            self.fail(
                "is no Sudoku: expected a line of 16, 36, 81 or 256 cells, or a drawn grid, . for blanks",
                index + 1,
            )
        self.fail(_no_digit(line[index], size), index + 1)

    def fail(self, message: str, column: int | None = None, line: int | None = None) -> NoReturn:
        raise InputError(message, Origin(self.name, line or self.number), column)


def _translate(text: str, size: int, hexadecimal: bool) -> Cells:
    values = text.encode("latin-1").translate(_HEXADECIMAL_VALUES if hexadecimal else _VALUES)
    cells: Cells = np.frombuffer(values, dtype=np.uint8).reshape(size, size).copy()
    return cells


def _fields(line: str) -> list[str]:
    return next(csv.reader([line])) if '"' in line else line.split(",")
