"""Tables: CSV as people bring it, with whatever stands between the fields."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from trmcli.errors import InputError, Origin
from trmcli.tasks.records import Line, Lines, Place, Record

QUESTIONS = (
    "question", "questions", "puzzle", "puzzles", "quiz", "quizzes", "sudoku", "sudokus", "maze", "mazes",
    "board", "boards", "grid", "grids", "problem", "problems", "unsolved", "givens", "mission", "input",
    "inputs",
)  # fmt: skip
"""Names of the column that holds puzzles, in order: where a table has several, the first one counts."""
ANSWERS = (
    "answer", "answers", "solution", "solutions", "solved", "output", "outputs", "target", "targets", "label",
    "labels",
)  # fmt: skip
_OTHERS = ("", "source", "rating", "difficulty", "clues", "id", "index", "level", "prediction")
_KNOWN = frozenset((*QUESTIONS, *ANSWERS, *_OTHERS))
_NO_PUZZLE = frozenset(
    ("id", "index", "number", "num", "no", "count", "size", "hash", "name", "type", "length")
)
"""Parts of the names of columns that tell something of a puzzle: ``puzzle_id``."""
_MOST_WORDS = 3
"""Of the name of a column: more are a sentence."""
_LONGEST_CELL = 300
"""Lines of one cell, at most: a drawn maze has 257 with walls between its cells."""

_DELIMITERS = (",", ";", "\t")
_CELLS, _WORD = re.compile(r"[\d.]{16}"), re.compile(r"[A-Za-z]{4}")
"""What no header has, and what every header has; they are found fast."""
_LIKELY = re.compile("|".join(filter(None, _KNOWN)), re.IGNORECASE)
_NAME = re.compile(r"\d*|[^\W\d_](.{0,40}[^.!?])?")
_COMMENT = re.compile(r"\s*(#|; |//)")
_SEPARATOR = re.compile(r"\"?sep=.\"?", re.IGNORECASE)

csv.field_size_limit(1 << 26)  # as long as a line may be


def named(name: str) -> str:
    """The name of a column, without what people put around it."""
    return re.sub(r"[\s_-]+", "_", name.strip(" \t'\"").lower())


def first_of(names: Sequence[str], columns: Sequence[str]) -> int | None:
    """Where the first of these names stands among the columns: as it is, or else as a part of one."""
    for name in names:
        if name in columns:
            return columns.index(name)
    for name in names:
        for index, column in enumerate(columns):
            parts = column.split("_")
            if name in parts and len(parts) <= _MOST_WORDS and not _NO_PUZZLE.intersection(parts):
                return index
    return None


def refuse_repeated(columns: Sequence[str], read: Sequence[int | None], origin: Origin) -> None:
    """Refuse a header that names one of the columns that are read twice, for nobody knows which one is meant.

    Raises:
        InputError: it does.
    """
    for index in read:
        if index is not None and columns.count(columns[index]) > 1:
            message = (
                f"a table with several columns {columns[index]}: leave one of them, or rename the others"
            )
            raise InputError(message, origin)


@dataclass(frozen=True)
class Table:
    """What the header of a table says.

    Attributes:
        columns: their names.
        question, answer, source: which columns they are.
        interrupted: whether a plain line has come since.
    """

    columns: tuple[str, ...]
    delimiter: str
    question: int
    answer: int | None
    source: int | None
    interrupted: bool = False

    def takes(self, line: Line) -> bool:
        """Whether a line belongs to the table, and is a record or none at all."""
        text = line.text
        if len(self.columns) == 1:  # lines that are puzzles wherever they stand
            return text.lstrip().startswith('"')
        if self.interrupted:
            return '"' in text or text.count(self.delimiter) == len(self.columns) - 1
        return self.delimiter in text or '"' in text or not text.strip()

    def left(self, line: Line) -> Table:
        """The table after a line that is not its own."""
        return replace(self, interrupted=True) if line.text.strip() else self

    @staticmethod
    def begins(line: Line, table: Table | None = None) -> Table | None:
        """The table that begins with this line, in place of ``table``, whose records may hold such words.

        Raises:
            InputError: it is the header of a table without puzzles.
        """
        text = line.text
        if _CELLS.search(text) or not _WORD.search(text) or not _LIKELY.search(text) or _COMMENT.match(text):
            return None
        for delimiter in _DELIMITERS:
            fields = next(csv.reader([text], delimiter=delimiter), [])
            columns = [named(field) for field in fields]
            while columns and not columns[-1]:
                columns.pop()  # a delimiter at the end
            if not columns or not all(_NAME.fullmatch(name) for name in columns):
                continue
            known = sum(name in _KNOWN for name in columns)
            if table is not None and known < len(columns):
                continue
            answer = first_of(ANSWERS, columns)
            question = first_of(
                QUESTIONS, ["" if index == answer else name for index, name in enumerate(columns)]
            )
            if question is not None and _is_header(fields, columns, question):
                source = columns.index("source") if "source" in columns else None
                refuse_repeated(columns, (question, answer, source), line.origin)
                return Table(tuple(columns), delimiter, question, answer, source)
            if 2 * known >= len(columns) > 1 and known > columns.count(""):
                there = ", ".join(filter(None, columns))
                message = f"a table with the columns {there}: it needs question (or puzzle, quizzes)"
                raise InputError(f"{message}; answer (or solution) and source are read too", line.origin)
        return None

    def record(self, line: Line, more: Lines) -> Record | None:
        """The record that begins with this line and may take more of them; None if its fields are empty.

        Raises:
            InputError: it has other columns than the header, or its puzzle is missing.
        """
        fields, text = _fields(line, more, self.delimiter)
        while len(fields) > len(self.columns) and not fields[-1].strip():
            fields.pop()
        if not any(field.strip() for field in fields):
            return None
        if len(fields) != len(self.columns):
            message = f"this line has {len(fields)} columns, the header has {len(self.columns)}"
            raise InputError(message, line.origin)
        question, answer, source = (
            "" if index is None else fields[index] for index in (self.question, self.answer, self.source)
        )
        if not question.strip():
            raise InputError(f"the field {self.columns[self.question]} is empty", line.origin)

        def place(column: int) -> Place:
            before = text[: column - 1].split("\n")
            return (line.origin.line or 0) + len(before) - 1, len(before[-1]) + 1

        return Record(
            question, line.origin, answer, source.strip(), text, place=place if "\n" in text else None
        )


def _is_header(fields: Sequence[str], columns: Sequence[str], question: int) -> bool:
    """Whether these are names of columns, and not a sentence with a comma in it: "hello, world of puzzles".

    A name of several words counts where one of the other names is known as well.
    """
    if columns[question] in QUESTIONS:
        return True
    others = (name.split("_") for index, name in enumerate(columns) if index != question)
    known = any(_KNOWN.intersection(filter(None, parts)) for parts in others)
    return len(columns) > 1 and (known or " " not in fields[question].strip())


def is_separator(text: str) -> bool:
    """Whether a line says what stands between the fields (``sep=;``), which the header says as well."""
    return _SEPARATOR.fullmatch(text.strip()) is not None


def _fields(line: Line, more: Lines, delimiter: str) -> tuple[list[str], str]:
    """The fields of a line, and all of its text: with the lines that follow, where a quoted field goes on."""
    if '"' not in line.text:
        return line.text.split(delimiter), line.text
    taken = [line]

    def texts() -> Iterator[str]:
        yield line.text + "\n"
        while len(taken) < _LONGEST_CELL and (one := next(more, None)) is not None:
            taken.append(one)
            yield one.text + "\n"

    try:
        fields = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except csv.Error as error:
        more.back(taken[1:])
        opened = line.text.rfind('"') + 1 if "unexpected end" in str(error) else None
        message = "the quoted field that opens here does not end" if opened else f"is not CSV: {error}"
        raise InputError(message, line.origin, opened) from None
    return fields, "\n".join(one.text for one in taken)
