"""One moment of the live view: the grid and what the model thinks of it, after a supervision step.

Beside the grid, where there is room, stands a panel of figures; else a line below says the most of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from trmcli.ui.grid import (
    CHANGED,
    CONFLICT,
    SUPPOSED,
    Grid,
    conflicts,
    draws_pictures,
    ramp_color,
    ramp_style,
    rgb,
)

if TYPE_CHECKING:
    from trmcli.solving.answers import Answer, Frame

_BAR = 16
_LABELS, _VALUES = 9, 9
_PANEL = _LABELS + _VALUES + _BAR + 4  # columns, and two between them
_PANEL_ROWS = 12
_GAP = 3
BELOW = 2
"""Lines below the grid: what is going on, and which keys there are."""
_REST = Style(color="rgb(60,66,82)")
_LABEL = Style(color="rgb(128,138,158)")


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
        title: what stands over the panel.
        max_steps, tries: the limits, to show how much of them is spent.
    """

    task: Task
    puzzle: Puzzle
    title: str
    max_steps: int
    tries: int


@dataclass(frozen=True)
class Scene:
    """A rich renderable of one moment.

    Attributes:
        frame: the model's last step; None before the first.
        before: ``[height, width]`` the cells that stood there before.
        ending: the answer and what is to be said of it, at the end.
        candidates: whether doubtful cells show what they may hold, where there is room for it.
        hint: the last line; with an empty one there is none, and what is said may take several lines.
    """

    film: Film
    frame: Frame | None
    before: Cells
    ending: tuple[Answer, str] | None = None
    candidates: bool = False
    hint: str = ""

    @property
    def cells(self) -> Cells:
        if self.ending is not None:
            return self.ending[0].cells
        return self.film.puzzle.cells if self.frame is None else self.frame.cells

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        task, question = self.film.task, self.film.puzzle.cells
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
                figures = self._panel(int(changed.sum()), len(wrong))
                yield from self._beside(drawn, columns, figures, console, options)
            else:
                yield drawn
        if self.ending is not None:
            roomy = not self.hint or (drawn is not None and console.height > max(rows, _PANEL_ROWS) + BELOW)
            if roomy:
                yield Text()
            yield self._said(console)
        elif drawn is None or not panel:
            yield Text(self._line(), no_wrap=True, overflow="ellipsis")
        if self.hint:
            yield Text(self.hint, _LABEL, no_wrap=True, overflow="ellipsis", end="")

    def _line(self) -> str:
        """What the panel says, in one line."""
        if self.frame is None:
            return self.film.title
        film, step, attempt = self.film, self.frame.step, self.frame.attempt
        return f"step {step}/{film.max_steps}, try {attempt}/{film.tries}, halting {self.frame.halt:.0%}"

    def _said(self, console: Console) -> Text:
        assert self.ending is not None
        answer, verdict = self.ending
        colour = {"right": "rgb(72,199,142)", "wrong": "rgb(224,108,117)"}.get(answer.judgement, "default")
        utf = console.encoding.lower().startswith("utf")
        sign = {"right": "✔", "wrong": "✘"}.get(answer.judgement, "·") if utf else ""
        head, colon, tail = verdict.partition(": ")
        text = Text.assemble((f"{sign} {head}".strip(), f"bold {colour}"), (colon + tail, ""))
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

    def _panel(self, changed: int, wrong: int) -> RenderableType:
        film, frame, cells = self.film, self.frame, self.cells
        attempt, step = (frame.attempt, frame.step) if frame else (1, 0)
        halt, seconds = (frame.halt, frame.seconds) if frame else (0.0, 0.0)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=_LABELS, style=_LABEL)
        table.add_column(width=_VALUES, justify="right", no_wrap=True)
        table.add_column(width=_BAR, no_wrap=True)
        filled, size = int(np.count_nonzero((cells != 0) | (film.puzzle.cells != 0))), cells.size
        blue = "rgb(110,160,240)"
        table.add_row("step", f"{step}/{film.max_steps}", _Bar(step / film.max_steps, blue))
        table.add_row("try", f"{attempt}/{film.tries}", _Bar(attempt / film.tries, blue))
        if not draws_pictures(film.task):
            table.add_row("filled", f"{filled}/{size}", _Bar(filled / size, blue))
        table.add_row("halting", f"{halt:.0%}", _Bar(halt, rgb(ramp_color(halt))))
        supposed = len(frame.supposed) if frame else 0
        if supposed:
            table.add_row("supposed", str(supposed))
        table.add_row("changed", str(changed))
        table.add_row("conflicts", Text(str(wrong), "rgb(224,108,117)" if wrong else ""))
        table.add_row("time", f"{seconds:.2f} s")
        return Group(
            Text(film.title, "bold", no_wrap=True, overflow="ellipsis"), Text(), table, Text(), _Legend()
        )


class _Legend:
    """What the looks of the cells mean."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment("given", Style(bold=True))
        if console.no_color or console.color_system is None:
            sign = ">" if options.ascii_only else "›"
            yield Segment(f"  {sign} changed  ? doubt  ! conflict", _LABEL)
            yield Segment.line()
            yield Segment("* supposed", _LABEL)
        else:
            for name, style in (("changed", CHANGED), ("conflict", CONFLICT), ("supposed", SUPPOSED)):
                yield Segment("  ")
                yield Segment(name, style)
            yield Segment.line()
            block = "#" if options.ascii_only else "■"
            yield Segment("doubt ", _LABEL)
            for share in (0.3, 0.5, 0.65, 0.8, 0.9, 1.0):
                yield Segment(block, ramp_style(share))
            yield Segment(" sure", _LABEL)
        yield Segment.line()


class _Bar:
    """A bar of ``_BAR`` columns, filled to a share between 0 and 1."""

    def __init__(self, share: float, colour: str) -> None:
        self.share, self.colour = share, colour

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full = round(min(max(self.share, 0.0), 1.0) * _BAR)
        done, rest = ("#", ".") if options.ascii_only else ("━", "─")
        yield Segment(done * full, Style.parse(self.colour))
        yield Segment(rest * (_BAR - full), _REST)
