"""Several puzzles side by side, solved together: a moment is what all of them look like after a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from trmcli.tasks.base import Bools, Cells, Puzzle
from trmcli.tasks.task import Task
from trmcli.ui.grid import Form, Grid, conflicts
from trmcli.ui.live import BELOW, Film
from trmcli.ui.palette import Palette, palette_of

if TYPE_CHECKING:
    from trmcli.solving.answers import Answer, Frame

_GAP = 2
_CAPTION = 1


def room(console: Console, task: Task, puzzle: Puzzle, count: int | None = None) -> tuple[int, int, Form]:
    """How many puzzles like this fit beside and below each other, and in which form: the best in which
    ``count`` of them do, or else that in which most do."""
    grid = Grid(task.of(puzzle), puzzle.cells, puzzle.cells)
    most: tuple[int, int, Form] = (0, 0, "tight")
    for form in grid.forms(console):
        columns, rows = grid.size(form)
        across = (console.width + _GAP) // (columns + _GAP)
        down = (console.height - BELOW) // (rows + _CAPTION)
        if count is not None and across * down >= count:
            return across, down, form
        if across * down > most[0] * most[1]:
            most = across, down, form
    return most


@dataclass(frozen=True)
class Together:
    """One moment.

    Attributes:
        frames: the last step of each puzzle; None before its first.
        attempt: the lowest try that was worked on, which says how fast the moment passes.
    """

    frames: tuple[Frame | None, ...]
    attempt: int
    inner: None = None
    rounds: tuple[()] = ()


@dataclass(frozen=True)
class Wall:
    """Several puzzles of one kind and shape: what does not change from one moment to the next."""

    films: Sequence[Film]

    def scene(
        self,
        moments: Sequence[Together],
        place: int,
        ending: tuple[Sequence[Answer], str] | None,
        candidates: bool,
        hint: str,
        number: int | None = None,
    ) -> WallScene:
        """What is to be seen at a place; -1 is the question."""
        nothing: tuple[Frame | None, ...] = (None,) * len(self.films)
        last = min(place, len(moments) - 1)
        frames = moments[last].frames if last >= 0 else nothing
        before = moments[place - 1].frames if 0 < place <= len(moments) else nothing
        return WallScene(self.films, frames, before, ending, hint)


@dataclass(frozen=True)
class WallScene:
    """A rich renderable of one moment; see :class:`trmcli.ui.live.Scene`."""

    films: Sequence[Film]
    frames: Sequence[Frame | None]
    before: Sequence[Frame | None]
    ending: tuple[Sequence[Answer], str] | None
    hint: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette, first = palette_of(console), self.films[0]
        count = len(self.films)
        across, down, form = room(console, first.task, first.puzzle, count)
        if across * down < count:
            yield Text(f"{count} puzzles do not fit side by side here", no_wrap=True, overflow="ellipsis")
        else:
            across = -(-count // -(-count // across))  # lines of about equal length
            grids = [self._grid(number, form) for number in range(count)]
            columns, _ = grids[0].size(form)
            for start in range(0, len(grids), across):
                numbers = range(start, min(start + across, len(grids)))
                drawn = [
                    console.render_lines(grids[number], options.update(width=columns)) for number in numbers
                ]
                for lines in zip(*drawn, strict=True):
                    for line in lines:
                        yield from line
                        yield Segment(" " * _GAP)
                    yield Segment.line()
                for number in numbers:
                    yield self._caption(number, columns, console, palette)
                    yield Segment(" " * _GAP)
                yield Segment.line()
        said = self.ending[1] if self.ending else "solving side by side"
        yield Text(said, "bold", no_wrap=True, overflow="ellipsis")
        if self.hint:
            yield Text(self.hint, Style(color=palette.label), no_wrap=True, overflow="ellipsis", end="")

    def _grid(self, number: int, form: Form) -> Grid:
        film, frame, before = self.films[number], self.frames[number], self.before[number]
        question = film.puzzle.cells
        if self.ending is not None:
            answer = self.ending[0][number]
            wrong = conflicts(film.task, question, answer.cells)
            return Grid(film.task, question, answer.cells, answer.confidence, None, wrong, form=form)
        if frame is None:
            return Grid(film.task, question, question, form=form)
        stood: Cells = question if before is None else before.cells
        changed: Bools = (frame.cells != stood) & film.task.codec.undecided(question)
        wrong = conflicts(film.task, question, frame.cells)
        return Grid(
            film.task, question, frame.cells, frame.confidence, changed, wrong, frame.supposed, form=form
        )

    def _caption(self, number: int, columns: int, console: Console, palette: Palette) -> Segment:
        """Which puzzle it is, and how far it has come."""
        frame = self.frames[number]
        utf = console.encoding.lower().startswith("utf")
        done = frame is not None and frame.checked
        if self.ending is not None:
            done = self.ending[0][number].judgement == "right"
        sign = ("✔" if utf else "ok") if done else ""
        step = (
            "" if frame is None else f"step {frame.step}" + (f", try {frame.attempt}" * (frame.attempt > 1))
        )
        text = " ".join(filter(None, (str(number + 1), sign, step)))
        return Segment(text[:columns].ljust(columns), Style(color=palette.good if done else palette.label))
