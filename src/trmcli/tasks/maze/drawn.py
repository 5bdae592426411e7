"""Where the cells of a drawn maze stand in its text.

The cells of a row stand side by side, or are set apart: by ``,``, ``;`` or tabs, or by columns of blanks. The
last are the hard ones, because a blank may be an open cell as well. Where signs stand in every second column
only (or third, …), from top to bottom, that is decided so:

- Cells are set apart if each of them shows a sign and some are open, or if the border is a wall all around.
- Cells stand side by side if there is no wall, or if nothing looks set apart: there are few signs, and no row
  has three of them one step apart.
- Everything else could be read in two ways, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import NamedTuple, NoReturn

from trmcli.errors import InputError, Origin
from trmcli.tasks.maze.grid import GOAL, OPEN, PATH, START, WALL

BESIDE = (0, 1)
"""The first column of cells that stand side by side, and the step from one to the next."""

_MANY = 6
"""Signs that hardly ever stand one step apart by chance."""
_FIELD = re.compile(r"(\s*)(\S?)\s*")
_APART_ROW = re.compile(r" *\S(?: \S){2,} *")


class Row(NamedTuple):
    """A line of text, or a part of one, and where it begins."""

    text: str
    origin: Origin
    column: int = 1

    def fail(self, message: str, offset: int | None = None) -> NoReturn:
        raise InputError(message, self.origin, None if offset is None else self.column + offset)


class Span(NamedTuple):
    """Where a cell stands: a row of the text, and from where to where in it; the last column is excluded."""

    row: int
    start: int
    end: int


@dataclass(frozen=True)
class Sheet:
    """The signs of a maze, and where they stand.

    Attributes:
        rows: of the text.
        signs: of the cells, a string for each row of the maze.
        where: the span of the cell in a row and column of the maze.
        joint: what stands between two rows of the text.
        between: whether walls are drawn as lines between the cells; then signs have a row and a column for
            the walls, too.
        trimmed: whether open cells at the end of rows were left out.
    """

    rows: Sequence[Row]
    signs: Sequence[str]
    where: Callable[[int, int], Span]
    joint: str = "\n"
    between: bool = False
    trimmed: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.signs), len(self.signs[0])

    @property
    def size(self) -> int:
        return len(self.signs) * len(self.signs[0])

    def sign(self, row: int, column: int) -> str:
        """A cell as it stands in the text."""
        span = self.where(row, column)
        return self.rows[span.row].text[span.start : span.end]

    def fail(self, message: str, row: int = 0, column: int = 0) -> NoReturn:
        """Raise InputError at a cell."""
        span = self.where(row, column)
        self.rows[span.row].fail(message, span.start)

    def square(self) -> Sheet | None:
        """The same cells of one row as a square."""
        signs = "".join(self.signs)
        side = round(len(signs) ** 0.5)
        if side * side != len(signs) or not signs:
            return None
        flat = self.where
        rows = [signs[at : at + side] for at in range(0, len(signs), side)]
        return Sheet(self.rows, rows, lambda row, column: flat(0, row * side + column), self.joint)

    def template(self, sign: Callable[[int, int], str]) -> str:
        """The text with ``sign`` for every cell, between NULs."""
        pieces: list[str] = []
        row = at = 0
        height, width = self.shape
        for y in range(height):
            for x in range(width):
                span = self.where(y, x)
                while row < span.row:
                    pieces += [self.rows[row].text[at:], self.joint]
                    row, at = row + 1, 0
                pieces.append(f"{self.rows[row].text[at : span.start]}\0{sign(y, x)}\0")
                at = span.end
        return "".join([*pieces, self.rows[row].text[at:]])


def sheet(rows: Sequence[Row], values: Mapping[str, int], joint: str = "\n") -> Sheet:
    """The cells of rows that are nothing else than rows of a maze.

    Args:
        values: of the signs that are known.

    Raises:
        InputError: rows have different lengths, or could be read in two ways.
    """
    spans = _delimited([row.text for row in rows], values)
    if all(spans):
        return _of_spans(rows, spans, joint)
    step = spacing([row.text for row in rows], values)
    if step is None:
        rows[0].fail(
            "this maze could be read in two ways, with the blank columns between its signs and without them: "
            "write its open cells as ., or leave out the blanks that are none",
            0,
        )
    return _stepped(rows, step, values, joint)


def spacing(texts: Sequence[str], values: Mapping[str, int]) -> tuple[int, int] | None:
    """The first column of the cells and the step to the next; None if it could be one or another."""
    columns = [column for text in texts for column, sign in enumerate(text) if sign != " "]
    first = min(columns, default=0)
    step = gcd(*(column - first for column in columns))
    if step < 2 or values.get(" ") != OPEN:  # a legend may make walls of blanks
        return BESIDE
    count = (max(columns) - first) // step + 1
    cells = [text[first::step].ljust(count)[:count] for text in texts]
    signs = {sign for row in cells for sign in row}
    there = {values.get(sign) for sign in signs - {" "}}
    if " " not in signs:
        if there & {OPEN, PATH} or "0" in signs:
            return first, step
        if WALL not in there:
            return BESIDE
    elif WALL not in there or (len(columns) < _MANY and not any(re.search(r"\S{3}", row) for row in cells)):
        return BESIDE
    walled = all(values.get(sign) == WALL for sign in "".join(border(cells)))
    return (first, step) if walled and min(len(cells), count) > 2 else None


def border(rows: Sequence[str]) -> Iterable[str]:
    """The signs of the first and last row and column."""
    yield from (rows[0], rows[-1])
    yield from (row[0] + row[-1] for row in rows[1:-1])


def _stepped(rows: Sequence[Row], step: tuple[int, int], values: Mapping[str, int], joint: str) -> Sheet:
    """Cells in columns of equal distance."""
    texts = [row.text for row in rows]
    width = max(map(len, texts))
    trimmed = False
    if step == BESIDE:
        _check_beside(rows, values)
        visible = [text.rstrip(" ") for text in texts]
        first = min((len(text) - len(text.lstrip(" ")) for text in visible if text), default=0)
        inner = [text[first:].ljust(max(map(len, visible)) - first) for text in visible]
        if joint == "\n" and _is_framed(inner, values):
            step, width = (first, 1), max(map(len, visible))
            texts = [text[:width] for text in texts]
        trimmed = _fill(rows, texts, width, values, joint)
    first, apart = step
    count = max((len(text.rstrip(" ")) if apart > 1 else width) - first - 1 for text in texts) // apart + 1
    filled = [row._replace(text=row.text.ljust(first + (count - 1) * apart + 1)) for row in rows]
    signs = [row.text[first : first + (count - 1) * apart + 1 : apart] for row in filled]

    def where(row: int, column: int) -> Span:
        at = first + column * apart
        return Span(row, at, at + 1)

    return Sheet(filled, signs, where, joint, trimmed=trimmed)


def _check_beside(rows: Sequence[Row], values: Mapping[str, int]) -> None:
    """Refuse rows that look set apart by blanks among others that do not."""
    if values.get(" ") != OPEN:
        return
    opens = {sign for sign, value in values.items() if value == OPEN and sign != " "}
    for row in rows:
        if opens & set(row.text) and _APART_ROW.fullmatch(row.text):
            row.fail("the cells of this row are set apart by blanks, and those of other rows are not", 0)
    fence = re.compile(r" *([^\w\s])( \1)+ *")
    ends = [fence.fullmatch(row.text) for row in (rows[0], rows[-1])]
    if len(rows) > 2 and all(end and values.get(end[1]) == WALL and len(end[0].strip()) > 4 for end in ends):
        texts = [row.text.strip() for row in rows]
        if all(text and values.get(text[0]) == values.get(text[-1]) == WALL for text in texts):
            odd = (row for row in rows if spacing([rows[0].text, row.text], values) == BESIDE)
            next(odd, rows[0]).fail(
                "blanks do not set the cells of this row apart as those of the first row", 0
            )


def _is_framed(rows: Sequence[str], values: Mapping[str, int]) -> bool:
    """Whether there are walls around a maze, but for gaps here and there."""
    edge = "".join(border(rows))
    return len(rows) > 2 and 4 * sum(values.get(sign) == WALL for sign in edge) >= 3 * len(edge)


def _fill(
    rows: Sequence[Row], texts: Sequence[str], width: int, values: Mapping[str, int], joint: str
) -> bool:
    """Whether some rows are shorter, and open cells at their ends were left out for certain.

    Raises:
        InputError: rows have different lengths, and that may be a mistake.
    """
    odd = next((index for index, text in enumerate(texts) if len(text) != len(texts[0])), None)
    if odd is None:
        return False
    if joint != "\n":
        row = rows[odd]
        row.fail(f"a row has {len(texts[odd])} cells, the first has {len(texts[0])}", len(row.text))
    used = set("".join(texts))
    dots = any(values.get(sign) == OPEN and sign != " " for sign in used)
    visible = max(len(text.rstrip(" ")) for text in texts)
    padded = [text.rstrip(" ").ljust(visible) for text in texts]
    if not dots and values.get(" ") == OPEN:
        no_ends = not any(values.get(sign) in (START, GOAL) or sign.isalnum() for sign in used - {" ", "o"})
        if not _is_framed(padded, values) or (no_ends and len(gaps(padded, values)) == 2):
            return True
    above, here = len(texts[0]), len(texts[odd])
    hint = " (open cells at its end may be written as .)" if here < above else ""
    rows[odd].fail(f"this row has {here} cells, the rows above have {above}{hint}", min(here, above))


def gaps(rows: Sequence[str], values: Mapping[str, int]) -> list[tuple[int, int]]:
    """The open cells of the border, row by row; none at all if two of them touch, which makes a wide gap."""
    height, width = len(rows), len(rows[0])
    found = [
        (row, column)
        for row, signs in enumerate(rows)
        for column in (range(width) if row in (0, height - 1) else sorted({0, width - 1}))
        if values.get(signs[column]) == OPEN
    ]
    touching = any(abs(a - c) + abs(b - d) == 1 for a, b in found[:4] for c, d in found[:4])
    return [] if touching else found


# Cells with something between them


def _of_spans(rows: Sequence[Row], spans: Sequence[list[tuple[int, int]]], joint: str) -> Sheet:
    for row, found in zip(rows, spans, strict=True):
        if len(found) != len(spans[0]):
            message = f"this row has {len(found)} cells, the rows above have {len(spans[0])}"
            row.fail(message, found[len(spans[0])][0] if len(found) > len(spans[0]) else len(row.text))
    signs = [
        "".join(row.text[start:end] or " " for start, end in found)
        for row, found in zip(rows, spans, strict=True)
    ]
    return Sheet(rows, signs, lambda row, column: Span(row, *spans[row][column]), joint)


def _delimited(texts: Sequence[str], values: Mapping[str, int]) -> list[list[tuple[int, int]]]:
    """Where signs stand between commas, semicolons or tabs; a field without any is an open cell."""
    for delimiter in ",;\t":
        if delimiter in values or not all(text.count(delimiter) > 1 for text in texts):
            continue
        fields = [text.split(delimiter) for text in texts]
        matches = [[_FIELD.fullmatch(field) for field in row] for row in fields]
        if not all(match for row in matches for match in row):
            continue
        if all(not row[-1].strip() for row in fields) and all(f.strip() for row in fields for f in row[:-1]):
            fields = [row[:-1] for row in fields]  # a delimiter at the end of each row
        inset = next((len(m[1]) for row in matches for m in row if m and m[2]), 0)
        return [list(_field_spans(row, inset)) for row in fields]
    return [[] for _ in texts]


def _field_spans(fields: Sequence[str], inset: int) -> Iterable[tuple[int, int]]:
    at = 0
    for field in fields:
        sign = field.strip()
        start = at + (field.index(sign) if sign else min(inset, max(len(field) - 1, 0)))
        yield start, min(start + 1, at + len(field))
        at += len(field) + 1
