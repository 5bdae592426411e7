"""Mazes as text: drawn, or on one line.

A wall is ``#`` or a block character, an open cell a space or ``.``. Other signs are in
:mod:`trmcli.tasks.maze.signs`; cells that are set apart, in :mod:`trmcli.tasks.maze.drawn`; walls between
cells, in :mod:`trmcli.tasks.maze.between`. Without any start and goal, exactly two gaps in the border are
these; the first one is S.

Drawn mazes end with an empty line. A maze on one line is a square, or has ``/`` between its rows. Titles,
sizes and comments stand above or below a maze. A path that is drawn in becomes the known answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NoReturn

import numpy as np

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.lines import Reader, Record
from trmcli.tasks.maze.between import cells_between, is_top, mark_passages, unmark_passages
from trmcli.tasks.maze.drawn import Row, Sheet, border, gaps, sheet
from trmcli.tasks.maze.grid import GOAL, LARGEST_SIDE, LETTERS, OPEN, PATH, START, WALL, shortest
from trmcli.tasks.maze.recognise import is_note, size_of
from trmcli.tasks.maze.rules import problems_of
from trmcli.tasks.maze.signs import DIGITS, MARKS, VALUES, letters, meanings, with_legend

_WIDEST_CELL = 8
"""Signs that one cell takes in a row at most, with what sets it apart."""
_CELL = re.compile("\0(.?)\0")
_NOWHERE = Origin("")


def write(puzzle: Puzzle, cells: Cells) -> str:
    """The maze as it was drawn with the path in it, or its letters on one line: a square maze without
    anything between its rows, others with ``/``."""
    if puzzle.layout in ("line", "csv"):
        height, width = cells.shape
        return _certain("" if height == width else "/", cells)
    head, text = puzzle.layout.split("\n", 1)
    signs, form = head[:5], head[5:]
    if "between" in form:
        cells = unmark_passages(cells)
    values = iter(zip(cells.ravel().tolist(), puzzle.cells.ravel().tolist(), strict=True))

    def sign(match: re.Match[str]) -> str:
        value, given = next(values)
        return match[1] if value == given else signs[value]

    text = _CELL.sub(sign, text)
    return "\n".join(line.rstrip(" ") for line in text.split("\n")) if "trimmed" in form else text


def _layout(sheet: Sheet, cells: Cells, signs: str, before: str) -> str:
    """What :func:`write` needs: the signs of the values, what is special in the form, and the text, in which
    every cell stands between NULs. A path in it is left out."""
    form = " between" * sheet.between + " trimmed" * sheet.trimmed
    return f"{signs}{form}\n{before}" + sheet.template(
        lambda row, column: signs[OPEN] if cells[row, column] == PATH else sheet.sign(row, column)
    )


def draw(cells: Cells) -> str:
    """A maze in letters, row by row. Open cells are spaces, or ``.`` where a row would end in a space,
    which gets lost easily, or where the blanks could be taken for what sets the cells apart."""
    text = _certain("\n", cells)
    return text.replace(" ", ".") if " \n" in text or text.endswith(" ") else text


def _certain(joint: str, cells: Cells) -> str:
    """A maze in letters, so written that it cannot be read in another way."""
    rows = ["".join(LETTERS[value] for value in row) for row in cells.tolist()]
    text = joint.join(rows)
    try:
        read = sheet([Row(row, _NOWHERE) for row in (rows if joint else [text])], VALUES, joint)
    except InputError:
        return text.replace(" ", ".")
    return text if "".join(read.signs) == "".join(rows) else text.replace(" ", ".")


class MazeReader(Reader):
    """Turns lines into mazes. Between two lines, the rows of a drawn maze may be open.

    Args:
        legend: what signs mean, where that is not what they mean otherwise.
    """

    def __init__(self, name: str, legend: Mapping[str, int] | None = None) -> None:
        super().__init__(name)
        self.legend = legend or {}
        self.values = with_legend(self.legend)
        self.lost = False  # whether what comes is the rest of a maze that was refused
        self._begin()

    def _begin(self) -> None:
        self.above: list[Row] = []  # notes
        self.rows: list[Row] = []
        self.below: list[Row] = []  # notes
        self.whole = False  # whether one of the rows is a maze by itself
        self.singly = False  # whether every line is one, up to an empty line

    def forget(self) -> None:
        """Nothing is open after an error: whatever was is closed before it is looked at."""

    def line(self, text: str) -> Iterator[Puzzle]:
        row = Row(text, Origin(self.name, self.number))
        if not text or (text.isspace() and self.rows and len(text) != len(self.rows[0].text)):
            self.lost = False
            yield from self.settle()
        elif self.lost:
            return
        elif is_note(text, self.values):
            (self.below if self.rows else self.above).append(row)
        elif self.singly:
            yield from self._all(self._parts(row))
        elif _is_blank(self.rows) and self._is_certain(row):
            self._begin()
            self.singly = True
            yield from self._all(self._parts(row))
        elif self.whole and self._is_whole(row):
            rows = [*self.rows, row]
            self._begin()
            self.singly = True
            yield from self._all(part for one in rows for part in self._parts(one))
        elif self._has_ends() and any(not _is_marked(note) for note in self.below):
            rows, above = self.rows, self.below  # a title, and the next maze without an empty line
            self._begin()
            self.above = above
            self._add(row)
            yield from self._settled(rows)
        else:
            self._add(row)

    def _has_ends(self) -> bool:
        signs = {sign for row in self.rows for sign in row.text}
        return {START, GOAL} <= set(map(meanings(signs, self.legend).get, signs))

    def _add(self, row: Row) -> None:
        self.rows += [note for note in self.below if not _is_marked(note)]
        self.rows.append(row)
        self.below = []
        self.whole = self.whole or self._is_whole(row)
        wide, high = len(row.text) > LARGEST_SIDE * _WIDEST_CELL, len(self.rows) > LARGEST_SIDE
        if wide or high:
            self._begin()
            self.lost = True
        if high:
            row.fail(f"a maze may have {LARGEST_SIDE} rows at most")
        if wide:
            row.fail(_too_wide(len(row.text)), LARGEST_SIDE)

    def finish(self) -> Iterator[Puzzle]:
        yield from self.settle()
        if not self.found:
            raise InputError("holds no maze", self.name)

    def record(self, record: Record) -> Iterator[Puzzle]:
        self.lost = False
        yield from self._all([self.settle(), self._of_record(record)])

    def _of_record(self, record: Record) -> Iterator[Puzzle]:
        question = self._field(record, record.question)
        answer = None
        if record.answer.strip():
            answer = self._field(record, record.answer, last=True)
            if answer.shape != question.shape:
                answer.fail(f"the answer has {answer.size} cells, the question {question.size}")
        yield self.puzzle(question, record.origin, "record", answer, record.source)

    def _all(self, mazes: Iterable[Iterator[Puzzle]]) -> Iterator[Puzzle]:
        """All of these mazes. What is wrong with one of them does not take the others with it."""
        failed: list[InputError] = []
        for maze in mazes:
            try:
                yield from maze
            except InputError as error:  # noqa: PERF203
                failed.append(error)
        if failed:
            more = f" ({len(failed) - 1} more here cannot be read either)" if failed[1:] else ""
            raise InputError(failed[0].message + more, failed[0].origin, failed[0].column)

    def _field(self, record: Record, text: str, last: bool = False) -> Sheet:
        """The cells of a field of a record."""
        row = Row(text, record.origin, record.column(text, last))
        if "\n" not in text:
            return self._one_line(row)
        rows = list(_split(row, "\n"))
        return self._drawn([one for one in rows if one.text and not is_note(one.text, self.values)])

    def settle(self) -> Iterator[Puzzle]:
        """End the maze that is open."""
        above, rows = self.above, self.rows
        self._begin()
        if _is_blank(rows):
            self._check_notes(above)
        else:
            yield from self._settled(rows)

    def _settled(self, rows: list[Row]) -> Iterator[Puzzle]:
        first = next(index for index, row in enumerate(rows) if row.text.strip())
        while first and len(rows[first - 1].text) == len(rows[first].text):
            first -= 1  # open rows at the top, not blank lines that a maze of another width follows
        rows = rows[first:]
        parts = list(_split(rows[0], r"\s+"))
        if len(rows) == 1 and self._is_whole(rows[0]):
            yield from self._all(self._parts(rows[0]))
        elif len(rows) == 1 and len(parts) > 2 and self._are_rows(parts):
            yield self.puzzle(sheet(parts, self.values, " "), rows[0].origin)
        else:
            yield self.puzzle(self._drawn(rows), rows[0].origin, "drawn")

    def _check_notes(self, notes: Sequence[Row]) -> None:
        """Refuse what looks like a maze in unknown signs: rows of one length without a blank in them."""
        blanks = any(" " in note.text for note in notes)
        if len(notes) > 2 and len({len(note.text) for note in notes}) == 1 and not blanks:
            self._cells(sheet(notes, self.values))

    # From rows to cells

    def _parts(self, row: Row) -> Iterator[Iterator[Puzzle]]:
        """The mazes of a line that holds nothing else."""
        parts = list(_split(row, " +"))
        if len(parts) == 1 or not all(len(part.text) > 2 and self._is_whole(part) for part in parts):
            parts = [row]
        for part in parts:
            yield self._of_line(part)

    def _of_line(self, row: Row) -> Iterator[Puzzle]:
        yield self.puzzle(self._one_line(row), row.origin)

    def _is_certain(self, row: Row) -> bool:
        """Whether a line holds mazes for certain, whatever follows it."""
        parts = list(_split(row, " +"))
        if len(parts) > 1 and all(len(part.text) > 2 and self._is_whole(part) for part in parts):
            return True
        if "/" in row.text and "/" not in self.values:
            return True
        try:
            square = sheet([row], self.values).square()
        except InputError:
            return False
        if square is None or (square.size <= LARGEST_SIDE and not self._is_whole(row)):
            return False
        edge = "".join((*square.signs[0], *square.signs[-1], *(line[0] + line[-1] for line in square.signs)))
        closed = square.size > 4 and all(self.values.get(sign) == WALL for sign in edge)
        return closed or square.size > LARGEST_SIDE

    def _is_whole(self, row: Row) -> bool:
        """Whether a row is a maze by itself: a square, or with ``/`` in it, that has a start and a goal."""
        values = meanings(set(row.text), self.legend)
        count = Counter(values.get(sign) for sign in row.text)
        if count[START] != 1 or count[GOAL] != 1 or not set(row.text) <= {*values, *"/,;\t"}:
            return False
        try:
            return "/" in row.text or sheet([row], self.values).square() is not None
        except InputError:
            return False

    def _are_rows(self, parts: Sequence[Row]) -> bool:
        """Whether these are rows that stood on lines of their own, such as ``echo $(cat maze.txt)`` joins."""
        dots = any(self.values.get(sign) == OPEN for part in parts for sign in part.text)
        return dots and len(parts[0].text) > 2 and len({len(part.text) for part in parts}) == 1

    def _one_line(self, row: Row) -> Sheet:
        if "/" in row.text and "/" not in self.values:
            return sheet(list(_split(row, "/")), self.values, "/")
        line = sheet([row], self.values)
        square = line.square()
        if square is None:
            line.fail(f"{line.size} cells on one line make no square maze: put / between the rows of others")
        return square

    def _drawn(self, rows: Sequence[Row]) -> Sheet:
        """The cells of a drawn maze, before which its size may stand."""
        size = size_of(rows[0].text) if len(rows) > 1 else ()
        digits = all(set(row.text) <= set("0123 ") for row in rows)
        if not size or (digits and len(rows[0].text) == len(rows[1].text)):
            return self._rows(rows)
        found = self._rows(rows[1:])
        height, width = found.shape
        sizes = ((height, width), (height // 2, width // 2), (height - 2, width - 2))
        if len(size) > 1 and not {size, size[::-1]} & set(sizes):
            message = f"says {size[0]} x {size[1]}, and the maze below has {height} x {width} cells"
            rows[0].fail(message, 0)
        return found

    def _rows(self, rows: Sequence[Row]) -> Sheet:
        lines = set(rows[0].text) - {" "}
        if is_top(rows[0].text) and len(rows) > 2 and not lines <= set(self.legend):
            return cells_between(rows)
        return sheet(rows, self.values)

    def _cells(self, sheet: Sheet) -> tuple[Cells, str]:
        """``[height, width]``, and the sign of each value."""
        if max(sheet.shape) > LARGEST_SIDE:
            height, width = sheet.shape
            message = f"a maze of {height}x{width} is too large: at most {LARGEST_SIDE}x{LARGEST_SIDE}"
            sheet.fail(_too_wide(width) if height == 1 else message, 0, LARGEST_SIDE if height == 1 else 0)
        counts = Counter("".join(sheet.signs))
        values = meanings(counts, self.legend)
        strange = next((sign for row in sheet.signs for sign in row if sign not in values), "")
        marked = strange in MARKS and strange and not any(values.get(sign) == PATH for sign in counts)
        if marked:
            values = {**values, strange: PATH}
            strange = next((sign for row in sheet.signs for sign in row if sign not in values), "")
        if strange:
            self._fail_strange(sheet, strange)
        cells = np.array([[values[sign] for sign in row] for row in sheet.signs], dtype=np.uint8)
        self._set_ends(cells, sheet, values)
        if sheet.between:
            cells = mark_passages(cells)
        if values == DIGITS and "1" in counts and "1" not in "".join(border(sheet.signs)):
            message = "the border is open all around if 0 is, so 0 may be a wall: say which, as with"
            sheet.fail(f"{message} --legend '1=wall,0=open,2=start,3=goal'")
        question = np.where(cells == PATH, OPEN, cells)
        if marked and any(problems_of(question, cells)):
            self._fail_strange(sheet, next(sign for sign in counts if sign in MARKS))
        if not shortest(question):
            sheet.fail("there is no way from this S to G", *np.argwhere(cells == START)[0].tolist())
        return cells, letters(counts, values)

    def _fail_strange(self, sheet: Sheet, sign: str) -> NoReturn:
        row = next(index for index, signs in enumerate(sheet.signs) if sign in signs)
        meaning = "1=wall,0=open" if sign in "01" else f"{sign}=wall"
        legend = f"or say what the signs mean, as with --legend '{meaning}'"
        if sign in MARKS:
            message = f"{sign!r} does not mark a shortest path from S to G: draw one, {legend}"
        elif sign in "_|":
            message = f"{sign!r} is not read as a wall: draw walls between cells as +---+ and |, {legend}"
        else:
            message = (
                f"{sign!r} is not a part of a maze: use # for walls, space or . for open cells, S for the "
                f"start, G for the goal, {legend}"
            )
        sheet.fail(message, row, sheet.signs[row].index(sign))

    def _set_ends(self, cells: Cells, sheet: Sheet, values: Mapping[str, int]) -> None:
        """Find S and G, or the two gaps in the border that stand for them."""
        places = [np.argwhere(cells == value).tolist() for value in (START, GOAL)]
        if not any(places):
            found = gaps(sheet.signs, values)
            if len(found) == 2:
                cells[found[0]], cells[found[1]] = START, GOAL
                return
        for place, what in zip(places, ("S, the start", "G, the goal"), strict=True):
            if not place:
                both = "" if any(places) else ", nor exactly two gaps of one cell in its border"
                sheet.fail(f"this maze has no {what}{both}")
            if len(place) > 1:
                sheet.fail(f"a second {what}: a maze has one", *place[1])

    def puzzle(
        self, found: Sheet, origin: Origin, form: str = "line", known: Sheet | None = None, source: str = ""
    ) -> Puzzle:
        cells, signs = self._cells(found)
        answer = None if known is None else self._cells(known)[0]
        gap = (
            "\n" if self.found and form == "drawn" else ""
        )  # so that answers are set apart as the mazes were
        layout = _layout(found, cells, signs, gap)
        if form == "record" and not found.between and set("".join(found.signs)) <= set(LETTERS):
            layout = "csv"
        if (cells == PATH).any():
            answer = cells if answer is None else answer
            cells = np.where(cells == PATH, OPEN, cells).astype(np.uint8)
        problem = None if answer is None else next(problems_of(cells, answer), None)
        if problem is not None:
            raise InputError(f"the path given is wrong: {problem.message}", origin)
        self.found = True
        return Puzzle(cells, origin, layout, answer, source)


def _is_blank(rows: Sequence[Row]) -> bool:
    return not any(row.text.strip() for row in rows)


def _is_marked(note: Row) -> bool:
    """Whether a note may stand between the rows of a maze."""
    return note.text.lstrip().startswith((";", "//"))


def _split(row: Row, joint: str) -> Iterator[Row]:
    """The parts of a row, which know where they stand."""
    at = 0
    for match in re.finditer(f"{joint}|$", row.text):
        yield Row(row.text[at : match.start()], row.origin, row.column + at)
        at = match.end()


def _too_wide(width: int) -> str:
    return f"a row of {width} cells is too long: a maze may have {LARGEST_SIDE} columns at most"
