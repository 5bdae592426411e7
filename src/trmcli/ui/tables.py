"""The figures of an evaluation for people and programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trmcli.errors import shown
from trmcli.ui import eval_charts as charts
from trmcli.ui import plots

if TYPE_CHECKING:
    from trmcli.solving.evaluation import Evaluation, Figures
    from trmcli.ui.plots import Chart


@dataclass(frozen=True)
class Asked:
    """Which figures are wanted beside the usual ones: one flag for each of the options of ``trm eval``."""

    per_step: bool = False
    calibration: bool = False
    errors: bool = False


def as_json(evaluation: Evaluation, asked: Asked) -> str:
    """One JSON object."""
    return json.dumps(evaluation.to_dict(asked.per_step, asked.errors), indent=2) + "\n"


def show(evaluation: Evaluation, asked: Asked) -> None:
    """Print tables to stdout: drawn on a terminal, with charts of them, tab-separated elsewhere."""
    rows = [_row(name, figures) for name, figures in (*evaluation.named.items(), ("all", evaluation.total))]
    table(("source", "puzzles", "exact", "95% interval", "cells", "mean steps", "mean tries"), rows)
    if evaluation.total.judged or not evaluation.total.count:
        print(
            f"halting head right in {evaluation.calibration.accuracy:.1%} of steps, "
            f"expected calibration error {evaluation.calibration.error:.3f}"
        )
    if evaluation.total.unchecked:
        print(f"{evaluation.total.unchecked} unchecked: there are no rules, and no known answer")
    print(f"{evaluation.puzzles_per_second:.1f} puzzles/s, {evaluation.seconds:.1f} s")
    if asked.calibration:
        table(
            ("halting probability", "steps", "mean", "right"),
            [
                (
                    f"{one.low:.1f}-{one.high:.1f}",
                    f"{one.steps}",
                    f"{one.mean_probability:.1%}",
                    f"{one.right:.1%}",
                )
                for one in evaluation.calibration.bins
            ],
        )
        _draw(charts.calibration(evaluation))
    if asked.per_step:
        table(
            ("step", "exact"),
            [
                (f"{step}", f"{int(solved) / max(1, evaluation.total.judged):.1%}")
                for step, solved in enumerate(evaluation.total.solved_by, start=1)
            ],
        )
        _draw(charts.per_step(evaluation))
    if asked.errors:
        _show_errors(evaluation)
    if len(evaluation.limits) > 1:
        _print_curves(evaluation)


def _show_errors(evaluation: Evaluation) -> None:
    from rich.console import Console

    console = Console()
    if not evaluation.errors:
        print("no cell is known to be wrong: no puzzle with a known answer was left unsolved")
    for heat in charts.errors(evaluation):
        if console.is_terminal:
            console.print(plots.heat_text(heat, console))
            continue
        print(heat.title)
        for row in heat.counts.tolist():
            print("\t".join(map(str, row)))


def _draw(chart: Chart) -> None:
    if sys.stdout.isatty():
        print(plots.text(chart))


def _print_curves(evaluation: Evaluation) -> None:
    """What more tries buy. The time is that of the whole, shared out by supervision steps."""
    table(
        ("source", "tries", "exact", "95% interval", "mean steps", "seconds"),
        [
            (
                name,
                f"{point.tries}",
                f"{point.exact:.2%}",
                f"{point.interval[0]:.2%}-{point.interval[1]:.2%}",
                f"{point.mean_steps:.2f}",
                f"{point.seconds:.1f}",
            )
            for name, figures in charts.by_source(evaluation).items()
            for point in figures.curve(evaluation.seconds_per_step)
        ],
    )
    _draw(charts.by_tries(evaluation))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One table: drawn on a terminal, tab-separated elsewhere."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        for line in (header, *rows):
            print("\t".join(map(shown, line)))
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(header):
        drawn.add_column(column, justify="right" if number else "left")
    for row in rows:
        drawn.add_row(*(Text(shown(cell)) for cell in row), style="bold" if row[0] == "all" else None)
    console.print(drawn)


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    low, high = figures.interval
    cells, judged = figures.cell_accuracy, figures.judged or not figures.count
    return (
        name,
        f"{figures.count}",
        f"{figures.exact:.2%}" if judged else "-",
        f"{low:.2%}-{high:.2%}" if judged else "-",
        "-" if cells is None else f"{cells:.2%}",
        f"{figures.mean_steps:.2f}",
        f"{figures.mean_tries:.2f}",
    )
