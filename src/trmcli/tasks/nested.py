"""Puzzles in values as JSON and Python have them: objects, nested lists, strings.

An object is a record; its names are those of the columns of a table. A list of lists of cells is a puzzle. A
list of strings is read like so many lines. Whatever else there is, is looked through for these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import isfinite, isnan
from typing import Any, NoReturn

from trmcli.errors import InputError, Origin
from trmcli.tasks.records import Item, Line, Place, Record, Skip
from trmcli.tasks.tables import ANSWERS, QUESTIONS, first_of, named

_GENERAL = ("value", "values", "cells", "rows", "data", "matrix", "array")
"""Names that a puzzle may have where no other name in an object is that of one."""
_FLAT = (16, 36, 81, 256)
"""Cells of a puzzle that is a list without rows."""
_SIGNS = "0123456789ABCDEFG"


@dataclass(frozen=True)
class _Text:
    """A question or an answer as signs, and where each of them stands."""

    signs: str
    place: Callable[[int], Place]
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """Looks through a value for puzzles.

    Attributes:
        name: of the input.
        skip: hears of what is wrong in one of several puzzles.
        document_place: where a scalar stands, by its number; without it rows and columns tell.
    """

    name: str
    skip: Skip | None = None
    document_place: Callable[[int], Place] | None = None

    def items(self, value: Any, at: int = 0) -> Iterator[Item]:
        """Lines and records of a value whose first scalar has the number ``at``.

        Raises:
            InputError: there is something else in it; in one of several, ``skip`` is called instead.
        """
        if isinstance(value, Mapping):
            yield from self._object(value, at)
        elif isinstance(value, str):
            yield from self._strings([value], at)
        elif not isinstance(value, (list, tuple)):
            self._fail(f"{_what(value)} is not a puzzle", at)
        elif not value:
            self._fail("an empty list holds no puzzle", at)
        elif _has_strings(value):
            yield from self._strings(value, at)
        elif _is_flat(value):
            text = self._text(value, at)
            yield Line(text.signs, self._origin(at), lambda column: text.place(column - 1))
        elif _is_grid(value):
            yield self._record(self._text(value, at), None, "", at)
        else:
            for number, (child, start) in enumerate(_children(value, at), start=1):
                inner = self if self.document_place else replace(self, name=f"{self.name}[{number}]")
                yield from self._one_of_several(inner.items(child, start))

    def _one_of_several(self, items: Iterator[Item]) -> Iterator[Item]:
        try:
            yield from items
        except InputError as error:
            if self.skip is None:
                raise
            self.skip(error)

    def _strings(self, strings: Sequence[str], at: int) -> Iterator[Item]:
        yield Line("", self._origin(at))
        for index, string in enumerate(strings, start=at):
            yield from self._string(string, index)
        yield Line("", self._origin(at + len(strings) - 1))

    def _string(self, string: str, index: int) -> Iterator[Item]:
        text = self._text(string, index)
        for line in string.splitlines():
            yield Line(line, self._origin(index), lambda column: text.place(column - 1))

    def _object(self, value: Mapping[Any, Any], at: int) -> Iterator[Item]:
        names, values = [named(str(key)) for key in value], list(value.values())
        starts = [start + 1 for _, start in _children(values, at, apart=1)]
        held = [name if _is_container(one) else "" for name, one in zip(names, values, strict=True)]
        answer = first_of(ANSWERS, held)
        held = [name if index != answer else "" for index, name in enumerate(held)]
        question = first_of(QUESTIONS, held)
        if question is None:
            inside = [(one, start) for one, start in zip(values, starts, strict=True) if _holds(one)]
            if inside:
                for one, start in inside:
                    yield from self.items(one, start)
                return
            question = first_of(_GENERAL, held)
        if question is None:
            keys = ", ".join(str(key) for key in list(value)[:8]) or "nothing in it"
            self._fail(f"an object with {keys} holds no puzzle: one that is called puzzle or question", at)
        asked, known = values[question], None if answer is None else values[answer]
        if value.get("verified") is False:  # our own output: what is known of an answer that was not found
            known = None
        source = value.get("source")
        source = source.strip() if isinstance(source, str) else ""
        start = starts[question]
        if _holds(asked):
            yield from self.items(asked, start)
        elif _is_one(asked):
            text = self._text(asked, start)
            solved = None if answer is None or not known else self._text(known, starts[answer])
            yield self._record(text, solved, source, start)
        else:
            apart = 1 if isinstance(asked, Mapping) else 0
            several = known if isinstance(known, type(asked)) and len(known) == len(asked) else None
            answers = _children(several, starts[answer], apart) if several and answer is not None else None
            for child, first in _children(asked, start, apart):
                solved = None
                if answers is not None:
                    one, place = next(answers)
                    solved = self._text(one, place + apart) if one else None
                yield from self._one_of_several(
                    iter([self._record(self._text(child, first + apart), solved, source, first + apart)])
                )

    def _record(self, question: _Text, answer: _Text | None, source: str, at: int) -> Record:
        known = answer.signs if answer else ""
        length = len(question.signs)

        def place(column: int) -> Place:
            if answer is None or column <= length + 1:
                return question.place(column - 1)
            return answer.place(column - length - 2)

        line = f"{question.signs}\t{known}"
        return Record(question.signs, self._origin(at), known, source, line, question.rows, place)

    def _text(self, value: Any, at: int) -> _Text:
        """A puzzle as signs: a string as it is, of lists one sign for each cell."""
        if isinstance(value, str):
            return _Text(value, lambda index: self._place(at, 0, index, inside=1))
        if not isinstance(value, (list, tuple)):
            self._fail(f"{_what(value)} is not a puzzle: write it in quotes, or as a list of rows", at)
        if _has_strings(value):
            return self._rows([list(row) for row in value], at, strings=True)
        if _is_flat(value):
            text = self._rows([value], at)
            return _Text(text.signs, text.place)
        if not _is_grid(value):
            self._fail("is not a puzzle: give a list of rows, each of them a list of cells", at)
        return self._rows(value, at)

    def _rows(self, rows: Sequence[Sequence[Any]], at: int, strings: bool = False) -> _Text:
        width = len(rows[0])
        for number, row in enumerate(rows):
            if len(row) != width:
                message = f"row {number + 1} has {len(row)} cells, the rows above have {width}"
                self._fail(message, at + (number if strings else number * width), number)
        blank = -1 if not any(cell == 0 for row in rows for cell in row) else None

        between = "" if len(rows) in (1, width) else "/"
        step = width + len(between)

        def place(index: int) -> Place:
            row, column = divmod(min(index, len(rows) * step - 1), step)
            if strings:
                return self._place(at + row, row, column, inside=1)
            return self._place(at + row * width + min(column, width - 1), row, column)

        texts = []
        for number, row in enumerate(rows):
            signs = [_sign(cell, blank) or "" for cell in row]
            if "" in signs:
                column = signs.index("")
                line, start = place(number * step + column)
                message = (
                    f"{_what(row[column])} is not a cell: use numbers up to 16, and 0 or null for a blank"
                )
                raise InputError(message, Origin(self.name, line), start)
            texts.append("".join(signs))
        return _Text(between.join(texts), place, tuple(texts))

    def _place(self, index: int, row: int, column: int, inside: int = 0) -> Place:
        """``inside`` a string, or of a scalar; of Python's own lists, the row and column of the puzzle."""
        if self.document_place is None:
            return row + 1, column + 1
        line, start = self.document_place(index)
        return line, (start or 1) + (inside + column if inside else 0)

    def _origin(self, at: int) -> Origin:
        return Origin(self.name, self.document_place(at)[0] if self.document_place else 1)

    def _fail(self, message: str, at: int, row: int = 0) -> NoReturn:
        line, column = self._place(at, row, 0) if self.document_place or row else (None, None)
        raise InputError(message, Origin(self.name, line), column)


