"""From lines to what kinds read: plain lines, and the records of tables.

:func:`items` finds tables (CSV) among the lines and takes them apart, so that no kind has to. A kind's
:class:`Reader` turns what is left into puzzles, one line or record at a time, as they arrive.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Puzzle

QUESTION_COLUMNS = ("question", "puzzle", "puzzles", "quizzes")
ANSWER_COLUMNS = ("answer", "solution", "solutions")

csv.field_size_limit(1 << 26)  # as long as a line may be

Skip = Callable[[InputError], None]
"""Hears of a bad record, so that reading can go on with the next one."""


@dataclass(frozen=True)
class Line:
    """One line of text, without its end."""

    text: str
    origin: Origin


@dataclass(frozen=True)
class Record:
    """One puzzle of a table.

    Attributes:
        question, answer: its fields as they stand (a space may be a cell); empty where there is none.
        source: what the table says of its origin.
        origin: its first line.
        line: that line, to tell in which column something stands.
    """

    question: str
    origin: Origin
    answer: str = ""
    source: str = ""
    line: str = ""

    def column(self, text: str, last: bool = False) -> int:
        """The 1-based column in which a field begins."""
        return (self.line.rfind(text) if last else self.line.find(text)) + 1


Item = Line | Record


class Reader(ABC):
    """Turns lines and records into puzzles of one kind. What is open between two lines is in its attributes.

    Attributes:
        name: of the input, for messages.
        number: 1-based line of the item that is read.
        found: whether there was a puzzle.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.found = False

    @abstractmethod
    def line(self, text: str) -> Iterator[Puzzle]:
        """Take one plain line; yield what it completes."""

    @abstractmethod
    def record(self, record: Record) -> Iterator[Puzzle]:
        """Take one record; yield what was open before it, and its puzzle."""

    @abstractmethod
    def finish(self) -> Iterator[Puzzle]:
        """What the end of the input completes."""

    @abstractmethod
    def forget(self) -> None:
        """Drop what is open, after an error in it."""

    def read(self, items: Iterable[Item], skip: Skip | None = None) -> Iterator[Puzzle]:
        """The puzzles of all items, as they arrive.

        Raises:
            InputError: for what is not a puzzle; with ``skip`` that is called instead, and reading goes on.
        """
        for item in items:
            self.number = item.origin.line or 0
            try:
                yield from self.line(item.text) if isinstance(item, Line) else self.record(item)
            except InputError as error:
                self._skipped(error, skip)
        try:
            yield from self.finish()
        except InputError as error:
            self._skipped(error, skip)

    def _skipped(self, error: InputError, skip: Skip | None) -> None:
        if skip is None:
            raise error
        skip(error)
        self.forget()

    def fail(self, message: str, column: int | None = None, line: int | None = None) -> NoReturn:
        raise InputError(message, Origin(self.name, line or self.number), column)


def items(lines: Iterable[str], name: str, skip: Skip | None = None) -> Iterator[Item]:
    """Lines and records of a text, as its lines arrive.

    A table begins with a line that names its columns, one of them ``question`` (:data:`QUESTION_COLUMNS`). It
    ends with a line that has one field only; a table of one column ends with a line of another length.
    """
    columns: list[str] = []
    length: int | None = None
    numbered = _numbered(lines, name)
    for line in numbered:
        fields = _fields(line, numbered)
        header = [field.strip().lower() for field in fields]
        if any(column in QUESTION_COLUMNS for column in header):
            columns, length = header, None
            continue
        if columns and not any(header):
            continue
        if columns and len(fields) == len(columns) == 1:
            length = length or len(fields[0])
            columns = columns if len(fields[0]) == length else []
        elif columns and len(fields) == 1:
            columns = []
        if not columns:
            yield line
            continue
        if len(fields) != len(columns):
            message = f"this line has {len(fields)} columns, the header has {len(columns)}"
            error = InputError(message, line.origin)
            if skip is None:
                raise error
            skip(error)
            continue
        row = dict(zip(columns, fields, strict=True))
        yield Record(
            next(row[column] for column in QUESTION_COLUMNS if column in row),
            line.origin,
            next((row[column] for column in ANSWER_COLUMNS if column in row), ""),
            row.get("source", "").strip(),
            line.text,
        )


def _numbered(lines: Iterable[str], name: str) -> Iterator[Line]:
    for number, text in enumerate(lines, start=1):
        text = text.rstrip("\r\n")
        yield Line(text.removeprefix("\ufeff") if number == 1 else text, Origin(name, number))


def _fields(line: Line, more: Iterator[Line]) -> Sequence[str]:
    """The fields of a line; those of the lines that follow as well, where a quoted field goes on in them."""
    if '"' not in line.text:
        return line.text.split(",")
    texts = (one.text + "\n" for one in chain([line], more))
    try:
        return next(csv.reader(texts))
    except csv.Error as error:
        raise InputError(f"is not CSV: {error}", line.origin) from None
