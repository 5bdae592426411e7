"""The dashboard: everything in its place on wide and narrow terminals, plain lines elsewhere."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from rich.console import Console

from trmcli.training.config import load_config
from trmcli.training.journal import Evaluation, Interval
from trmcli.training.trainer import Trainer
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
    with Dashboard(config, FOLDER, console=console) as dashboard:
        for number in range(1, count + 1):
            dashboard.progressed(interval(50 * number, 5.0 * number))
            if number % 20 == 0:
                dashboard.evaluated(Evaluation(50 * number, 5.0 * number, number / 200, 6.25, 0.875, True))
    text = out.getvalue()
    panel = text[text.rindex("╭") :].splitlines() if terminal else []
    return text, [line for line in panel if line and line[0] in "╭│╰"]


class Watched(Dashboard):
    """A dashboard with a clock to set by hand, and what it shows as text."""

    def __init__(self, height: int = 24, max_seconds: float = math.inf) -> None:
        self.time, self.out = 1000.0, io.StringIO()
        console = Console(file=self.out, width=80, height=height, color_system=None, _environ={})
        config = load_config("sudoku-small", overrides=["max_steps=10000"])
        super().__init__(config, FOLDER, max_seconds, console, lambda: self.time)

    def begin(self, resumed_from: int = 0, seconds: float = 0.0) -> None:
        trainer = SimpleNamespace(
            model=SimpleNamespace(parameters=lambda: []),
            lanes=[],
            config=self.config,
            compiled=False,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        self.started(cast("Trainer", trainer), resumed_from, seconds)

    def shown(self) -> str:
        with self.console.capture() as shown:
            self.console.print(self.drawing())
        return shown.get()


def test_the_clock_goes_on_between_two_lines_of_the_log() -> None:
    watched = Watched()
    for number in (1, 2):
        watched.progressed(interval(50 * number, 5.0 * number))
    assert "0:10 gone, about 16:30 left" in watched.shown()
    watched.time += 7
    assert "0:17 gone, about 16:23 left" in watched.shown()
    watched.stepped(130)
    assert "0:17 gone, about 16:27 left" in watched.shown() and " 130/10,000 " in watched.shown()


def test_before_the_log_has_two_lines_the_first_steps_tell_the_time_left() -> None:
    watched = Watched()
    watched.begin()
    watched.time += 8  # the first step counts for nothing
    watched.stepped(1)
    for step in range(2, 6):
        watched.time += 1
        watched.stepped(step)
        assert "left" not in watched.shown()
    watched.time += 1
    watched.stepped(6)
    assert "0:13 gone, about 2:46:34 left" in watched.shown()


def test_of_two_times_left_the_smaller_one_counts() -> None:
    watched = Watched(max_seconds=60)
    assert "0:00 gone, 1:00 left until --max-time " in watched.shown()
    for number in (1, 2):
        watched.time += 5
        watched.progressed(interval(50 * number, 5.0 * number))
    assert "0:10 gone, 0:50 left until --max-time, about 16:30 until all steps are done" in watched.shown()
    longer = Watched(max_seconds=6000)
    for number in (1, 2):
        longer.progressed(interval(50 * number, 5.0 * number))
    assert "0:10 gone, about 16:30 left " in longer.shown()


def test_a_resumed_run_says_where_and_goes_on_from_there() -> None:
    watched = Watched()
    watched.begin(resumed_from=4000, seconds=3600.0)
    watched.saved(Path("checkpoint"))  # the last event is another one by now
    shown = watched.shown()
    assert "trm train sudoku-small, resumed at step 4,000" in shown and " 4,000/10,000 " in shown
    watched.time += 2
    assert "1:00:02 gone" in watched.shown()


def test_a_low_terminal_gets_fewer_figures_and_the_whole_rest() -> None:
    watched = Watched(height=10)
    for number in (1, 2):
        watched.progressed(interval(50 * number, 5.0 * number))
    lines = watched.shown().splitlines()
    assert len(lines) <= 10
    assert "loss" in watched.shown() and "0:10 gone" in watched.shown() and lines[-2][0] == "╰"


def test_puzzles_that_are_made_are_counted() -> None:
    watched = Watched()
    watched.generated(1, 3000)
    assert "generating puzzles: 1 of 3,000 " in watched.shown()
    watched.time += 10
    watched.generated(1001, 3000)
    assert "generating puzzles: 1,001 of 3,000, about 0:20 left" in watched.shown()
    watched.generated(3000, 3000)
    assert "preparing the model" in watched.shown()


def test_elsewhere_lines_say_how_long_it_takes() -> None:
    watched = Watched(max_seconds=60)
    with watched:
        for made in range(1, 41):
            watched.time += 1
            watched.generated(made, 100)
        watched.begin()
        for step in range(1, 9):
            watched.time += 1
            watched.stepped(step)
    generating, again, begun, left = watched.out.getvalue().splitlines()
    assert generating == "generating puzzles: 15 of 100, about 1:25 left"
    assert again == "generating puzzles: 30 of 100, about 1:10 left"
    assert begun.endswith("begun")
    assert left == "about 2:46:34 for the 9,994 steps left; --max-time ends it in 0:14"


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
    assert any("8:20 gone, about 8:20 left" in line for line in panel)
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
    with Dashboard(load_config("sudoku-small"), FOLDER, console=console) as dashboard:
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
    with Dashboard(config, FOLDER, console=console) as dashboard:
        for number in (1, 2):
            dashboard.progressed(replace(interval(50 * number, 50.0 * number), exact=None, steps=None))
    text = " ".join(out.getvalue().split())
    assert "exact - " in text and "steps - " in text
