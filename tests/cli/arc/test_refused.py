"""Bad input, options that do not apply to ARC tasks, and puzzles that are given beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from arc_turns import task, write
from support import Run


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_bad_input_is_one_line_and_status_2(trm: Run, tmp_path: Path, command: str) -> None:
    path = write(tmp_path / "a.json", '{"train": [{"input": [[1]],\n "output": [[1] [2]]}]}')
    done = trm(command, path, "-q")
    assert done.stderr == f"trm: error: {path}:2:17: is not JSON: expecting ',' delimiter\n"
    assert (done.returncode, done.stdout) == (2, "")


NEVER = (
    ("--tries", "3"),
    ("--until-solved",),
    ("--strategy", "noise"),
    ("--halt", "never"),
    ("--no-commit",),
    ("--select", "vote"),
    ("--legend", "#=wall"),
)
WITH_WEIGHTS = (
    ("--rounds", "2"),
    ("--steps", "2"),
    ("--device", "cuda:7"),
    ("--engine", "numpy"),
    ("--compile", "on"),
    ("--batch-size", "2"),
)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        *(("solve", options) for options in NEVER),
        *(("eval", options) for options in NEVER[::2]),
        *(("solve", options) for options in (("--save", "x.json"), ("--fallback", "search"))),
        *(("eval", options) for options in (("--per-step",), ("--calibration",), ("--chart", "x.svg"))),
        *(("solve", options) for options in WITH_WEIGHTS),
        *(("eval", options) for options in WITH_WEIGHTS[::2]),
    ],
)
def test_options_that_mean_nothing_for_arc_are_refused(
    trm: Run, tmp_path: Path, command: str, options: tuple[str, ...]
) -> None:
    done = trm(command, write(tmp_path / "a.json", task(1)), *options)
    without = " without --weights" if options in WITH_WEIGHTS else ""
    assert done.stderr == f"trm: error: {options[0]}: does not apply to ARC tasks{without}\n"
    assert (done.returncode, done.stdout) == (2, "")


def test_what_is_so_for_arc_in_any_case_may_be_asked_for(trm: Run, tmp_path: Path) -> None:
    options = ("--no-live", "--no-wait", "--device", "cpu", "--engine", "torch", "--compile", "off")
    done = trm("solve", write(tmp_path / "a.json", task(1)), *options)
    assert done.returncode == 0, done.stderr


def test_what_is_of_trained_weights_asks_for_them(trm: Run, tmp_path: Path) -> None:
    for options in (("--submission", tmp_path / "x.json"), ("--votes", "all")):
        done = trm("eval", write(tmp_path / "a.json", task(1)), *options)
        assert done.returncode == 2 and done.stderr.startswith(f"trm: error: {options[0]}: needs --weights")
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_other_puzzles_and_tasks_are_given_apart(trm: Run, tmp_path: Path, command: str) -> None:
    puzzle = "..12...4....1.23"
    arc, other = write(tmp_path / "a.json", task(1)), write(tmp_path / "p.txt", f"{puzzle}\n")
    said = f"is a puzzle of the task sudoku, and {arc} is of ARC: give them apart"
    for sources, place, stdin in (
        ((other, arc), f"{other}:1", ""),
        ((arc, other), f"{other}:1", ""),
        ((arc, puzzle), "<argument>:1", ""),
        ((arc, "-"), "<stdin>", f"{puzzle}\n"),
    ):
        done = trm(command, *sources, stdin=stdin)
        assert done.stderr == f"trm: error: {place}: {said}\n"
        assert (done.returncode, done.stdout) == (2, "")
    broken = write(tmp_path / "b.json", '{"train": [')
    done = trm(command, arc, broken)
    assert done.returncode == 2 and f"trm: skipped: {broken}:1:" in done.stderr


def test_options_of_arc_are_refused_for_other_puzzles(trm: Run, tmp_path: Path) -> None:
    puzzle = "..12...4....1.23"
    assert trm("solve", puzzle, "-o", tmp_path / "s.json").stderr.startswith(
        "trm: error: --output: a submission"
    )
    assert "are for ARC tasks" in trm("eval", write(tmp_path / "p.txt", puzzle), "--blind").stderr
