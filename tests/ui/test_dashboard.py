"""The dashboard: everything in its place on wide and narrow terminals, plain lines elsewhere."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from trmcli.training.config import load_config
from trmcli.training.run import Evaluation, Interval
from trmcli.ui.dashboard import Dashboard, sparkline

FOLDER = Path("runs/[bold]name")


def interval(step: int, seconds: float) -> Interval:
    return Interval(
        step=step,
        seconds=seconds,
        loss=2.0,
        token_loss=100 / step,
        halt_loss=0.5,
        cells=0.9,
        exact=0.125,
        steps=7.5,
        lr=1e-3,
        norm=1.0,
        examples_per_second=320.0,
    )


def watch(width: int, terminal: bool, count: int = 100) -> tuple[str, list[str]]:
    """Show a run of ``count`` intervals of 5 s; returns all output and the lines of the last panel."""
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=terminal, width=width, height=24, color_system=None, _environ={}
    )
    config = load_config("sudoku-small", overrides=["max_steps=10000"])
    with Dashboard(config, FOLDER, console) as dashboard:
        for number in range(1, count + 1):
            dashboard.progressed(interval(50 * number, 5.0 * number))
            if number % 20 == 0:
                dashboard.evaluated(Evaluation(50 * number, 5.0 * number, number / 200, 6.25, 0.875, True))
    text = out.getvalue()
    panel = text[text.rindex("╭") :].splitlines() if terminal else []
    return text, [line for line in panel if line[:1] in "╭│╰"]


@pytest.mark.parametrize("width", [120, 80, 40, 30])
def test_it_fits_the_terminal(width: int) -> None:
    _, panel = watch(width, terminal=True)
    assert panel[0][0] == "╭" and panel[-1][0] == "╰"
    assert {len(line) for line in panel} == {width}
    assert len(panel) <= 14
    rows = {line[2:16].strip(): line for line in panel}
    for label, value in (
        ("loss", "0.0200"),
        ("exact", "12.5%"),
        ("steps", "7.5"),
        ("learning rate", "1.00e-03"),
        ("examples/s", "320"),
        ("held-out exact", "50.0%"),
        ("held-out steps", "6.2"),
        ("halting right", "87.5%"),
    ):
        assert value in rows[label], label
    assert any("8:20 gone, 8:20 left" in line for line in panel)
    if width >= 40:
        assert "[bold]name" in panel[-1] and "5,000/10,000" in "".join(panel)
        assert rows["loss"].count("█") >= 1 and rows["held-out exact"].rstrip(" │").endswith("█")


def test_before_the_first_interval_it_says_what_it_waits_for() -> None:
    _, panel = watch(80, terminal=True, count=0)
    assert any("reading data" in line for line in panel)


@pytest.mark.parametrize("dumb", [False, True])
def test_elsewhere_a_line_now_and_then(dumb: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=dumb, width=40, _environ={"TERM": "dumb"})
    with Dashboard(load_config("sudoku-small"), FOLDER, console) as dashboard:
        for number in range(1, 13):
            dashboard.progressed(interval(50 * number, 5.0 * number))
        dashboard.evaluated(Evaluation(600, 61.0, 0.5, 6.25, 0.875, True))
    lines = out.getvalue().splitlines()
    assert [line.split("  ")[:2] for line in lines[:-1]] == [
        ["step 50/17,100", "0:05"],
        ["step 200/17,100", "0:20"],
        ["step 350/17,100", "0:35"],
        ["step 500/17,100", "0:50"],
    ]
    assert "\x1b" not in out.getvalue()
    assert lines[-1] == (
        "step 600: 50.0% of held-out puzzles exact, 6.2 steps, halting head right in 87.5%, best so far"
    )


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 5, ""),
        ([3.0], 5, "▁"),
        ([0, 7], 5, "▁█"),
        ([0, 0, 4, 4, 7, 7], 3, "▁▅█"),
        ([2, 2, 2], 3, "▁▁▁"),
    ],
)
def test_sparklines(values: list[float], width: int, line: str) -> None:
    assert sparkline(values, width) == line


@pytest.mark.parametrize("terminal", [True, False])
def test_an_interval_in_which_nothing_ended_shows_no_figures_of_what_ended(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None, _environ={})
    config = load_config("sudoku-small", overrides=["max_steps=10000"])
    with Dashboard(config, FOLDER, console) as dashboard:
        for number in (1, 2):
            dashboard.progressed(replace(interval(50 * number, 50.0 * number), exact=None, steps=None))
    text = " ".join(out.getvalue().split())
    assert "exact - " in text and "steps - " in text
