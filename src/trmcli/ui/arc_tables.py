"""The figures of an evaluation on ARC tasks, for people."""

from __future__ import annotations

from trmcli.solving.arc_figures import ArcFigures, Group
from trmcli.solving.view_votes import ViewFigures
from trmcli.ui.tables import table


def show(figures: ArcFigures) -> None:
    """Print tables to stdout: drawn on a terminal, tab-separated elsewhere."""
    header = (
        "tasks",
        "count",
        "pass@1",
        "95% interval",
        "pass@2",
        "95% interval",
        "agree",
        "fit",
        "s",
        "CPU s",
    )
    table(header, [_row(name, group) for name, group in figures.rows()])
    total = figures.total
    print(f"{total.whole} of {total.count} tasks right at every test")
    rows = []
    for one in figures.agreements():
        low, high = one.interval
        share = f"{one.right / one.count:.1%}"
        rows.append((f"{one.agreement} of {one.members}", f"{one.count}", share, f"{low:.1%}-{high:.1%}"))
    table(("members agree", "tests", "attempt 1 right", "95% interval"), rows)


def _row(name: str, group: Group) -> tuple[str, ...]:
    figures = group.to_dict()
    cells = [name, f"{group.count}"]
    for which in ("pass@1", "pass@2"):
        low, high = figures[f"{which}_interval"]
        cells += [f"{figures[which]:.1%}", f"{low:.1%}-{high:.1%}"]
    return (
        *cells,
        f"{group.settled}",
        f"{group.fitted}",
        f"{figures['mean_seconds']:.1f}",
        f"{figures['mean_cpu_seconds']:.1f}",
    )


def show_passes(figures: ViewFigures) -> None:
    """Print pass@k of weights that answered in many views."""
    rows = [(f"{k}", f"{share:.1%}", f"{low:.1%}-{high:.1%}") for k, share, (low, high) in figures.rows()]
    table(("attempts", "right", "95% interval"), rows)
    print(f"{figures.whole} of {figures.count} tasks right at every test within two attempts")
