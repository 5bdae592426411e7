"""Puzzles as arguments of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import Run


@pytest.mark.parametrize("text", ["--3--4--4----2-3", "--3----44----2-3"])
def test_a_puzzle_may_begin_with_a_dash(text: str, trm: Run, random_weights: Path) -> None:
    options = ("--weights", random_weights, "--steps", 1, "--tries", 1)
    for arguments in (
        (text, "--json", *options),
        ("--json", *options, "--", text),
        (*options, "--json", text),
    ):
        done = trm("solve", *arguments)
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["puzzle"] == text.replace("-", ".")


def test_options_are_options_still(trm: Run) -> None:
    done = trm("solve", "--nonsense-option")
    assert done.returncode == 2 and "--nonsense-option" in done.stderr


@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("command", ["solve", "eval"])
def test_an_empty_argument_is_never_a_folder(
    command: str, empty: str, trm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = {"train": [{"input": [[1]], "output": [[2]]}] * 2, "test": [{"input": [[1]], "output": [[2]]}]}
    (tmp_path / "task.json").write_text(json.dumps(task))
    monkeypatch.chdir(tmp_path)
    for arguments in ((empty,), ("task.json", empty), (empty, "--task", "arc")):
        done = trm(command, *arguments)
        assert done.stderr == "trm: error: an empty argument is neither a file nor a puzzle\n"
        assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("command", "place", "wanted"),
    [
        (("eval", "..12...4....1.23", "--tries", ""), "--tries", "N[,N]..."),
        (("eval", "..12...4....1.23", "--predictions="), "--predictions", "FILE"),
        (("solve", "..12...4....1.23", "-o", ""), "--output", "FILE.json"),
        (("solve", "..12...4....1.23", "--weights", ""), "--weights", "NAME|FILE"),
        (("solve", "..12...4....1.23", "--legend", " "), "--legend", "SIGNS"),
        (("solve", "--replay", ""), "--replay", "FILE.json"),
        (("train", "sudoku", "--init-from", "", "--dry-run"), "--init-from", "NAME|FILE"),
        (("train", "sudoku", "--out", "", "--dry-run"), "--out", "DIR"),
        (("train", "sudoku", "--max-time", "", "--dry-run"), "--max-time", "TIME"),
        (("train", "sudoku", "--set", "lr=1", "--set", "", "--dry-run"), "--set", "KEY=VALUE"),
        (("data", "generate", "maze", "--exclude", ""), "--exclude", "FILE"),
        (("data", "build", "sudoku", "--csv", "", "--out", "x"), "--csv", "FILE"),
        (("data", "build", "arc", "--train", "", "--out", "x"), "--train", "FILE"),
        (("download", "sudoku-small", "--output", ""), "--output", "FILE"),
    ],
)
def test_an_empty_option_is_not_as_if_it_were_not_given(
    command: tuple[str, ...],
    place: str,
    wanted: str,
    trm: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = trm(*command)
    assert done.stderr == f"trm: error: {place}: is empty: give {wanted}\n"
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (("info", ""), "NAME|FILE|DIR"),
        (("train", ""), "PRESET|FILE.toml"),
        (("download", ""), "NAME|URL|hf:..."),
    ],
)
def test_empty_arguments_of_other_commands_are_named(command: tuple[str, ...], place: str, trm: Run) -> None:
    done = trm(*command)
    assert done.stderr == f"trm: error: {place}: is empty\n"
    assert done.returncode == 2
