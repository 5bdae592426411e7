"""The live view: the grid and what the model thinks of it, drawn anew after every supervision step."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from trmcli.tasks.base import Puzzle
from trmcli.tasks.task import Task
from trmcli.ui.grid import Grid, conflicts, draws_pictures, ramp_color, ramp_style, rgb

if TYPE_CHECKING:
    from trmcli.solving.search import Answer, Frame

_BAR = 16
_LABELS, _VALUES = 9, 9
_PANEL = _LABELS + _VALUES + _BAR + 4  # columns, and two between them
_GAP = 3
_REST = Style(color="rgb(60,66,82)")
_LABEL = Style(color="rgb(128,138,158)")


def fits(console: Console, task: Task, puzzle: Puzzle) -> bool:
    """Whether the terminal has room for the grid, without padding and panel, and for the verdict."""
    columns, rows = Grid(task.of(puzzle), puzzle.cells, puzzle.cells).size(False)
    return console.width >= columns and console.height >= rows + 3


class LiveView:
    """A context manager that shows one puzzle being solved.

    Args:
        console: a terminal.
        title: what stands over the panel.
        max_steps, tries: the limits, to show how much of them is spent.
        fps: most frames a second; 0 draws as fast as they come.
    """

    def __init__(
        self,
        console: Console,
        task: Task,
        puzzle: Puzzle,
        *,
        title: str,
        max_steps: int,
        tries: int,
        fps: float = 4.0,
    ) -> None:
        self.console, self.task, self.puzzle = console, task.of(puzzle), puzzle
        self.title, self.max_steps, self.tries = title, max_steps, tries
        self.pause = 1 / fps if fps > 0 else 0.0
        self._cells = puzzle.cells
        self._frame: Frame | None = None
        self._next = 0.0
        self._size = console.size
        self._live: Live | None = None

    def __enter__(self) -> LiveView:
        try:
            self._open()
            self._draw(_Beside(Grid(self.task, self.puzzle.cells, self._cells), self._panel(0, 0)))
        except BaseException:
            self.console.show_cursor(True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with ExitStack() as last:  # whatever happens meanwhile, the cursor comes back
            last.callback(self.console.show_cursor, True)
            if self._live is not None:
                self._live.stop()

    def update(self, frame: Frame) -> None:
        """Draw a frame, at the earliest when the one before has been seen for long enough."""
        self._wait()
        changed = (frame.cells != self._cells) & self.task.codec.undecided(self.puzzle.cells)
        wrong = conflicts(self.task, self.puzzle.cells, frame.cells)
        grid = Grid(
            self.task, self.puzzle.cells, frame.cells, frame.confidence, changed, wrong, frame.supposed
        )
        self._frame, self._cells = frame, frame.cells
        line = (
            f"step {frame.step}/{self.max_steps}, try {frame.attempt}/{self.tries}, halting {frame.halt:.0%}"
        )
        self._draw(_Beside(grid, self._panel(int(changed.sum()), len(wrong)), line))
        self._next = time.monotonic() + self.pause

    def finish(self, answer: Answer, verdict: str) -> None:
        """Leave the final grid on the screen with the verdict below it."""
        self._wait()
        changed, self._cells = int((answer.cells != self._cells).sum()), answer.cells
        wrong = conflicts(self.task, self.puzzle.cells, answer.cells)
        grid = Grid(self.task, self.puzzle.cells, answer.cells, answer.confidence, None, wrong)
        panel = self._panel(changed, len(wrong))
        colour = {"right": "rgb(72,199,142)", "wrong": "rgb(224,108,117)"}.get(answer.judgement, "default")
        sign = (
            {"right": "✔", "wrong": "✘"}.get(answer.judgement, "·")
            if self.console.encoding.startswith("utf")
            else ""
        )
        head, colon, tail = verdict.partition(": ")
        text = Text.assemble((f"{sign} {head}".strip(), f"bold {colour}"), (colon + tail, ""))
        self._draw(Group(_Beside(grid, panel), Padding(text, (1, 0, 0, 0))))

    def _wait(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))

    def _open(self) -> None:
        # Nothing but this draws, and only when there is something new.
        self._live = Live(
            console=self.console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()

    def _draw(self, content: RenderableType) -> None:
        """Draw in place. A terminal that was resized has broken the lines anew, so it starts over."""
        assert self._live is not None
        if self.console.size != self._size:
            self._size = self.console.size
            self._live.transient = True
            self._live.stop()
            self.console.clear()
            self._open()
        self._live.update(content, refresh=True)

    def _panel(self, changed: int, wrong: int) -> RenderableType:
        frame, cells = self._frame, self._cells
        attempt, step = (frame.attempt, frame.step) if frame else (1, 0)
        halt, seconds = (frame.halt, frame.seconds) if frame else (0.0, 0.0)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=_LABELS, style=_LABEL)
        table.add_column(width=_VALUES, justify="right", no_wrap=True)
        table.add_column(width=_BAR, no_wrap=True)
        filled, size = int(np.count_nonzero((cells != 0) | (self.puzzle.cells != 0))), cells.size
        blue = "rgb(110,160,240)"
        table.add_row("step", f"{step}/{self.max_steps}", _Bar(step / self.max_steps, blue))
        table.add_row("try", f"{attempt}/{self.tries}", _Bar(attempt / self.tries, blue))
        if not draws_pictures(self.task):
            table.add_row("filled", f"{filled}/{size}", _Bar(filled / size, blue))
        table.add_row("halting", f"{halt:.0%}", _Bar(halt, rgb(ramp_color(halt))))
        supposed = len(frame.supposed) if frame else 0
        if supposed:
            table.add_row("supposed", str(supposed))
        table.add_row("changed", str(changed))
        table.add_row("conflicts", Text(str(wrong), "rgb(224,108,117)" if wrong else ""))
        table.add_row("time", f"{seconds:.2f} s")
        return Group(Text(self.title, style="bold"), Text(), table, Text(), _Legend(supposed > 0))


class _Beside:
    """The grid, and the panel at its right; where there is no room for it, a line below."""

    def __init__(self, grid: Grid, panel: RenderableType, line: str = "") -> None:
        self.grid, self.panel, self.line = grid, panel, line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = self.grid.size()[0]
        if columns + _GAP + _PANEL > options.max_width:
            yield self.grid
            if self.line:
                yield Text(self.line, no_wrap=True, overflow="ellipsis")
            return
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(width=columns)
        table.add_column(width=_PANEL)
        table.add_row(self.grid, self.panel)
        yield table


class _Legend:
    """What the looks of the cells mean; of supposed ones only where there are some."""

    def __init__(self, supposed: bool) -> None:
        self.supposed = supposed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment("given", Style(bold=True))
        if console.no_color or console.color_system is None:
            sign = ">" if options.ascii_only else "›"
            yield Segment(f"  {sign} changed  ? doubt  ! conflict", _LABEL)
            if self.supposed:
                yield Segment.line()
                yield Segment("* supposed", _LABEL)
        else:
            block = "#" if options.ascii_only else "■"
            yield Segment("   doubt ", _LABEL)
            for share in (0.3, 0.5, 0.65, 0.8, 0.9, 1.0):
                yield Segment(block, ramp_style(share))
            yield Segment(" sure", _LABEL)
            if self.supposed:
                yield Segment("  ")
                yield Segment("supposed", Style(underline=True))
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
