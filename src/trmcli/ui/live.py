"""One moment of the live view: the grid and what the model thinks of it, after a supervision step.

Beside the grid, where there is room, stands a panel of figures; else a line below says the most of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from trmcli.tasks.base import Bools, Cells, Puzzle
from trmcli.tasks.task import Task
from trmcli.ui.candidates import Candidates
from trmcli.ui.grid import Grid, changed_sign, conflicts, draws_pictures
from trmcli.ui.palette import GIVEN, SUPPOSED, Palette, palette_of

if TYPE_CHECKING:
    from trmcli.solving.answers import Answer, Frame

CURVE = 16
"""Steps that a curve shows."""
_BAR = CURVE
_LABELS, _VALUES = 9, 9
_PANEL = _LABELS + _VALUES + _BAR + 4  # columns, and two between them
_PANEL_ROWS = 12
_GAP = 3
BELOW = 2
"""Lines below the grid: what is going on, and which keys there are."""
_CURVE = ("_.-=*#", "▁▂▃▄▅▆▇█")
"""Heights of a curve, without and with Unicode."""


def fits(console: Console, task: Task, puzzle: Puzzle) -> bool:
    """Whether the terminal has room for the grid in some form, and for the lines below."""
    return Grid(task.of(puzzle), puzzle.cells, puzzle.cells).fitting(console, BELOW) is not None


def no_room(console: Console, grid: Grid) -> str:
    """What a terminal that is too small would need."""
    sizes = [grid.size(form) for form in grid.forms(console)]
    columns, rows = min(sizes, key=lambda size: size[0] * size[1])
    height, width = grid.shape
    return (
        f"not drawn: {height}x{width} cells need {columns} columns and {rows + BELOW} rows here, "
        f"and this terminal has {console.width} and {console.height}"
    )


@dataclass(frozen=True)
class Film:
    """One puzzle being solved: what does not change from one moment to the next.

    Attributes:
        task: with the rules of this puzzle.
        title: what stands over the panel: the kind, and what solves it.
        max_steps, tries: the limits, to show how much of them is spent.
        name: which puzzle it is: its file, and its number there.
    """

    task: Task
    puzzle: Puzzle
    title: str
    max_steps: int
    tries: int
    name: str = ""
    _figures: dict[int, Figures] = field(default_factory=dict, compare=False, repr=False)

    def scene(
        self,
        frames: Sequence[Frame],
        place: int,
        ending: tuple[Answer, str] | None,
        candidates: bool,
        hint: str,
        number: int | None = None,
    ) -> Scene:
        """What is to be seen at a place; -1 is the question. Frames are only ever added. With the ``number``
        of a round, from 0, it is this round of the step."""
        question = self.puzzle.cells
        frame = frames[min(place, len(frames) - 1)] if place >= 0 and frames else None
        before = frames[place - 1].cells if 0 < place <= len(frames) else question
        curve = self._curve(frames, place)
        if number is not None and frame is not None:
            rounds, curve = frame.rounds, curve[:-1]
            before = rounds[number - 1].cells if number else before
            frame = replace(rounds[number], inner=None)
        return Scene(self, frame, before, ending, candidates, hint, curve)

    def _curve(self, frames: Sequence[Frame], place: int) -> list[Figures]:
        """The figures of the steps of a try up to a place; each is counted once."""
        last = min(place, len(frames) - 1)
        numbers = range(max(0, last + 1 - CURVE), last + 1)
        for number in numbers:
            if number not in self._figures:
                before = frames[number - 1].cells if number else self.puzzle.cells
                self._figures[number] = Figures.of(self, before, frames[number])
        return [self._figures[number] for number in numbers if frames[number].attempt == frames[last].attempt]


@dataclass(frozen=True)
class Figures:
    """What a frame adds to the curves.

    Attributes:
        halt: the halting head's probability.
        changed: cells that are not what they were in the frame before.
        wrong: cells that break a rule.
    """

    halt: float
    changed: int
    wrong: int

    @staticmethod
    def of(film: Film, before: Cells, frame: Frame) -> Figures:
        question = film.puzzle.cells
        changed = (frame.cells != before) & film.task.codec.undecided(question)
        return Figures(frame.halt, int(changed.sum()), len(conflicts(film.task, question, frame.cells)))


@dataclass(frozen=True)
class Scene:
    """A rich renderable of one moment.

    Attributes:
        frame: the model's last step; None before the first.
        before: ``[height, width]`` the cells that stood there before.
        ending: the answer and what is to be said of it, at the end.
        candidates: whether doubtful cells show what they may hold, where there is room for it.
        hint: the last line; with an empty one there is none, and what is said may take several lines.
        curve: the figures of the steps of this try so far, for the curves.
    """

    film: Film
    frame: Frame | None
    before: Cells
    ending: tuple[Answer, str] | None = None
    candidates: bool = False
    hint: str = ""
    curve: Sequence[Figures] = ()

    @property
    def cells(self) -> Cells:
        if self.ending is not None:
            return self.ending[0].cells
        return self.film.puzzle.cells if self.frame is None else self.frame.cells

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        task, question, palette = self.film.task, self.film.puzzle.cells, palette_of(console)
        wrong, cells = conflicts(task, question, self.cells), self.cells
        changed: Bools = (cells != self.before) & task.codec.undecided(question)
        confidence = None if self.frame is None else self.frame.confidence
        supposed = () if self.frame is None else self.frame.supposed
        if self.ending is not None:
            confidence, supposed = self.ending[0].confidence, ()
        grid = Grid(task, question, cells, confidence, changed, wrong, supposed)
        if self.ending is not None:
            grid = replace(grid, changed=None)
        form = grid.fitting(console, BELOW)
        drawn: Grid | Candidates | None = None
        if self.candidates and confidence is not None:
            drawn = Candidates.of(grid, console, BELOW)
        if drawn is None:
            drawn = None if form is None else replace(grid, form=form)
        if drawn is None:
            yield Text(no_room(console, grid))
        else:
            columns, rows = (
                drawn.size() if isinstance(drawn, Candidates) else drawn.size(drawn.form or "wide")
            )
            panel = columns + _GAP + _PANEL <= options.max_width and console.height >= _PANEL_ROWS + BELOW
            if panel:
                figures = self._panel(palette, int(changed.sum()), len(wrong))
                yield from self._beside(drawn, columns, figures, console, options)
            else:
                yield drawn
        if self.ending is not None:
            roomy = not self.hint or (drawn is not None and console.height > max(rows, _PANEL_ROWS) + BELOW)
            if roomy:
                yield Text()
            yield self._said(console, palette)
        elif drawn is None or not panel:
            yield Text(self._line(), no_wrap=True, overflow="ellipsis")
        if self.hint:
            yield Text(self.hint, Style(color=palette.label), no_wrap=True, overflow="ellipsis", end="")

    def _line(self) -> str:
        """What the panel says, in one line."""
        film, frame = self.film, self.frame
        if frame is None:
            return f"{film.name}: {film.title}" if film.name else film.title
        step, attempt = f"step {frame.step}/{film.max_steps}", f"try {frame.attempt}/{film.tries}"
        inner = "" if frame.inner is None else f", {frame.inner}"
        return f"{step}{inner}, {attempt}, halting {frame.halt:.0%}"

    def _said(self, console: Console, palette: Palette) -> Text:
        assert self.ending is not None
        answer, verdict = self.ending
        colour = {"right": palette.good, "wrong": palette.bad}.get(answer.judgement)
        utf = console.encoding.lower().startswith("utf")
        sign = {"right": "✔", "wrong": "✘"}.get(answer.judgement, "·") if utf else ""
        head, colon, tail = verdict.partition(": ")
        text = Text.assemble((f"{sign} {head}".strip(), Style(color=colour, bold=True)), (colon + tail, ""))
        if self.hint:
            text.no_wrap, text.overflow = True, "ellipsis"
        return text

    def _beside(
        self,
        grid: RenderableType,
        columns: int,
        panel: RenderableType,
        console: Console,
        options: ConsoleOptions,
    ) -> RenderResult:
        """Line by line, which costs a third of what a table does."""
        left = console.render_lines(grid, options.update(width=columns), pad=True)
        right = console.render_lines(panel, options.update(width=_PANEL), pad=False)
        for before, after in zip_longest(left, right, fillvalue=None):
            yield from before or [Segment(" " * columns)]
            if after:
                yield Segment(" " * _GAP)
                yield from after
            yield Segment.line()

    def _panel(self, palette: Palette, changed: int, wrong: int) -> RenderableType:
        film, frame, cells = self.film, self.frame, self.cells
        attempt, step = (frame.attempt, frame.step) if frame else (1, 0)
        halt, seconds = (frame.halt, frame.seconds) if frame else (0.0, 0.0)
        label = Style(color=palette.label)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=_LABELS, style=label)
        table.add_column(width=_VALUES, justify="right", no_wrap=True)
        table.add_column(width=_BAR, no_wrap=True)
        filled, size = int(np.count_nonzero((cells != 0) | (film.puzzle.cells != 0))), cells.size

        def bar(done: int, whole: int) -> _Bar:
            return _Bar(done / whole, Style(color=palette.accent), Style(color=palette.rest))

        table.add_row("step", f"{step}/{film.max_steps}", bar(step, film.max_steps))
        if frame is not None and frame.inner is not None:
            inner = frame.inner
            table.add_row("round", f"{inner.round}/{inner.rounds}", bar(inner.round, inner.rounds))
            table.add_row("update", f"{inner.update}/{inner.updates}", bar(inner.update, inner.updates))
        table.add_row("try", f"{attempt}/{film.tries}", bar(attempt, film.tries))
        if not draws_pictures(film.task) and (frame is None or frame.inner is None):
            table.add_row("filled", f"{filled}/{size}", bar(filled, size))
        table.add_row(
            "halting", f"{halt:.0%}", _Curve([one.halt for one in self.curve], palette.ink(halt), 1)
        )
        supposed = len(frame.supposed) if frame else 0
        if supposed:
            table.add_row("supposed", str(supposed))
        table.add_row("changed", str(changed), _Curve([one.changed for one in self.curve], label))
        bad = Style(color=palette.bad)
        conflict = Text(str(wrong), bad if wrong else Style())
        table.add_row("conflicts", conflict, _Curve([one.wrong for one in self.curve], bad))
        table.add_row("time", f"{seconds:.2f} s")
        name, title = (film.name, film.title) if film.name else (film.title, "")
        return Group(
            Text(name, "bold", no_wrap=True, overflow="ellipsis"),
            Text(title, label, no_wrap=True, overflow="ellipsis"),
            table,
            Text(),
            Legend(draws_pictures(film.task)),
        )


@dataclass(frozen=True)
class Legend:
    """What the looks of the cells mean, by sign and by colour."""

    pictures: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette = palette_of(console)
        yield Segment("place", palette.mark) if self.pictures else Segment("given", GIVEN)
        for name, style in (
            (f"{changed_sign(options.ascii_only)}changed", palette.fresh),
            ("conflict!", palette.conflict),
            ("supposed*", SUPPOSED),
        ):
            yield Segment("  ")
            yield Segment(name, style)
        yield Segment.line()
        block = "#" if options.ascii_only else "■"
        yield Segment("doubt? ", palette.ink(0.0))
        if palette.depth != "none":
            for share in (0.3, 0.5, 0.65, 0.8, 0.9, 1.0):
                yield Segment(block, palette.ink(share))
            yield Segment(" sure", palette.ink(1.0))
        yield Segment.line()


@dataclass(frozen=True)
class _Bar:
    """A bar of ``_BAR`` columns, filled to a share between 0 and 1."""

    share: float
    done: Style
    rest: Style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full = round(min(max(self.share, 0.0), 1.0) * _BAR)
        done, rest = ("#", ".") if options.ascii_only else ("━", "─")
        yield Segment(done * full, self.done)
        yield Segment(rest * (_BAR - full), self.rest)


@dataclass(frozen=True)
class _Curve:
    """The last ``_BAR`` of some values from 0 to ``most``, or to the greatest of them, one column each."""

    values: Sequence[float]
    style: Style
    most: float = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        heights = _CURVE[0] if options.ascii_only else _CURVE[1]
        most = self.most or max(self.values, default=0) or 1
        shown = [heights[round(value / most * (len(heights) - 1))] for value in self.values[-_BAR:]]
        yield Segment("".join(shown), self.style)
