"""Layouts: the text of a puzzle with a mark for each cell, so that an answer can be written as it was drawn.

A cell is one mark wide. A number up to 16 takes two, with the digit of a small one at the right or the left,
or behind a zero; where cells do not stand one below the other it takes one, and the text moves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.sudoku.grid import BOX_SHAPES, HEXADECIMAL, LETTERS, SYMBOLS

Span = tuple[int, int]
"""Where a cell stands in a line; an empty one between two commas has no width."""

LINES = {"line": SYMBOLS, "csv": SYMBOLS, "hexadecimal line": HEXADECIMAL, "letters line": LETTERS}
"""Layouts of cells without anything between them, and the symbols of their digits."""
LINE_OF = {SYMBOLS: "line", HEXADECIMAL: "hexadecimal line", LETTERS: "letters line"}

_MARKS = {SYMBOLS: "\0", HEXADECIMAL: "\1", LETTERS: "\2"}
_SYMBOLS = {mark: symbols for symbols, mark in _MARKS.items()}
_NUMBER, _RIGHT, _LEFT, _ZERO = "\3", "\4\4", "\5\5", "\6\6"
_ANY_MARK = re.compile("[\0-\3]|\4\4|\5\5|\6\6")
_BLANK_NUMBER = {_NUMBER: ".", _RIGHT: " .", _LEFT: ". ", _ZERO: ".."}


def symbols_in(layout: str) -> str:
    """The symbols of the digits that a layout has."""
    return LINES.get(layout) or _SYMBOLS.get(next(iter(_ANY_MARK.findall(layout)), ""), SYMBOLS)


def write(puzzle: Puzzle, cells: Cells) -> str:
    """A line of ``L`` digits, or the grid as it was drawn with the digits filled in; blanks are ``.``.

    A line says nothing of boxes. Where they are not the usual ones it has ``/`` between rows and ``|``
    between boxes, which the reader understands.
    """
    symbols = LINES.get(puzzle.layout)
    if symbols is None:
        remaining = iter(cells.ravel().tolist())
        return _ANY_MARK.sub(lambda mark: _cell(mark[0], next(remaining)), puzzle.layout)
    if puzzle.boxes in (None, BOX_SHAPES[puzzle.shape[0]]):
        return "".join(symbols[value] for value in cells.ravel().tolist())
    assert puzzle.boxes is not None
    width = puzzle.boxes[1]
    rows = ("".join(symbols[value] for value in row) for row in cells.tolist())
    return "/".join("|".join(row[i : i + width] for i in range(0, len(row), width)) for row in rows)


def _cell(mark: str, value: int) -> str:
    if mark in _SYMBOLS:
        return _SYMBOLS[mark][value]
    if not value:
        return _BLANK_NUMBER[mark]
    return {_RIGHT: f"{value:2}", _LEFT: f"{value:<2}", _ZERO: f"{value:02}"}.get(mark, str(value))


def marked(text: str, spans: Sequence[Span], symbols: str) -> str:
    """A line with a mark in the place of each of its cells."""
    return _replaced(text, [(start, end, _MARKS[symbols]) for start, end in spans])


def marked_numbers(rows: Sequence[tuple[str, Sequence[Span]]]) -> list[str]:
    """The same for rows of numbers, with as much room for each as they leave."""
    if any(re.fullmatch("0[1-9]|00", text[start:end]) for text, spans in rows for start, end in spans):
        return [_replaced(text, [(start, end, _ZERO) for start, end in spans]) for text, spans in rows]
    columns = list(zip(*(spans for _, spans in rows), strict=True))
    if all(len({end for _, end in column}) == 1 for column in columns):
        room = [(text, [(max(end - 2, 0), end) for _, end in spans]) for text, spans in rows]
        mark = _RIGHT
    else:
        room = [
            (text.ljust(spans[-1][0] + 2), [(start, start + 2) for start, _ in spans]) for text, spans in rows
        ]
        mark = _LEFT
    if not all(_has_room(text, wide, spans) for (text, wide), (_, spans) in zip(room, rows, strict=True)):
        room, mark = [(text, list(spans)) for text, spans in rows], _NUMBER
    return [_replaced(text, [(start, end, mark) for start, end in spans]) for text, spans in room]


def _has_room(text: str, wide: Sequence[Span], spans: Sequence[Span]) -> bool:
    """Whether the places of two are cells and spaces, and nothing else."""
    apart = all(before[1] <= after[0] for before, after in pairwise(wide))
    return apart and all(
        end - start == 2
        and start <= first
        and last <= end
        and not (text[start:first] + text[last:end]).strip(" ")
        for (start, end), (first, last) in zip(wide, spans, strict=True)
    )


def _replaced(text: str, marks: Sequence[tuple[int, int, str]]) -> str:
    parts, done = [], 0
    for start, end, mark in marks:
        parts += [text[done:start], mark]
        done = end
    return "".join([*parts, text[done:]])
