"""Sudoku as text, in the many forms that people bring.

:class:`SudokuReader` tells them apart line by line. A blank is ``.``, ``0``, ``*``, ``_`` or ``-``. The
digits of 16x16 are 1-9 and A-G; where a 16x16 puzzle has a ``0``, another sign for the blank and no G, its
digits are hexadecimal, and 0-F mean the values 1 to 16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.lines import Reader, Record
from trmcli.tasks.sudoku.grid import BOX_SHAPES, HEXADECIMAL, SIZES, SYMBOLS
from trmcli.tasks.sudoku.rules import problems_of, repeats

_BLANKS = ".0*_-"
_CELL, _HEXADECIMAL_CELL = "\0", "\1"
"""What stands for a cell in the layout of a drawn grid."""
_ANY_CELL = re.compile(f"[{_CELL}{_HEXADECIMAL_CELL}]")

_CELL_SIGNS = frozenset(_BLANKS + "123456789ABCDEFGabcdefg")
_BORDER_SIGNS = frozenset("|!:+=#,'`\"/\\¦‖│┃" + "".join(map(chr, range(0x2500, 0x2580))))
_LINE_OF_RULES = re.compile(r"[-=_\u2500-\u257f]{2}|\+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_TITLE = re.compile(r"(grid|puzzle|sudoku|board|problem|number|level|nr|no)\b[^a-z]*$", re.IGNORECASE)
_SECTION = re.compile(r"\[(\w+)\]$")
_FIRST_WORD = re.compile(r"\s*([^\s,;#]+)")
_NEXT_WORD = re.compile(r"[\s,;]+([^\s,;#]+)")
LINE_OF_CELLS = re.compile(r"[0-9A-Ga-g.*_-]+")
_COLUMN_NAME = re.compile(r"[A-Za-z][\w.-]{1,40}")
_USUAL_COLUMNS = ["source", "question", "answer", "rating"]


def write(puzzle: Puzzle, cells: Cells) -> str:
    """A line of ``L`` digits, or the grid as it was drawn with the digits filled in; blanks are ``.``."""
    values = cells.ravel().tolist()
    if puzzle.layout in ("line", "csv"):
        return "".join(SYMBOLS[value] for value in values)
    if puzzle.layout == "hexadecimal line":
        return "".join(HEXADECIMAL[value] for value in values)
    symbols = HEXADECIMAL if _HEXADECIMAL_CELL in puzzle.layout else SYMBOLS
    remaining = iter(values)
    return _ANY_CELL.sub(lambda _: symbols[next(remaining)], puzzle.layout)


def _values(symbols: str) -> bytes:
    """A table for ``bytes.translate``: signs to values, 255 for what is no sign."""
    table = bytearray([255] * 256)
    for blank in _BLANKS:
        table[ord(blank)] = 0
    for value, symbol in enumerate(symbols[1:], start=1):
        table[ord(symbol)] = table[ord(symbol.lower())] = value
    return bytes(table)


_VALUES, _HEXADECIMAL_VALUES = _values(SYMBOLS), _values(HEXADECIMAL)


def is_comment(line: str) -> bool:
    """``line`` is stripped. A ``#`` at both ends draws a border; at the beginning alone it is a comment."""
    if line.startswith("#"):
        drawn = len(line) > 1 and line.endswith("#")
        return not (drawn and all(c in _CELL_SIGNS or c in _BORDER_SIGNS or c == " " for c in line))
    return line.startswith((";", "//"))


def _is_hexadecimal(text: str) -> bool:
    if len(text) != 256 or "0" not in text or "G" in text or "g" in text:
        return False
    upper = text.upper()
    return any(blank in text for blank in ".*_-") or all(upper.count(c) == 16 for c in HEXADECIMAL[1:])


def _is_cells(text: str) -> bool:
    """Whether most of a word could be cells and nothing in it is a border, so that it is meant as cells."""
    signs = sum(sign in _CELL_SIGNS for sign in text)
    return 2 * signs > len(text) and not any(sign in _BORDER_SIGNS for sign in text)


def _is_puzzle(text: str) -> bool:
    return len(text) in SIZES and _is_cells(text)


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


class SudokuReader(Reader):
    """Turns lines into puzzles.

    What may be open between two lines: a drawn grid, a section of an ``.sdk`` file that is passed over, and
    lines of 16 cells that may be 4x4 puzzles or the first rows of a 16x16 grid (``held``).
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.forget()

    def forget(self) -> None:
        self.grid = _Grid()
        self.skipping = False
        self.skipped = 0
        self.held: list[tuple[int, str]] = []
        self.small = False  # lines of 16 cells have turned out to be 4x4 puzzles

    def line(self, text: str) -> Iterator[Puzzle]:
        if control := _CONTROL.search(text):
            self.fail(
                f"is not text: it has the control character {ord(control[0]):#04x}", control.start() + 1
            )
        stripped = text.strip()
        if self.grid.complete:  # it has a border above and waits for the one below
            closing = bool(stripped) and not is_comment(stripped) and self.grid.is_border(stripped)
            if closing:
                self.grid.layout.append(text)
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
        elif is_comment(stripped):
            yield from self.release()
        else:
            yield from self.content(text, stripped)

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
            columns = [column.strip().lower() for column in line.split(",")]
            if len(columns) > 1 and all(_COLUMN_NAME.fullmatch(column) for column in columns):
                self.fail(
                    f"a CSV header with the columns {', '.join(columns)}: it needs question (or puzzle,"
                    " quizzes); source, answer (or solution) and rating may be there too"
                )
            fields = [field.strip() for field in line.split(",")]
            if not _is_puzzle(text) and len(fields) > 1 and _is_puzzle(fields[1]):
                row = dict(zip(_USUAL_COLUMNS, fields, strict=False))
                answer = row.get("answer", "")
                yield from self.record(
                    Record(fields[1], Origin(self.name, self.number), answer, fields[0], line)
                )
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
            if len(text) in SIZES:
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
        cells, hexadecimal = self.cells(text, SIZES[len(text)], places)
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

    # Tables

    def record(self, record: Record) -> Iterator[Puzzle]:
        yield from self.settle()
        text, known = record.question.strip(), record.answer.strip()
        start = record.column(text) - 1
        if len(text) not in SIZES:
            self.wrong_length(text, start)
        places = [(self.number, start + i + 1) for i in range(len(text))]
        cells, hexadecimal = self.cells(text, SIZES[len(text)], places)
        answer = None
        if known:
            start = record.column(known, last=True) - 1
            if len(known) != len(text):
                self.fail(f"the answer has {len(known)} cells, the question {len(text)}", start + 1)
            answer = self.answer(known, cells, hexadecimal, start, certain=True)
        layout = "hexadecimal line" if hexadecimal else "csv"
        yield self.checked(Puzzle(cells, record.origin, layout, answer, record.source))

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
            if len(at) in SIZES and len(at) != 16:  # all cells on one line, but not in one word
                self.add_row(line, at, SIZES[len(at)])
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
        wrong = problems_of(question, answer)
        if wrong:
            self.fail(f"the answer given is wrong: {wrong[0].message}", start + 1)
        return answer

    def checked(self, puzzle: Puzzle) -> Puzzle:
        for problem in repeats(puzzle.cells):
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


def _translate(text: str, size: int, hexadecimal: bool) -> Cells:
    values = text.encode("latin-1").translate(_HEXADECIMAL_VALUES if hexadecimal else _VALUES)
    cells: Cells = np.frombuffer(values, dtype=np.uint8).reshape(size, size).copy()
    return cells
