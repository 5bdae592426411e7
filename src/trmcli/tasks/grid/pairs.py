"""Pairs of grids as people have them: JSON Lines, CSV, drawn grids, arrays of NumPy, the reference's folders.

A grid is a list of rows. Its cells are symbols, which are short texts: a number is the text of it. In JSON a
grid is a list of lists of numbers or texts, or a list of texts with a sign for each cell. In CSV, and
wherever it stands in one line, ``/`` is between its rows, and signs of several letters have spaces between.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trmcli.errors import InputError, Origin
from trmcli.strict_json import load
from trmcli.tasks.tables import ANSWERS, QUESTIONS, first_of, named, refuse_repeated

Rows = tuple[tuple[str, ...], ...]

LARGEST_SIDE = 64
"""Rows and columns that a grid may have."""

_DELIMITERS = (",", ";", "\t")
_LONGEST_SYMBOL = 8


@dataclass(frozen=True)
class GridPair:
    """A grid, and the grid that answers it if that is known.

    ``layout`` is the form that it came in: ``json``, ``line`` or ``drawn``.
    """

    question: Rows
    answer: Rows | None
    origin: Origin
    layout: str


class Pairs:
    """Takes lines, one after another, and gives the pairs that they complete.

    Args:
        name: of the source.
        slashes: whether ``/`` stands between rows in a line of its own; where it is a symbol, it does not.
    """

    def __init__(self, name: str, slashes: bool = True) -> None:
        self.name, self.slashes, self.number = name, slashes, 0
        self.forget()
        self.delimiter = ""
        self.columns: tuple[int, int | None] | None = None

    def forget(self) -> None:
        """Drop what is open."""
        self.drawn: list[str] = []
        self.quoted: list[str] = []

    def take(self, text: str, number: int) -> Iterator[GridPair]:
        """Take a line.

        Raises:
            InputError: it is not a pair, or not a grid.
        """
        self.number = number
        if self.quoted or (self.columns and text.count('"') % 2):
            yield from self._record(text)
        elif not text.strip():
            yield from self.finish()
        elif text.lstrip()[0] in "[{" and self.columns is None:
            yield from self.finish()
            yield self._json(text)
        elif self.columns is not None:
            yield from self._record(text)
        elif not self.drawn and self._begins_table(text):
            pass
        elif self.slashes and "/" in text.strip("/ "):
            yield from self.finish()
            yield GridPair(self._grid(text, "the grid"), None, Origin(self.name, number), "line")
        else:
            self.drawn.append(text)

    def finish(self) -> Iterator[GridPair]:
        """What the end of the input, or an empty line, completes."""
        if self.quoted:
            raise self._wrong(
                "the quoted field that begins here does not end", self.number - len(self.quoted) + 1
            )
        lines, self.drawn = self.drawn, []
        if lines:
            yield GridPair(
                self._grid(lines, "the grid"), None, Origin(self.name, self.number - len(lines) + 1), "drawn"
            )

    def _json(self, text: str) -> GridPair:
        try:
            value = load(text, self.name)
        except InputError as error:
            hint = "; write one object or one grid a line" if error.message.startswith("is not JSON") else ""
            raise InputError(error.message + hint, Origin(self.name, self.number), error.column) from None
        question, answer = value, None
        if isinstance(value, dict):
            keys = list(value)
            asked, known = question_and_answer(keys)
            if asked is None:
                there = ", ".join(keys[:8]) or "nothing in it"
                raise self._wrong(f'an object with {there} holds no pair: write {{"input": …, "output": …}}')
            question = value[keys[asked]]
            answer = None if known is None else value[keys[known]]
            if value.get("verified", True) is not True:  # our own output, of which nothing is known
                answer = None
        rows = self._grid(question, "the input")
        layout = "line" if isinstance(question, str) else "json"
        known_rows = None if answer is None else self._grid(answer, "the output")
        return GridPair(rows, known_rows, Origin(self.name, self.number), layout)

    def _begins_table(self, text: str) -> bool:
        for delimiter in _DELIMITERS:
            names = next(csv.reader([text], delimiter=delimiter), [])
            question, answer = question_and_answer(names)
            if question is not None:
                refuse_repeated(list(map(named, names)), (question, answer), Origin(self.name, self.number))
                self.delimiter, self.columns = delimiter, (question, answer)
                return True
        return False

    def _record(self, text: str) -> Iterator[GridPair]:
        assert self.columns is not None
        self.quoted.append(text)
        whole = "\n".join(self.quoted)
        if whole.count('"') % 2:
            return
        first, self.quoted = self.number - len(self.quoted) + 1, []
        fields = next(csv.reader(whole.splitlines(keepends=True), delimiter=self.delimiter), [])
        question, answer = self.columns
        if len(fields) <= max(question, answer or 0):
            raise self._wrong(f"this line has {len(fields)} columns, fewer than the header", first)
        known = "" if answer is None else fields[answer]
        yield GridPair(
            self._grid(fields[question], "the question", first),
            self._grid(known, "the answer", first) if known.strip() else None,
            Origin(self.name, first),
            "line",
        )

    def _grid(self, value: Any, what: str, line: int | None = None) -> Rows:
        """The rows of one grid.

        Raises:
            InputError: it has none, or they are of several lengths.
        """
        if isinstance(value, str):
            value = value.replace("\n", "/").strip("/ \r").split("/")
        if not isinstance(value, (list, tuple)) or not value:
            raise self._wrong(f"{what} is not a grid: give a list of rows", line)
        rows = [self._row(row, f"{what}, row {number}", line) for number, row in enumerate(value, 1)]
        for number, row in enumerate(rows, 1):
            if len(row) != len(rows[0]):
                cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
                message = f"{what} is ragged: row {number} has {cells}, row 1 has {len(rows[0])}"
                raise self._wrong(message, line)
        if not rows[0] or max(len(rows), len(rows[0])) > LARGEST_SIDE:
            size = f"{len(rows)}x{len(rows[0])}"
            raise self._wrong(f"{what} is {size}: a grid has 1 to {LARGEST_SIDE} rows and columns", line)
        return tuple(rows)

    def _row(self, row: Any, what: str, line: int | None) -> tuple[str, ...]:
        if isinstance(row, str):
            return tuple(row.replace(",", " ").split() if " " in row.strip() or "," in row else row.strip())
        if not isinstance(row, (list, tuple)):
            raise self._wrong(f"{what} is {json.dumps(row)[:20]}, not a row: give a list of cells", line)
        return tuple(
            self._symbol(cell, f"{what}, column {number}", line) for number, cell in enumerate(row, 1)
        )

    def _symbol(self, cell: Any, what: str, line: int | None) -> str:
        if isinstance(cell, int) and not isinstance(cell, bool):
            cell = str(cell)
        if not isinstance(cell, str) or not 0 < len(cell.strip()) <= _LONGEST_SYMBOL:
            message = f"{what} is {json.dumps(cell)[:20]}, not a cell: give a whole number or a short text"
            raise self._wrong(message, line)
        return cell.strip()

    def _wrong(self, message: str, line: int | None = None) -> InputError:
        return InputError(message, Origin(self.name, line or self.number))


def question_and_answer(names: Sequence[str]) -> tuple[int | None, int | None]:
    """Which of the names of fields, columns or arrays are those of a question and of its answer."""
    plain = [named(name) for name in names]
    answer = first_of(ANSWERS, plain)
    question = first_of(QUESTIONS, ["" if index == answer else name for index, name in enumerate(plain)])
    return question, answer


def stored_pairs(path: Path, split: str) -> Iterator[GridPair] | None:
    """The pairs of an ``.npz`` file or of one of the reference's folders; None for anything else.

    Raises:
        InputError: it is damaged, or holds something else.
    """
    if path.is_dir():
        place = path / split
        if not (place / "dataset.json").is_file():
            place = path / "train"
        if not (place / "dataset.json").is_file():
            return None
        inputs, labels = (_loaded(place / f"all__{name}.npy") for name in ("inputs", "labels"))
        side = math.isqrt(inputs.shape[1]) if inputs.ndim == 2 else 0
        if side * side != inputs.shape[-1] or inputs.shape != labels.shape:
            raise InputError("holds no square grids with their answers", str(place))
        return _of_arrays(inputs.reshape(-1, side, side), labels.reshape(-1, side, side), str(place))
    if path.suffix.lower() != ".npz":
        return None
    arrays = _loaded(path)
    names = list(arrays)
    question, answer = question_and_answer(names)
    if question is None:
        there = ", ".join(names) or "nothing"
        raise InputError(f"holds {there}: it needs the arrays inputs and outputs", str(path))
    return _of_arrays(arrays[names[question]], None if answer is None else arrays[names[answer]], str(path))


def _loaded(path: Path) -> Any:
    try:
        loaded = np.load(path, allow_pickle=False)
        return dict(loaded) if path.suffix == ".npz" else loaded
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"is no array that can be read: {error}", str(path)) from None


def _of_arrays(questions: Any, answers: Any, name: str) -> Iterator[GridPair]:
    for array in (questions,) if answers is None else (questions, answers):
        if array.ndim != 3 or array.dtype.kind not in "iuU" or len(array) != len(questions):
            found = f"{array.dtype} of shape {list(array.shape)}"
            raise InputError(f"holds {found}, not as many [height, width] grids of whole numbers", name)
        if max(array.shape[1:], default=0) > LARGEST_SIDE or 0 in array.shape[1:]:
            raise InputError(f"a grid has 1 to {LARGEST_SIDE} rows and columns", name)
    for number, question in enumerate(questions):
        known = None if answers is None else _rows(answers[number].tolist())
        yield GridPair(_rows(question.tolist()), known, Origin(f"{name}[{number}]"), "json")


def _rows(rows: Sequence[Sequence[object]]) -> Rows:
    return tuple(tuple(map(str, row)) for row in rows)


def read_pairs(source: str, lines: Iterable[str], split: str = "train") -> Iterator[GridPair]:
    """All pairs of a source, whose lines are read only if it is a text.

    Raises:
        InputError: naming file and line.
    """
    stored = stored_pairs(Path(source), split)
    if stored is not None:
        yield from stored
        return
    pairs = Pairs(source)
    for number, text in enumerate(lines, 1):
        yield from pairs.take(text.rstrip("\r\n"), number)
    yield from pairs.finish()
