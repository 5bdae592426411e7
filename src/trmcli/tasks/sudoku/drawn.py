"""Drawn grids: rows and borders, line by line, until all rows are there.

A cell is a place. Where bars stand one below the other, and not every cell of a row has a sign, those without
are blank, and the signs of the other rows tell where they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NoReturn

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Shape
from trmcli.tasks.sudoku.borders import BordersError, boxes_of
from trmcli.tasks.sudoku.grid import BOX_SHAPES, SIZES, SYMBOLS, box_shapes
from trmcli.tasks.sudoku.layout import Span, marked, marked_numbers
from trmcli.tasks.sudoku.rows import Row
from trmcli.tasks.sudoku.signs import (
    BARS,
    BORDER_SIGNS,
    CELL_SIGNS,
    WORD,
    first_wrong,
    is_candidates,
    not_a_digit,
    symbols_of,
)

_CANDIDATES = (
    "is a grid of candidates, the digits that are still possible in each cell: give the puzzle itself, with ."
    " for every cell that is not solved"
)
NO_SUDOKU = "is not a Sudoku: expected a line of 16, 36, 81 or 256 cells, or a drawn grid, . for blanks"
_LINE_OF_RULES = re.compile(r"[-=_\u2500-\u257f]{2}|\+")


@dataclass(frozen=True)
class Drawn:
    """A grid that is complete.

    Attributes:
        signs: one for each cell.
        places: the line, and the column, of each of them.
        boxes: those that are drawn, if the drawing tells.
    """

    size: int
    signs: str
    places: Sequence[tuple[Origin, int]]
    layout: str
    boxes: Shape | None


@dataclass
class Grid:
    """A grid that is being read.

    Attributes:
        lines: rows and borders so far.
        taken: rows so far, whether or not they were right.
        size: if it is known.
        dashes: whether a dash is a blank.
        gap: whether a blank line came after the last row.
        by_place: whether places without a sign are blanks.
        broken: whether there was an error in it, so that its other rows are passed over.
    """

    lines: list[Row | tuple[Origin, str]] = field(default_factory=list)
    taken: int = 0
    size: int = 0
    dashes: bool = False
    gap: bool = False
    by_place: bool = False
    broken: bool = False

    @property
    def rows(self) -> list[Row]:
        return [line for line in self.lines if isinstance(line, Row)]

    @property
    def count(self) -> int:
        """Rows so far; where places without a sign are blanks, also those that have none."""
        if not self.by_place:
            return self.taken
        return sum(isinstance(line, Row) or _is_blank_row(line[1]) for line in self.lines)

    @property
    def complete(self) -> bool:
        return self.count > 0 and self.count == self.largest

    @property
    def framed(self) -> bool:
        """Whether a border stands above the first row, so that there will be one below the last."""
        return bool(self.lines) and not isinstance(self.lines[0], Row)

    def is_border(self, line: str) -> bool:
        """Whether a line (stripped) has no cells; a dash may be a blank or a piece of a border."""
        if any(sign.isalnum() for sign in line):
            return False
        dashes, underscores = line.count("-"), line.count("_")
        others = sum(sign in ".*?·" for sign in line)
        if not dashes + underscores + others:
            return True
        if not _LINE_OF_RULES.search(line):  # single signs, apart from each other
            return not others and dashes + underscores not in (self.size, *(() if self.size else BOX_SHAPES))
        if others or "+" in line or "=" in line:
            return dashes + underscores + line.count("=") > others
        if underscores:
            return underscores + dashes not in (self.size, *(() if self.size else BOX_SHAPES))
        return not (self.dashes and self.size in (dashes, len(WORD.findall(line))))

    def may_pause(self) -> bool:
        """Whether a blank line may come here, between two bands."""
        heights = {shape[0] for size in self._sizes() for shape in box_shapes(size)}
        return self.count > 0 and any(self.count % height == 0 for height in heights)

    def may_end(self) -> bool:
        """Whether all rows are there, if nothing else than the number of columns can tell."""
        if not self.by_place and not (self.taken and self.taken < self.size):
            return False
        try:
            return bool(self._placed())
        except InputError:
            return False

    def passed_over(self) -> Grid:
        """The same grid after an error in it."""
        return replace(self, size=self.largest, taken=self.count, by_place=False, broken=True)

    def takes(self, row: Row) -> bool:
        """Whether a row may belong to this grid."""
        return len(row.spans) == self.size or self._blank_places(row)

    def _blank_places(self, row: Row) -> bool:
        """Whether cells without a sign are blanks in this row: its bars stand below those of the others."""
        bars, rows = row.bars, self.rows
        if len(bars) < 2 or (rows and rows[0].bars != bars):
            return False
        if self.by_place:
            return True
        segments, sizes = _segments(bars, [*rows, row])
        most = max(sizes, default=0)
        if rows or not sizes:
            return len(row.spans) != self.size and len(row.spans) <= most
        counts = [sum(a <= start < b for start, _ in row.spans) for a, b in segments]
        even = len(set(counts)) == 1 and len(row.spans) in BOX_SHAPES
        return not even and max(counts) * len(segments) <= most

    def add(self, row: Row) -> None:
        """Take a row; after an error any row will do.

        Raises:
            InputError: it has a sign that has no place in it, or too few or too many cells.
        """
        if self.broken:
            self.taken += 1
            return
        self._check(row)
        if self._blank_places(row):
            self.by_place, self.size = True, 0
        elif not self.taken:
            self.size = len(row.spans)
            self._dashes_above(row)
        self.taken += 1
        self.gap = False
        self.dashes |= any("-" in row.text[start:end] for start, end in row.spans)
        self.lines.append(row)
        if self.size != 16 and len(row.bars) < 2:  # else only the whole grid tells its size, or its alphabet
            wrong = first_wrong(row.signs(), self.size, SYMBOLS)
            if wrong is not None:
                message = not_a_digit(row.signs()[wrong], self.size)
                raise InputError(message, row.origin, row.spans[wrong][0] + 1)

    def _check(self, row: Row) -> None:
        if len(row.spans) != 16 and is_candidates(row.text):
            self.size, self.taken = self.size or len(WORD.findall(row.text)), self.taken + 1
            raise InputError(_CANDIDATES, row.origin, row.spans[0][0] + 1)
        inside = {i for start, end in row.spans for i in range(start, end)}
        for index, sign in enumerate(row.text):
            if not (index in inside or sign in BORDER_SIGNS or sign.isspace() or sign == ";"):
                self._foreign(row, index)
        if self.takes(row) or (not self.taken and len(row.spans) in BOX_SHAPES):
            return
        self.taken += 1
        size, count = self.size, len(row.spans)
        first, last = (row.spans[0][0], row.spans[-1][0]) if row.spans else (0, 0)
        if self.by_place:
            message = "the bars of this row do not stand below those of the rows above"
        elif not size:
            message = f"a row of a Sudoku grid has 4, 6, 9 or 16 cells, this line has {count}"
        else:
            message = f"a row of a {size}x{size} grid has {size} cells, this one has {count}"
            first = row.spans[size][0] if count > size else last + 1
        raise InputError(message, row.origin, first + 1)

    def _foreign(self, row: Row, index: int) -> NoReturn:
        """Name a sign that has no place in a grid."""
        sign = row.text[index]
        letters = sum(sign.isalpha() and sign not in CELL_SIGNS for sign in row.text)
        is_row = letters < len(row.spans)
        self.taken += is_row
        if self.size:
            message = not_a_digit(sign, self.size)
        elif is_row:
            message = f"{sign!r} is neither a digit nor a blank nor a border: use . for a blank"
        else:
            message = (
                "is not a Sudoku: expected a line of 16, 36, 81 or 256 cells, or a drawn grid, . for blanks"
            )
        raise InputError(message, row.origin, index + 1)

    def _dashes_above(self, first: Row) -> None:
        """Lines of dashes above the first row were rows of blanks, if dashes are blanks in it."""
        blank = re.compile(rf"\s*-{{{self.size}}}\s*")
        for index in range(len(self.lines) - 1, -1, -1):
            line = self.lines[index]
            if "-" not in first.signs() or isinstance(line, Row) or not blank.fullmatch(line[1]):
                break
            origin, text = line
            self.lines[index] = Row(origin, text, tuple((m.start(), m.end()) for m in re.finditer("-", text)))
            self.taken += 1

    @property
    def largest(self) -> int:
        """The size, or the largest that it may be; 0 if nothing tells."""
        return max(self._sizes(), default=0)

    def _sizes(self) -> list[int]:
        """What the size may be."""
        rows = self.rows
        if self.size and not self.by_place:
            return [self.size]
        return _segments(rows[0].bars, rows)[1] if rows else []

    def _placed(self) -> list[Row | tuple[Origin, str]]:
        """The lines, with every cell of every row.

        Raises:
            InputError: the cells do not stand one below the other, or rows are missing.
        """
        if not self.by_place and self.taken == self.size:
            return self.lines
        lines = [
            Row(line[0], line[1], ()) if not isinstance(line, Row) and _is_blank_row(line[1]) else line
            for line in self.lines
        ]
        rows = [line for line in lines if isinstance(line, Row)]
        segments, sizes = _segments(rows[0].bars, rows)
        if len(rows) not in sizes:
            raise InputError(f"the grid ends after {len(rows)} rows", rows[-1].origin)
        per_segment = len(rows) // len(segments)
        columns: list[set[Span]] = [set() for _ in rows]
        slots = []
        for row in rows:
            slot: dict[int, Span] = {}
            for start, end in row.spans:
                index = _slot((start + end) / 2, segments, per_segment)
                if index is None or index in slot:
                    raise InputError("the cells of this drawing do not stand one below the other", row.origin)
                slot[index] = (start, end)
                columns[index].add((start, end))
            slots.append(slot)
        for column in columns:
            if len({end for _, end in column}) > 1 and len({start for start, _ in column}) > 1:
                raise InputError(
                    "the cells of this drawing do not stand one below the other: write . for a blank",
                    rows[0].origin,
                )
        ends = [
            max((end for _, end in column), default=_middle(index, segments, per_segment) + 1)
            for index, column in enumerate(columns)
        ]
        whole = iter(
            Row(
                row.origin,
                row.text.ljust(max(ends)),
                tuple(slot.get(index, (end - 1, end)) for index, end in enumerate(ends)),
            )
            for row, slot in zip(rows, slots, strict=True)
        )
        return [next(whole) if isinstance(line, Row) else line for line in lines]

    def finished(self) -> Drawn:
        """The grid, when all rows are there.

        Raises:
            InputError: its cells do not stand one below the other, or its borders are not those of a Sudoku.
        """
        lines = self._placed()
        rows = [line for line in lines if isinstance(line, Row)]
        signs = "".join(row.signs() for row in rows)
        symbols, size = symbols_of(signs), len(rows)
        above: list[list[str]] = [[]]
        for line in lines:
            if isinstance(line, Row):
                above.append([])
            else:
                above[-1].append(line[1])
        texts = [(row.text, row.spans) for row in rows]
        boxes = _boxes(texts, above[:-1], size, rows[0].origin)
        if any(_is_wide(row) for row in rows):
            written = marked_numbers(texts)
        else:
            written = [marked(text, spans, symbols) for text, spans in texts]
        remaining = iter(written)
        layout = "\n".join(next(remaining) if isinstance(line, Row) else line[1] for line in lines)
        places = [(row.origin, start + 1) for row in rows for start, _ in row.spans]
        return Drawn(size, signs, places, layout, boxes)


def _is_wide(row: Row) -> bool:
    return any(len(row.text[start:end].strip(' "')) > 1 for start, end in row.spans)


def _is_blank_row(text: str) -> bool:
    """Whether a line has nothing but bars, with room for cells between them."""
    return all(sign in BARS or sign.isspace() for sign in text) and re.search(r"\S\s+\S", text) is not None


def _boxes(
    texts: Sequence[tuple[str, Sequence[Span]]], above: Sequence[Sequence[str]], size: int, origin: Origin
) -> Shape | None:
    try:
        return boxes_of(texts, above, size)
    except BordersError as error:
        raise InputError(str(error), origin) from None


def _segments(bars: Sequence[int], rows: Sequence[Row]) -> tuple[list[Span], list[int]]:
    """The places between bars, all as wide as each other, and the sizes that a grid of them may have."""
    inner = [(a + 1, b) for a, b in pairwise(bars) if b > a + 1]
    if not inner:
        return [], []
    width = inner[0][1] - inner[0][0]
    alone = len(inner) == 1  # no grid has so few: its sides are open
    if alone or any(row.spans and row.spans[0][0] < bars[0] for row in rows):
        inner.insert(0, (bars[0] - width, bars[0]))
    if alone or any(row.spans and row.spans[-1][0] > bars[-1] for row in rows):
        inner.append((bars[-1] + 1, bars[-1] + 1 + width))
    if inner[0][0] < -1 or any(end - start != width for start, end in inner) or len(inner) < 2:
        return [], []
    sizes = [size for size in BOX_SHAPES if size in (len(inner) * cells for cells in (1, 2, 3, 4))]
    return inner, [size for size in sizes if size // len(inner) <= width]


def _slot(middle: float, segments: Sequence[Span], per_segment: int) -> int | None:
    for number, (start, end) in enumerate(segments):
        if start <= middle <= end:
            return number * per_segment + int((middle - start) * per_segment / (end - start))
    return None


def _middle(index: int, segments: Sequence[Span], per_segment: int) -> int:
    number, cell = divmod(index, per_segment)
    start, end = segments[number]
    return int(start + (cell + 0.5) * (end - start) / per_segment)


def drawn_on_one_line(text: str, spans: Sequence[Span], origin: Origin, whole: bool) -> Drawn:
    """A puzzle whose cells stand on one line, which may hold others if it is not the ``whole`` of it.

    Raises:
        InputError: its borders are not those of a Sudoku.
    """
    signs, size = Row(origin, text, tuple(spans)).signs(), SIZES[len(spans)]
    rows = [(text, spans[i : i + size]) for i in range(0, len(spans), size)]
    boxes = _boxes(rows, [[]] * size, size, origin)
    if any(end - start > 1 for start, end in spans):
        layout = marked_numbers([(text, spans)])[0]
    else:
        layout = marked(text, spans, symbols_of(signs))
    if not whole:
        start, end = spans[0][0], len(text) - spans[-1][1]
        layout = layout[start : len(layout) - end]
    return Drawn(size, signs, [(origin, start + 1) for start, _ in spans], layout, boxes)
