"""Sudoku as text, in the many forms that people bring.

:class:`SudokuReader` tells them apart line by line. No puzzle is dropped in silence: every word of a line
that is a whole puzzle counts as one, whatever stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Puzzle
from trmcli.tasks.foreign import is_title
from trmcli.tasks.lines import Item, Line, Reader, Record, Skip
from trmcli.tasks.sudoku.drawn import NO_SUDOKU, Grid, drawn_on_one_line
from trmcli.tasks.sudoku.grid import SIZES, SYMBOLS
from trmcli.tasks.sudoku.layout import LINE_OF, symbols_in
from trmcli.tasks.sudoku.rows import Row, fields_of, one_line, spans_of
from trmcli.tasks.sudoku.signs import (
    BORDER_SIGNS,
    CELL_SIGNS,
    LARGE,
    WORD,
    damaged,
    first_wrong,
    is_candidates,
    is_comment,
    runs,
)
from trmcli.tasks.sudoku.words import (
    check_givens,
    drawn_puzzle,
    is_answer,
    with_answer,
    word_puzzle,
    wrong_length,
)

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")
_TITLE = re.compile(r"(grid|puzzle|sudoku|board|problem|number|level|nr|no)\b[^a-z]*$", re.IGNORECASE)
_SECTION = re.compile(r"\[(\w+)\]$")
_COLUMN_NAME = re.compile(r"[A-Za-z][\w.-]{1,40}")
_APART = re.compile(r"[\s/|;,]")
"""What may stand between the cells or the rows of a field."""
_PROSE = re.compile(r"[^\W\d_]{3}")


def is_argument(text: str) -> bool:
    """Whether a line is meant as a puzzle, or perhaps as one with too few or too many cells."""
    words = text.split()
    if any(
        WORD.fullmatch(line) and (len(line) in (16, 36) or len(line) > 40) and re.search(r"[\d.?-]", line)
        for line in (words[0], "".join(words))
    ):
        return True
    return bool(one_line(text)) and re.search("[A-Za-z]", text) is None


class SudokuReader(Reader):
    """Turns lines into puzzles.

    What may be open between two lines: a drawn grid, a section of an ``.sdk`` file that is passed over, and
    lines of 16 cells that may be 4x4 puzzles or the first rows of a 16x16 grid (``held``). Where an error
    ends it, the line that brought it out is read again, so that only the damaged puzzle is lost.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.item: Item = Line("", Origin(name, 0))
        self.waiting: list[Item] = []
        self.held: list[Line] = []
        self.small = False  # lines of 16 cells have turned out to be 4x4 puzzles
        self.grid = Grid()
        self.skipping = False
        self.skipped = 0
        self.below = False  # a drawn grid has ended, and what its program writes below it may follow
        self.titles: list[InputError] = []  # lines that may be one, as long as no puzzle has come
        self.failed = False

    def forget(self) -> None:
        self.failed = True
        self.held = self.held if self.small else []
        self.grid = self.grid.passed_over() if self.grid.taken else Grid()

    def read(self, items: Iterable[Item], skip: Skip | None = None) -> Iterator[Puzzle]:
        yield from super().read(self.and_what_waits(items), skip)

    def and_what_waits(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, and empty lines after them until nothing waits for one."""
        yield from items
        while self.waiting or self.held:
            yield Line("", self.item.origin)

    def line(self, text: str) -> Iterator[Puzzle]:
        yield from self.go_on(Line(text, Origin(self.name, self.number)))

    def record(self, record: Record) -> Iterator[Puzzle]:
        yield from self.go_on(record)

    def finish(self) -> Iterator[Puzzle]:
        """What the end of the input completes."""
        yield from self.go_on()
        yield from self.settle()
        if not self.found and not self.failed:
            raise next(iter(self.titles), InputError("holds no puzzle", self.name))

    def go_on(self, *items: Item) -> Iterator[Puzzle]:
        self.waiting += items
        if self.small and self.failed:
            yield from self.release()
        while self.waiting:
            self.item = self.waiting.pop(0)
            self.number = self.item.origin.line or 0
            if isinstance(self.item, Line):
                yield from self.plain(self.item.text)
            else:
                yield from self.end(self.settle())
                yield self.checked(self.puzzle_of(self.item))

    def end(self, what: Iterator[Puzzle]) -> Iterator[Puzzle]:
        """End what is open before this line, which is read again if there is an error in that."""
        try:
            yield from what
        except InputError:
            self.waiting.insert(0, self.item)
            raise

    @contextmanager
    def before(self, text: str, left: Sequence[int]) -> Iterator[None]:
        """Should there be an error in this part of a line, those that are ``left`` then, by their starts, are
        read afterwards."""
        try:
            yield
        except InputError:
            if left:
                self.waiting.insert(0, Line(" " * left[0] + text[left[0] :], self.item.origin))
            raise

    # Lines

    def plain(self, text: str) -> Iterator[Puzzle]:
        if control := _CONTROL.search(text):
            self.fail(
                f"is not text: it has the control character {ord(control[0]):#04x}", control.start() + 1
            )
        stripped, grid = text.strip(), self.grid
        fields = None if self.skipping else fields_of(text, grid.size)
        if grid.complete:  # it has a border above and waits for the one below
            closing = bool(stripped) and not is_comment(stripped) and not fields and grid.is_border(stripped)
            if closing:
                grid.lines.append((self.item.origin, text))
            yield from self.close() if closing else self.end(self.close())
            if closing:
                return
        if fields:
            yield from self.end(self.release())
            yield from self.row(text, fields)
        elif not stripped:
            yield from self.blank()
        elif section := _SECTION.match(stripped):
            yield from self.end(self.settle())
            self.skipping, self.skipped = section[1].lower() != "puzzle", 0
        elif self.skipping:
            self.skipped += 1
        elif is_comment(stripped):
            yield from self.end(self.release())
        else:
            yield from self.content(text, stripped)

    def blank(self) -> Iterator[Puzzle]:
        yield from self.end(self.release())
        self.small = False
        if self.skipping and self.skipped:
            self.skipping = False
        grid = self.grid
        if grid.may_pause() and not (grid.by_place and grid.may_end()):
            grid.gap = True
            grid.lines.append((self.item.origin, ""))
        else:
            yield from self.settle()

    def settle(self) -> Iterator[Puzzle]:
        """End what is open: nothing that follows belongs to it."""
        yield from self.release()
        grid = self.grid
        if not grid.taken or grid.broken:
            self.grid = Grid()
            return
        if grid.complete or grid.may_end():
            yield from self.close()
            return
        self.grid = Grid()
        rows = grid.rows
        origin, column = rows[-1].origin, rows[-1].spans[-1][1] if rows[-1].spans else None
        if grid.size == 16 and len(rows) == 1 and not grid.framed:
            yield self.one_row(rows[0])
            return
        size = f" of {grid.size} rows of {grid.size} cells" if grid.size else " rows"
        raise InputError(f"the grid ends after {grid.count}{size}", origin, column)

    def one_row(self, row: Row) -> Puzzle:
        """A row of 16 cells that is alone is a 4x4 puzzle."""
        signs = row.signs()
        wrong = first_wrong(signs, 4, SYMBOLS)
        if wrong is not None:
            message = f"{signs[wrong]!r} is not a digit of a 4x4 Sudoku: use 1-4; a 16x16 grid has 16 rows"
            raise InputError(message, row.origin, row.spans[wrong][0] + 1)
        drawn = drawn_on_one_line(row.text, row.spans, row.origin, whole=True)
        return self.checked(drawn_puzzle(drawn))

    def content(self, text: str, stripped: str) -> Iterator[Puzzle]:
        several, whole = one_line(text), runs(text)
        if len(stripped) == 16 and WORD.fullmatch(stripped) and not self.grid.is_border(stripped):
            yield from self.sixteen(text, stripped)
        elif several:
            yield from self.end(self.settle())
            left = [spans[0][0] for spans in several]
            for spans in several:
                del left[0]
                with self.before(text, left):
                    drawn = drawn_on_one_line(text, spans, self.item.origin, whole=len(several) == 1)
                    puzzle = self.checked(drawn_puzzle(drawn))
                yield puzzle
        elif whole and not self.is_row_of_sixteen(text, whole):
            yield from self.end(self.settle())
            yield from self.words(text, whole)
        elif _TITLE.match(stripped):
            yield from self.end(self.settle())
        else:
            yield from self.other(text, stripped)

    def other(self, text: str, stripped: str) -> Iterator[Puzzle]:
        """What is neither a puzzle nor a title: a row, a border, a header, prose, or a mistake."""
        open_ = self.grid.taken and not self.grid.gap
        columns = [column.strip().lower() for column in text.split(",")]
        if not open_ and len(columns) > 1 and all(_COLUMN_NAME.fullmatch(column) for column in columns):
            self.fail(
                f"a CSV header with the columns {', '.join(columns)}: it needs question (or puzzle,"
                " quizzes); source, answer (or solution) and rating may be there too"
            )
        word = damaged(text, [])
        if word and not self.grid.is_border(stripped) and not is_candidates(text):
            yield from self.end(self.settle())
            wrong_length(word[0], self.item.origin, word.start())
        if not self.grid.taken and self.is_prose(text):
            if self.below:
                return
            if not self.found and is_title(stripped):
                self.titles.append(InputError(NO_SUDOKU, self.item.origin, text.index(stripped) + 1))
                return
        yield from self.drawn(text, stripped)

    def is_prose(self, text: str) -> bool:
        return any(
            _PROSE.search(word) and not all(sign in CELL_SIGNS for sign in word) for word in text.split()
        )

    def is_row_of_sixteen(self, text: str, whole: Sequence[re.Match[str]]) -> bool:
        """Whether the only puzzle on the line stands between bars: then it is a row."""
        around = text[: whole[0].start()] + text[whole[0].end() :]
        return len(whole) == 1 and len(whole[0][0]) == 16 and around.strip()[:1] in BORDER_SIGNS - set(",#;")

    # Puzzles on one line

    def words(self, text: str, whole: Sequence[re.Match[str]]) -> Iterator[Puzzle]:
        """All puzzles of a line; one without blanks that follows another may be its answer."""
        fields = [field.strip(' "') for field in re.split("[,;\t]", text)]
        source = fields[0] if len(fields) > 1 and fields[1] == whole[0][0] else ""
        bad = damaged(text, whole)
        found = sorted([*whole, *([bad] if bad else [])], key=re.Match.start)
        left = [word.start() for word in found]
        while left:
            word = found[-len(left)]
            del left[0]
            with self.before(text, left):
                if word is bad:
                    wrong_length(word[0], self.item.origin, word.start())
                puzzle = word_puzzle(word[0], self.item.origin, word.start(), source)
                answer = found[-len(left)] if left else None
                if answer and is_answer(puzzle, answer[0]):
                    del left[0]
                    puzzle = with_answer(puzzle, answer[0], self.item.origin, answer.start())
                self.checked(puzzle)
            yield puzzle

    def sixteen(self, text: str, stripped: str) -> Iterator[Puzzle]:
        """A line of 16 cells: a 4x4 puzzle, or a row of a 16x16 grid."""
        grid = self.grid
        in_grid = grid.taken > 0 and (grid.size == 16 or not grid.gap)
        if in_grid or (not self.small and LARGE.search(stripped)):
            yield from self.drawn(text, stripped)
            return
        if grid.taken:
            yield from self.end(self.settle())
        self.held.append(Line(text, self.item.origin))
        if self.small or len(self.held) == 16:
            yield from self.release()

    def release(self) -> Iterator[Puzzle]:
        """The lines held back are 4x4 puzzles."""
        while self.held:
            self.small = True
            line = self.held.pop(0)
            text = line.text.strip()
            yield self.checked(word_puzzle(text, line.origin, line.text.index(text)))

    # Tables

    def puzzle_of(self, record: Record) -> Puzzle:
        question, known = record.question.strip(), record.answer.strip()
        if not question:
            self.fail("there is no puzzle in this record")
        start = record.column(question) - 1
        if len(record.question) in (36, 81, 256) and re.fullmatch("[1-9A-G ]+", record.question):
            question, start = record.question.replace(" ", "."), record.column(record.question) - 1
        if not _APART.search(question):
            if len(question) not in SIZES:
                wrong_length(question, record.origin, start)
            puzzle = word_puzzle(question, record.origin, start)
        else:
            puzzle = self.drawn_in(question, start)
        symbols = symbols_in(puzzle.layout)
        layout = "csv" if symbols == SYMBOLS else LINE_OF[symbols]
        puzzle = replace(puzzle, origin=record.origin, layout=layout, source=record.source)
        if not known:
            return puzzle
        start = record.column(known, last=True) - 1
        if _APART.search(known):
            values = self.drawn_in(known, start).cells.ravel().tolist()
            known = "".join(symbols[value] for value in values)
        return with_answer(puzzle, known, record.origin, start)

    def drawn_in(self, text: str, start: int) -> Puzzle:
        """The one puzzle that is drawn in a field: with several lines, or other signs between its rows."""
        lines = text.splitlines()
        try:
            reader = SudokuReader(self.name)
            puzzles = list(reader.read(Line(t, Origin(self.name, i)) for i, t in enumerate(lines)))
        except InputError as error:
            origin, column = error.origin, start
            if isinstance(origin, Origin) and error.column is not None:
                column += sum(len(line) + 1 for line in lines[: origin.line or 0]) + error.column
            raise InputError(error.message, self.item.origin, column or None) from None
        if len(puzzles) != 1:
            self.fail(f"this field holds {len(puzzles)} puzzles: give each of them a line", start + 1)
        return puzzles[0]

    # Drawn grids

    def drawn(self, text: str, stripped: str) -> Iterator[Puzzle]:
        """A row or a border of a grid."""
        border = self.grid.is_border(stripped)
        if self.held and (len(self.held) % 4 if border else len(spans_of(text, 16)) != 16):
            yield from self.end(self.release())
        if self.held:  # they are the first rows of this grid
            item, held = self.item, self.held
            self.held = []
            for self.item in held:
                yield from self.row(self.item.text, spans_of(self.item.text, 16))
            self.item = item
        grid = self.grid
        if not border:
            yield from self.row(text, spans_of(text, grid.largest))
            return
        if grid.by_place and not isinstance(grid.lines[-1], Row) and grid.may_end():
            yield from self.end(self.settle())
        self.grid.lines.append((self.item.origin, text))

    def row(self, text: str, spans: Sequence[tuple[int, int]]) -> Iterator[Puzzle]:
        row = Row(self.item.origin, text, tuple(spans))
        if self.grid.gap and not self.grid.broken and not self.grid.takes(row):
            yield from self.end(self.settle())
        grid, self.below = self.grid, False
        grid.add(row)
        if grid.complete and not grid.framed:
            yield from self.close()

    def close(self) -> Iterator[Puzzle]:
        grid, self.grid, self.below = self.grid, Grid(), True
        if not grid.broken:
            yield self.checked(drawn_puzzle(grid.finished()))

    def checked(self, puzzle: Puzzle) -> Puzzle:
        check_givens(puzzle)
        self.found = True
        return puzzle
