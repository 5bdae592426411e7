"""From lines to what kinds read: plain lines, and the records of tables and of JSON.

:func:`items` finds tables and JSON among the lines and takes them apart, so that no kind has to. A kind's
:class:`Reader` turns what is left into puzzles, one line or record at a time, as they arrive.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import NoReturn

from trmcli.errors import InputError, Origin
from trmcli.tasks import documents
from trmcli.tasks.base import Puzzle
from trmcli.tasks.records import Item, Line, Lines, Record, Skip, located
from trmcli.tasks.tables import Table, is_separator

__all__ = ["Item", "Line", "Reader", "Record", "Skip", "items"]

_QUOTED = re.compile(r"\s*\"([^\"]*)\"[\s,;]*$")


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
            self.name, self.number = item.origin.name, item.origin.line or 0
            try:
                yield from self.line(item.text) if isinstance(item, Line) else self.record(item)
            except InputError as error:
                self._skipped(located(item, error), skip)
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

    A table begins with a line that names its columns, one of them a question (:data:`tables.QUESTIONS`).
    Empty lines do not end it. A line with a single field is a plain one, and after it only lines with as many
    fields as the header are records. The lines of a table of one column are plain ones. JSON begins with a
    bracket, and may take several lines.

    Raises:
        InputError: a table or JSON is damaged; with ``skip`` that is called instead, and the next line comes.
    """
    source, parts = Lines(lines, name), _Parts(skip)
    for line in source:
        found = parts.of(line, source)
        try:
            yield from found
        except InputError as error:
            if skip is None:
                raise
            skip(error)


class _Parts:
    """Takes lines apart, one after another: what has begun in those before them tells how."""

    def __init__(self, skip: Skip | None) -> None:
        self.skip = skip
        self.table: Table | None = None
        self.alone = False  # whether values of JSON have ended in the line in which they began

    def of(self, line: Line, more: Lines) -> Iterator[Item]:
        """What a line holds, and those of the next that belong to it."""
        table = self.table
        header = Table.begins(line, table)
        if header is not None:
            self.table = header
        elif documents.begins(line.text):
            found, self.alone = documents.take(line, more, self.alone, self.skip)
            yield from found
        elif table is not None and table.takes(line):
            record = table.record(line, more)
            if record is not None:
                yield record
        elif not (line.origin.line == 1 and is_separator(line.text)):
            self.table = None if table is None else table.left(line)
            yield _unquoted(line)


def _unquoted(line: Line) -> Line:
    """A line without what a program put around it: quotes and a comma, or the brackets of a printed array."""
    text = documents.unprinted(line.text)
    if text is not None:
        return Line(text, line.origin)
    quoted = _QUOTED.match(line.text) if '"' in line.text else None
    if quoted is None:
        return line
    start = quoted.start(1)
    return Line(quoted[1], line.origin, lambda column: (line.origin.line, start + column))
