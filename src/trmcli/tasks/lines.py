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

    A table begins with a line that names its columns, one of them a question (:data:`tables.QUESTIONS`). It
    goes on over empty lines until one comes that has a single field; a table of one column holds plain lines.
    A value of JSON begins with a bracket and may take several lines.

    Raises:
        InputError: a table or JSON is damaged; with ``skip`` that is called instead, and the next line comes.
    """
    source, alone = Lines(lines, name), False
    table: Table | None = None
    for line in source:
        try:
            header = Table.begins(line, table)
            if header is not None:
                table = header
                continue
            if table is not None and table.takes(line):
                record = table.record(line, source)
                if record is not None:
                    yield record
                continue
            if line.text.strip():
                table = None
            if documents.begins(line.text):
                found, alone = documents.take(line, source, alone, skip)
                yield from found
            elif not (line.origin.line == 1 and is_separator(line.text)):
                yield _unquoted(line)
        except InputError as error:
            if skip is None:
                raise
            skip(error)


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
