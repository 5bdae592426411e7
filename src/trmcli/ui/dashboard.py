"""What ``trm train`` shows: a live panel on a terminal, one plain line every so often elsewhere.

The panel has figures and curves and, where there is room, a held-out puzzle as the last evaluation left it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.style import Style
from rich.table import Table
from rich.text import Text

from trmcli.tasks import get_task
from trmcli.tasks.task import Task
from trmcli.training.journal import Evaluation, Interval, Observer
from trmcli.training.sample import Sample
from trmcli.ui.grid import Grid
from trmcli.ui.live_panel import LivePanel
from trmcli.ui.numbers import clock, decimal, percent
from trmcli.ui.palette import Terminal, Theme, palette_of
from trmcli.ui.sample import told, views

if TYPE_CHECKING:
    from trmcli.training.config import TrainConfig
    from trmcli.training.trainer import Trainer

BARS = "▁▂▃▄▅▆▇█"
LINE_EVERY = 15.0
"""Seconds of the run's age between two plain lines."""
_LABELS, _VALUES = 14, 8
_AROUND = _LABELS + _VALUES + 8  # border, padding, and two columns between labels, values and curves
_LEAST_CURVE = 12
_GAP = 3
_OTHER_LINES = 8
"""Lines of the panel besides figures and puzzle, and below it, at most."""
_RECENT = 20
"""Intervals that the time left is taken from."""
FIRST_STEPS, FIRST_SECONDS = 5, 2.0
"""How many steps and how much time tell the pace before there are intervals. The first step, which is slow,
does not count."""


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as a row of bars between their least and their greatest."""
    if not values:
        return ""
    if len(values) > width:  # average neighbours down to the width
        edges = [len(values) * n // width for n in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    least, span = min(values), max(values) - min(values)
    return "".join(BARS[round((value - least) / span * 7) if span else 0] for value in values)


class Dashboard(Observer):
    """Observes a run; all of it goes to stderr.

    Args:
        config: the run's settings.
        folder: its directory.
        max_seconds: the time after which it is going to stop.
        console: where to show it; stderr if it is not given.
        theme: of stderr.
        now: seconds that go on, as :func:`time.monotonic`.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        max_seconds: float = math.inf,
        console: Console | None = None,
        now: Callable[[], float] = time.monotonic,
        theme: Theme = "auto",
    ) -> None:
        self.config, self.folder, self.max_seconds, self.now = config, folder, max_seconds, now
        self.console = console or Terminal(theme, stderr=True)
        drawn = self.console.is_terminal and not self.console.is_dumb_terminal
        self.panel = LivePanel(self.console, self.drawing) if drawn else None
        self.intervals: list[Interval] = []
        self.evaluations: list[Evaluation] = []
        self.note = "reading data"
        self.step = self.resumed_from = 0
        self._began = self._seen = self._stepped = now()
        self._age = 0.0  # of the run, when it was last seen
        self._first: tuple[int, float] | None = None  # a step, and when it was done
        self._next_line = 0.0
        self._announced = False

    def __enter__(self) -> Dashboard:
        if self.panel:
            self.panel.open()
        return self

    def __exit__(self, *_: object) -> None:
        if self.panel:
            self.panel.close()

    def generated(self, made: int, count: int) -> None:
        now = self.now()
        if made == 1 or self._first is None:
            self._first = made, now
        first, then = self._first
        left = (count - made) * (now - then) / (made - first) if made > first else math.nan
        about = f", about {clock(left)} left" if now - then >= FIRST_SECONDS else ""
        done = made == count
        self.note = "preparing the model" if done else f"generating puzzles: {made:,} of {count:,}{about}"
        if self.panel is None and now - self._began >= self._next_line + LINE_EVERY:
            self._next_line = now - self._began
            self._print(self.note)

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        self.step = self.resumed_from = resumed_from
        self._age, self._first, self._next_line = seconds, None, 0.0
        self._seen = self._stepped = self.now()
        count = sum(parameter.numel() for parameter in trainer.model.parameters())
        examples = sum(len(lane.examples) for lane in trainer.lanes)
        asked, done = trainer.config.compile, trainer.compiled
        compiled = ", compiled" if done else ", not compiled (no C++ compiler)" if asked else ""
        begun = f"resumed at step {resumed_from:,}" if resumed_from else "begun"
        self._say(
            f"{self.config.name}: {count:,} parameters, {examples:,} puzzles, "
            f"{trainer.device.type} {str(trainer.dtype).removeprefix('torch.')}{compiled}, {begun}"
        )

    def stepped(self, step: int) -> None:
        self.step, self._stepped = step, self.now()
        if self._first is None:
            self._first = step, self._stepped
        left = self._left()
        if not self.panel and not self._announced and left is not None:
            self._announced = True
            ends = self._ends()
            limit = f"; --max-time ends it in {clock(ends)}" if ends < left else ""
            self._print(f"about {clock(left)} for the {self.config.total_steps - step:,} steps left{limit}")

    def progressed(self, interval: Interval) -> None:
        self.intervals.append(interval)
        self.step, self._age = interval.step, interval.seconds
        self._seen = self._stepped = self.now()
        if not self.panel and interval.seconds >= self._next_line:
            self._next_line = interval.seconds + LINE_EVERY
            left = min(self._left() or 0.0, self._ends())
            self._print(
                f"step {interval.step:,}/{self.config.total_steps:,}  {clock(interval.seconds)}  "
                f"loss {interval.token_loss:.4f}  exact {percent(interval.exact)}  "
                f"steps {decimal(interval.steps)}  lr {interval.lr:.2e}  "
                f"{interval.examples_per_second:.0f} examples/s  left {clock(left)}"
            )

    def evaluated(self, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation)
        self._say(
            f"step {evaluation.step:,}: {percent(evaluation.exact)} of held-out puzzles exact, "
            f"{decimal(evaluation.steps)} steps, halting head right in {percent(evaluation.halting)}"
            + (", best so far" if evaluation.best else "")
        )

    def entered(self, step: int, stage: Mapping[str, Any]) -> None:
        changes = ", ".join(f"{key} = {value}" for key, value in stage.items() if key != "from_step")
        self._say(f"step {step:,}: from here on {changes}")

    def stopping(self) -> None:
        self.note = "stops after this step; Ctrl-C once more ends it at once"

    def saved(self, path: Path) -> None:
        self._say(f"saved {path}")

    def _say(self, note: str) -> None:
        self.note = note
        if not self.panel:
            self._print(note)

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _left(self) -> float | None:
        """Seconds until all steps are done; None while nothing tells the pace.

        The last intervals tell it, evaluations between them included; before there are two, the first steps.
        """
        recent, pace = self.intervals[-_RECENT:], None
        if len(recent) > 1:
            pace = (recent[-1].seconds - recent[0].seconds) / (recent[-1].step - recent[0].step)
        elif self._first is not None:
            steps, seconds = self.step - self._first[0], self._stepped - self._first[1]
            if steps and seconds >= FIRST_SECONDS * (1 if steps >= FIRST_STEPS else 5):
                pace = seconds / steps
        if pace is None and recent:
            pace = self.config.batch_size / recent[-1].examples_per_second
        if pace is None:
            return None
        return max(0.0, (self.config.total_steps - self.step) * pace - (self.now() - self._stepped))

    def _ends(self) -> float:
        """Seconds until the time that the run was given is over."""
        return max(0.0, self._began + self.max_seconds - self.now())

    def _times(self) -> str:
        now, left, ends = self.now(), self._left(), self._ends()
        times = f"{clock(self._age + now - self._seen)} gone"
        if self.step >= self.config.total_steps:
            return times
        if ends < (math.inf if left is None else left):
            times += f", {clock(ends)} left until --max-time"
            return times + (f", about {clock(left)} until all steps are done" if left is not None else "")
        return times + (f", about {clock(left)} left" if left is not None else "")

    def _rows(self) -> list[tuple[str, str, Sequence[float | None], bool]]:
        """What is shown: label, last value, all values, and whether it was measured in validation."""
        intervals, evaluations = self.intervals, self.evaluations
        rows: list[tuple[str, str, Sequence[float | None], bool]] = []
        if intervals:
            last = intervals[-1]
            rows = [
                ("loss", f"{last.token_loss:.4f}", [one.token_loss for one in intervals], False),
                ("exact", percent(last.exact), [one.exact for one in intervals], False),
                ("steps", decimal(last.steps), [one.steps for one in intervals], False),
                ("learning rate", f"{last.lr:.2e}", [one.lr for one in intervals], False),
                (
                    "examples/s",
                    f"{last.examples_per_second:.0f}",
                    [one.examples_per_second for one in intervals],
                    False,
                ),
            ]
        if evaluations:
            newest = evaluations[-1]
            rows += [
                ("held-out exact", percent(newest.exact), [one.exact for one in evaluations], True),
                ("held-out steps", decimal(newest.steps), [one.steps for one in evaluations], True),
                ("halting right", percent(newest.halting), [one.halting for one in evaluations], True),
            ]
        return rows

    @cached_property
    def _task(self) -> Task:
        return get_task(self.config.task, self.config.kind)

    def _boards(self, sample: Sample | None, figures: int) -> tuple[list[Grid], bool]:
        """How a puzzle is shown, and whether beside the figures, which take so many lines: with its question
        rather than without, beside them rather than below, and not at all where there is no room."""
        width, height = self.console.size
        if sample is None:
            return [], False
        for grids in views(self._task, sample, self.console):
            columns, lines = _extent(grids)
            for beside in (True, False):
                across = columns + (_GAP + _AROUND + _LEAST_CURVE if beside else 4)
                down = max(lines, figures) if beside else lines + figures
                if across <= width and down + _OTHER_LINES <= height:
                    return grids, beside
        return [], False

    def drawing(self) -> RenderableType:
        """The panel as it is at this moment."""
        palette, (width, height) = palette_of(self.console), self.console.size
        sample = self.evaluations[-1].sample if self.evaluations else None
        rows = self._rows()[: max(0, height - _OTHER_LINES)]
        grids, beside = self._boards(sample, len(rows))
        room = width - _AROUND - (_extent(grids)[0] + _GAP if beside else 0)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style=Style(color=palette.label), min_width=_LABELS)
        table.add_column(no_wrap=True, min_width=_VALUES)
        table.add_column(no_wrap=True, min_width=min(60, room) if beside else 0)
        for label, value, curve, held in rows:
            known = [value for value in curve if value is not None]
            line = sparkline(known, min(60, room)) if room > 0 else ""
            ink = Style(color=palette.good if held else palette.accent)
            table.add_row(label, Text(value, ink + Style(bold=True)), Text(line, ink, no_wrap=True))
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True, justify="right")
        total, done = self.config.total_steps, Style(color=palette.accent)
        bar.add_row(
            ProgressBar(
                total=total,
                completed=self.step,
                style=Style(color=palette.rest),
                complete_style=done,
                finished_style=done,
            ),
            f"{self.step:,}/{total:,}",
        )
        dim = Style(color=palette.label)
        words = f"a held-out puzzle: {told(self._task, sample)}" if sample and grids else ""
        said = [_line(words, dim)] if words else []
        shown = [_beside([table, *grids])] if beside else [table, *([_beside(grids)] if grids else [])]
        resumed = f", resumed at step {self.resumed_from:,}" if self.resumed_from else ""
        panel = Panel(
            Group(*shown, *said, bar, Text(self._times()), _line(self.note, dim)),
            title=Text(f"trm train {self.config.name}{resumed}"),
            subtitle=Text(str(self.folder)),
            border_style=Style(color=palette.accent),
        )
        return Group(panel, Text())  # the cursor's line, where a ^C that is typed may stand


def _line(text: str, style: Style) -> Text:
    return Text(text, style, overflow="ellipsis", no_wrap=True)


def _beside(parts: Sequence[RenderableType]) -> Table:
    row = Table.grid(padding=(0, _GAP))
    row.add_row(*parts)
    return row


def _extent(grids: Sequence[Grid]) -> tuple[int, int]:
    """Columns and lines of grids beside each other."""
    sizes = [grid.size(grid.form or "wide") for grid in grids]
    return sum(columns for columns, _ in sizes) + _GAP * (len(grids) - 1), max(lines for _, lines in sizes)
