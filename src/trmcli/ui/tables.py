"""The figures of an evaluation for people, programs and pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trmcli.solving.evaluation import Evaluation, Figures, Point


def as_json(evaluation: Evaluation, per_step: bool) -> str:
    """One JSON object."""
    return json.dumps(evaluation.to_dict(per_step), indent=2) + "\n"


def curve(evaluation: Evaluation, task: str) -> str:
    """Exact accuracy by tries, as SVG."""
    from trmcli.ui.plots import svg

    partial = "" if evaluation.complete else ", partial"
    title = f"{task}, {evaluation.total.count} puzzles{partial}: exact accuracy by tries"
    return svg(_curves(evaluation), title)


def show(evaluation: Evaluation, per_step: bool, calibration: bool) -> None:
    """Print tables to stdout: drawn on a terminal, tab-separated elsewhere."""
    rows = [_row(name, figures) for name, figures in (*evaluation.named.items(), ("all", evaluation.total))]
    table(("source", "puzzles", "exact", "95% interval", "cells", "mean steps", "mean tries"), rows)
    print(
        f"halting head right in {evaluation.calibration.accuracy:.1%} of steps, "
        f"expected calibration error {evaluation.calibration.error:.3f}"
    )
    if evaluation.total.unchecked:
        print(f"{evaluation.total.unchecked} unchecked: there are no rules, and no known answer")
    print(f"{evaluation.puzzles_per_second:.1f} puzzles/s, {evaluation.seconds:.1f} s")
    if calibration:
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
    if per_step:
        print("step\texact\tsolved after this many supervision steps of the first try")
        for number, solved in enumerate(evaluation.total.solved_by, start=1):
            share = int(solved) / max(1, evaluation.total.count)
            print(f"{number}\t{share:.1%}\t{'█' * round(40 * share)}")
    if len(evaluation.limits) > 1:
        _print_curves(_curves(evaluation))


def _curves(evaluation: Evaluation) -> dict[str, list[Point]]:
    named = evaluation.named if len(evaluation.named) > 1 else {}
    return {
        name: figures.curve(evaluation.seconds_per_step)
        for name, figures in (*named.items(), ("all", evaluation.total))
    }


def _print_curves(curves: dict[str, list[Point]]) -> None:
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
            for name, points in curves.items()
            for point in points
        ],
    )
    if sys.stdout.isatty():
        from trmcli.ui.plots import text

        print(text(curves))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One table: drawn on a terminal, tab-separated elsewhere."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for line in (header, *rows):
            print("\t".join(line))
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(header):
        drawn.add_column(column, justify="right" if number else "left")
    for row in rows:
        drawn.add_row(*row, style="bold" if row[0] == "all" else None)
    console.print(drawn)


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    low, high = figures.interval
    cells = figures.cell_accuracy
    return (
        name,
        f"{figures.count}",
        f"{figures.exact:.2%}",
        f"{low:.2%}-{high:.2%}",
        "-" if cells is None else f"{cells:.2%}",
        f"{figures.mean_steps:.2f}",
        f"{figures.mean_tries:.2f}",
    )