def _sign(cell: Any, blank: int | None) -> str | None:
    """The sign of a cell; None for what is not a cell."""
    if cell is None or cell == "" or cell == " ":
        return "."
    if isinstance(cell, str):
        return (
            cell
            if len(cell) == 1
            else _SIGNS[int(cell)]
            if cell in ("10", "11", "12", "13", "14", "15", "16")
            else None
        )
    if isinstance(cell, float):
        if isnan(cell):
            return "."
        cell = int(cell) if isfinite(cell) and cell == int(cell) else None
    if isinstance(cell, bool) or not isinstance(cell, int):
        return None
    if cell == blank:
        return "."
    return _SIGNS[cell] if 0 <= cell < len(_SIGNS) else None


def _what(value: Any) -> str:
    try:
        text = "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 24 else f"{text[:20]}…"


def _size(value: Any) -> int:
    """How many scalars a value has, the names of objects among them."""
    if isinstance(value, Mapping):
        return len(value) + sum(_size(one) for one in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_size(one) if isinstance(one, (list, tuple, Mapping)) else 1 for one in value)
    return 1


def _children(value: Any, at: int, apart: int = 0) -> Iterator[tuple[Any, int]]:
    """The values in a list or an object, and the number of each one's first scalar (or name)."""
    values = list(value.values()) if isinstance(value, Mapping) else value
    starts = accumulate((apart + _size(one) for one in values), initial=at)
    return zip(values, starts, strict=False)


def _is_container(value: Any) -> bool:
    return isinstance(value, (str, list, tuple, Mapping)) and len(value) > 0


def _is_flat(value: Any) -> bool:
    return not any(isinstance(one, (list, tuple, Mapping)) for one in value)


def _has_strings(value: Any) -> bool:
    """Whether it is a list of strings, some of which are more than a cell."""
    return all(isinstance(one, str) for one in value) and any(len(one) > 2 for one in value)


def _is_grid(value: Any) -> bool:
    """Whether a list of lists is one puzzle, row by row."""
    rows = all(
        isinstance(row, (list, tuple)) and row and _is_flat(row) and not _has_strings(row) for row in value
    )
    return rows and not (_are_flat(value) and not _is_maze([cell for row in value for cell in row]))


def _are_flat(rows: Sequence[Any]) -> bool:
    """Whether rows are as long as whole puzzles are."""
    return len(rows[0]) in _FLAT and len(rows[0]) != len(rows)


def _is_maze(cells: Sequence[Any]) -> bool:
    numbers = cells.count(2) == cells.count(3) == 1 and not any(cell not in (0, 1, 2, 3) for cell in cells)
    return numbers or cells.count("S") == cells.count("G") == 1


def _is_one(value: Any) -> bool:
    """Whether a value in an object is one puzzle, and not several."""
    if isinstance(value, Mapping):
        return False
    if isinstance(value, str):
        return True
    if _has_strings(value):
        return not _are_flat(value) or _is_maze([sign for row in value for sign in row])
    return _is_flat(value) or _is_grid(value)


def _holds(value: Any) -> bool:
    """Whether there is an object with a puzzle somewhere in a value."""
    if isinstance(value, Mapping):
        names = [named(str(key)) if _is_container(one) else "" for key, one in value.items()]
        return first_of((*QUESTIONS, *_GENERAL), names) is not None or any(map(_holds, value.values()))
    return isinstance(value, (list, tuple)) and any(_holds(one) for one in value)
