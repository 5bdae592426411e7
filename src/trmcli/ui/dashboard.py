"""What ``trm train`` shows: a live panel on a terminal, one plain line every so often elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from trmcli.ui.numbers import clock, decimal, percent

if TYPE_CHECKING:
    from trmcli.training.config import TrainConfig
    from trmcli.training.run import Evaluation, Interval
    from trmcli.training.trainer import Trainer

BARS = "▁▂▃▄▅▆▇█"
LINE_EVERY = 15.0
"""Seconds of the run's age between two plain lines."""
_LABELS, _VALUES = 14, 8
_AROUND = _LABELS + _VALUES + 8  # border, padding, and two columns between labels, values and curves
_RECENT = 20
"""Intervals that the time left is taken from."""


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as a row of bars between their least and their greatest."""
    if not values:
        return ""
    if len(values) > width:  # average neighbours down to the width
        edges = [len(values) * n // width for n in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    least, span = min(values), max(values) - min(values)
    return "".join(BARS[round((value - least) / span * 7) if span else 0] for value in values)


class Dashboard:
    """Observes a run; all of it goes to stderr."""

    def __init__(self, config: TrainConfig, folder: Path, console: Console | None = None) -> None:
        self.config, self.folder = config, folder
        self.console = console or Console(stderr=True)
        drawn = self.console.is_terminal and not self.console.is_dumb_terminal
        self.live = Live(console=self.console, auto_refresh=False, redirect_stdout=False) if drawn else None
        self.intervals: list[Interval] = []
        self.evaluations: list[Evaluation] = []
        self.note = "reading data"
        self._next_line = 0.0

    def __enter__(self) -> Dashboard:
        if self.live:
            self.live.start()
            self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self._draw()
            self.live.stop()

    def started(self, trainer: Trainer, resumed_from: int) -> None:
        count = sum(parameter.numel() for parameter in trainer.model.parameters())
        examples = sum(len(lane.examples) for lane in trainer.lanes)
        asked, done = trainer.config.compile, trainer.compiled
        compiled = ", compiled" if done else ", not compiled (no C++ compiler)" if asked else ""
        begun = f"resumed at step {resumed_from:,}" if resumed_from else "begun"
        self._say(
            f"{self.config.name}: {count:,} parameters, {examples:,} puzzles, "
            f"{trainer.device.type} {str(trainer.dtype).removeprefix('torch.')}{compiled}, {begun}"
        )

    def progressed(self, interval: Interval) -> None:
        self.intervals.append(interval)
        if self.live:
            self._draw()
        elif interval.seconds >= self._next_line:
            self._next_line = interval.seconds + LINE_EVERY
            self._print(
                f"step {interval.step:,}/{self.config.total_steps:,}  {clock(interval.seconds)}  "
                f"loss {interval.token_loss:.4f}  exact {percent(interval.exact)}  "
                f"steps {decimal(interval.steps)}  lr {interval.lr:.2e}  "
                f"{interval.examples_per_second:.0f} examples/s  left {self._left()}"
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

    def saved(self, path: Path) -> None:
        self._say(f"saved {path}")

    def _say(self, note: str) -> None:
        self.note = note
        if self.live:
            self._draw()
        else:
            self._print(note)

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _left(self) -> str:
        """The time left at the pace of the last intervals, evaluations between them included."""
        first, last = self.intervals[-_RECENT:][0], self.intervals[-1]
        pace = self.config.batch_size / last.examples_per_second
        if last.step > first.step:
            pace = (last.seconds - first.seconds) / (last.step - first.step)
        return clock((self.config.total_steps - last.step) * pace)

    def _rows(self) -> list[tuple[str, str, Sequence[float | None], str]]:
        """What is shown: label, last value, all values, and the style of what was measured in validation."""
        intervals, evaluations = self.intervals, self.evaluations
        rows: list[tuple[str, str, Sequence[float | None], str]] = []
        if intervals:
            last = intervals[-1]
            rows = [
                ("loss", f"{last.token_loss:.4f}", [one.token_loss for one in intervals], ""),
                ("exact", percent(last.exact), [one.exact for one in intervals], ""),
                ("steps", decimal(last.steps), [one.steps for one in intervals], ""),
                ("learning rate", f"{last.lr:.2e}", [one.lr for one in intervals], ""),
                (
                    "examples/s",
                    f"{last.examples_per_second:.0f}",
                    [one.examples_per_second for one in intervals],
                    "",
                ),
            ]
        if evaluations:
            newest = evaluations[-1]
            rows += [
                ("held-out exact", percent(newest.exact), [one.exact for one in evaluations], "green"),
                ("held-out steps", decimal(newest.steps), [one.steps for one in evaluations], "green"),
                ("halting right", percent(newest.halting), [one.halting for one in evaluations], "green"),
            ]
        return rows

    def _draw(self) -> None:
        assert self.live is not None
        room = self.console.width - _AROUND
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="dim", min_width=_LABELS)
        table.add_column(no_wrap=True, min_width=_VALUES)
        for label, value, curve, style in self._rows():
            known = [value for value in curve if value is not None]
            line = sparkline(known, min(60, room)) if room > 0 else ""
            table.add_row(label, Text(value, style=f"bold {style}"), Text(line, style=style, no_wrap=True))
        done = self.intervals[-1].step if self.intervals else 0
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True, justify="right")
        total = self.config.total_steps
        bar.add_row(ProgressBar(total=total, completed=done), f"{done:,}/{total:,}")
        times = f"{clock(self.intervals[-1].seconds)} gone, {self._left()} left" if self.intervals else ""
        panel = Panel(
            Group(table, bar, Text(times), Text(self.note, style="dim", overflow="ellipsis", no_wrap=True)),
            title=Text(f"trm train {self.config.name}"),
            subtitle=Text(str(self.folder)),
            border_style="cyan",
        )
        self.live.update(panel, refresh=True)
