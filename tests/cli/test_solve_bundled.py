"""``trm solve`` with the weights that come with the package: puzzles are solved."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import Screen, environment

from trmcli.tasks import get_task
from trmcli.tasks.sudoku.kind import SudokuRules

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "sudoku"
SUDOKU = get_task("sudoku")


def digits(line: str) -> np.ndarray:
    return np.array([int(sign) if sign.isdigit() else 0 for sign in line], dtype=np.uint8).reshape(9, 9)


@pytest.mark.parametrize("name", ["easy", "medium", "hard"])
def test_one_puzzle_is_solved_in_its_own_form(name: str, trm: Run) -> None:
    file = EXAMPLES / f"{name}.txt"
    done = trm("solve", file)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("solved and checked: ")
    (puzzle,) = SUDOKU.text.read(file.read_text().splitlines(keepends=True), str(file))
    (answer,) = SUDOKU.text.read(done.stdout.splitlines(keepends=True), "answer")
    assert SudokuRules().verify(puzzle.cells, answer.cells).ok
    assert len(done.stdout) == len(SUDOKU.text.write(puzzle, puzzle.cells)) + 1


def test_a_hundred_puzzles_in_a_pipe(trm: Run) -> None:
    text = (EXAMPLES / "batch.txt").read_text()
    questions = [line.split()[0] for line in text.splitlines() if line and not line.startswith("#")]
    done = trm("solve", "-", stdin=text)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(questions) == 100
    for question, answer in zip(questions, answers, strict=True):
        assert SudokuRules().verify(digits(question), digits(answer)).ok
    assert re.fullmatch(r"100 of 100 solved and checked, \d+\.\d s\n", done.stderr)


def test_json_lines(trm: Run) -> None:
    done = trm("solve", EXAMPLES / "easy.txt", EXAMPLES / "medium.txt", "--json")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(record["origin"].rpartition(":")[0]).name for record in records] == [
        "easy.txt",
        "medium.txt",
    ]
    for record in records:
        assert record["verified"] is True
        assert record["unique"] is True
        assert record["method"] == "model"
        assert SudokuRules().verify(digits(record["puzzle"]), digits(record["answer"])).ok


def test_six_is_solved_with_the_boxes_that_are_drawn(trm: Run) -> None:
    file = ROOT / "tests" / "cases" / "six-boxes-3-rows-2-columns.txt"
    done = trm("solve", file)
    assert done.returncode == 0, done.stderr
    [puzzle] = SUDOKU.text.read(file.read_text().splitlines(keepends=True), str(file))
    [answer] = SUDOKU.text.read(done.stdout.splitlines(keepends=True), "answer")
    assert SudokuRules(puzzle.boxes).verify(puzzle.cells, answer.cells).ok
    assert not SudokuRules().verify(puzzle.cells, answer.cells).ok
    assert done.stdout.startswith("+-----+-----+-----+\n| 5 1 | 6 2 | 4 3 |\n")
    # JSON tells the boxes, and is read with them; so is what --fallback search found.
    record = trm("solve", file, "--json").stdout
    assert json.loads(record)["puzzle"] == "..|6.|../..|5.|2./6.|..|.1/..|..|../1.|2.|3./46|..|.."
    again = trm("solve", "-", "--tries", 1, "--fallback", "search", stdin=record)
    assert again.returncode == 0, again.stderr
    assert "".join(re.findall(r"\d", again.stdout)) == "".join(re.findall(r"\d", done.stdout))


def test_a_puzzle_with_several_solutions_is_solved_and_said_to_be(trm: Run) -> None:
    question = (ROOT / "tests" / "data" / "sudoku_ambiguous.txt").read_text().split()[0]
    done = trm("solve", question, "--json")
    record = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert SudokuRules().verify(digits(question), digits(record["answer"])).ok
    assert record["unique"] is False


@pytest.mark.parametrize("side", [4, 6, 9])
def test_an_empty_grid_is_filled(side: int, trm: Run) -> None:
    done = trm("solve", "." * side**2, "--tries", 4, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["verified"], answer["solutions"]) == (True, "2+")


def test_the_live_view_ends_with_the_answer(terminal: Callable[..., Screen]) -> None:
    screen = terminal("solve", EXAMPLES / "easy.txt", "--fps", 0)
    assert screen.status == 0
    assert "solved and checked" in screen.text
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")


def test_ctrl_c_in_a_pipe_keeps_what_is_done() -> None:
    """Answers come while standard input is still open, and Ctrl-C ends it quietly."""
    question = next(
        line for line in (EXAMPLES / "batch.txt").read_text().splitlines() if line[:1] in ".123456789"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "trmcli", "solve", "-", "--batch-size", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    with process.stdin, process.stdout, process.stderr:
        process.stdin.write(f"{question}\n" * 3)
        process.stdin.flush()
        answer = process.stdout.readline().strip()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) == 130
        assert "Traceback" not in process.stderr.read()
    assert len(answer) == 81
