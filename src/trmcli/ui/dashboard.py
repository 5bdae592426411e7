"""What ``trm train`` shows: a live panel on a terminal, one plain line every so often elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from trmcli.training.config import TrainConfig
    from trmcli.training.run import Evaluation, Interval
    from trmcli.training.trainer import Trainer

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as a row of bars between their least and their greatest."""
    if not values:
        return ""
    if len(values) > width:  # average neighbours down to the width
        edges = [len(values) * n // width for n in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    least, span = min(values), max(values) - min(values)
    return "".join(BARS[round((value - least) / span * 7) if span else 0] for value in values)


def clock(seconds: float) -> str:
    """``1:02:03``, or ``2:03`` under an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Dashboard:
    """Observes a run; all of it goes to stderr."""

    def __init__(self, config: TrainConfig, folder: Path, console: Console | None = None) -> None:
        self.config, self.folder = config, folder
        self.console = console or Console(stderr=True)
        self.live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None
        self.intervals: list[Interval] = []
        self.evaluations: list[Evaluation] = []
        self.note = "reading data"

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
        begun = f"resumed at step {resumed_from:,}" if resumed_from else "begun"
        self._say(
            f"{self.config.name}: {count:,} parameters, {examples:,} puzzles, "
            f"{trainer.device.type} {str(trainer.dtype).removeprefix('torch.')}, {begun}"
        )

    def progressed(self, interval: Interval) -> None:
        self.intervals.append(interval)
        if self.live:
            self._draw()
        elif len(self.intervals) % 4 == 1:
            self._print(
                f"step {interval.step:,}/{self.config.max_steps:,}  {clock(interval.seconds)}  "
                f"loss {interval.token_loss:.4f}  exact {interval.exact:.1%}  steps {interval.steps:.1f}  "
                f"lr {interval.lr:.2e}  {interval.examples_per_second:.0f} examples/s  left {self._left()}"
            )

    def evaluated(self, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation)
        self._say(
            f"step {evaluation.step:,}: {evaluation.exact:.1%} of held-out puzzles exact, "
            f"{evaluation.steps:.1f} steps" + (", best so far" if evaluation.best else "")
        )

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
        last = self.intervals[-1]
        steps_per_second = last.examples_per_second / self.config.batch_size
        return clock((self.config.max_steps - last.step) / steps_per_second)

    def _draw(self) -> None:
        assert self.live is not None
        table = Table.grid(padding=(0, 2))
        done = self.intervals[-1].step if self.intervals else 0
        if self.intervals:
            last, width = self.intervals[-1], max(10, min(60, self.console.width - 34))
            rows = [
                ("loss", f"{last.token_loss:.4f}", [one.token_loss for one in self.intervals]),
                ("exact", f"{last.exact:.1%}", [one.exact for one in self.intervals]),
                ("steps used", f"{last.steps:.1f}", [one.steps for one in self.intervals]),
                ("learning rate", f"{last.lr:.2e}", [one.lr for one in self.intervals]),
            ]
            for name, value, curve in rows:
                table.add_row(
                    Text(name, style="dim"), Text(value, style="bold"), Text(sparkline(curve, width))
                )
            if self.evaluations:
                curve = [one.exact for one in self.evaluations]
                table.add_row(
                    Text("held out", style="dim"),
                    Text(f"{curve[-1]:.1%}", style="bold green"),
                    Text(sparkline(curve, width), style="green"),
                )
            speed = (
                f"{last.examples_per_second:.0f} examples/s   {clock(last.seconds)} gone, {self._left()} left"
            )
            table.add_row(Text("speed", style="dim"), "", Text(speed))
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_row(
            ProgressBar(total=self.config.max_steps, completed=done),
            Text(f"{done:,}/{self.config.max_steps:,}", justify="right"),
        )
        panel = Panel(
            Group(table, bar, Text(self.note, style="dim", overflow="ellipsis", no_wrap=True)),
            title=f"trm train {self.config.name}",
            subtitle=str(self.folder),
            border_style="cyan",
        )
        self.live.update(panel, refresh=True)
