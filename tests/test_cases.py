"""Files of ``tests/cases`` as people bring them, each in the plain form of what it holds.

``three-puzzles.txt`` and ``maze-base.txt`` are the plain forms of most of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from trmcli.errors import InputError
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.maze.grid import PATH
from trmcli.tasks.maze.kind import MazeRules
from trmcli.tasks.sudoku.kind import SudokuRules
from trmcli.tasks.task import Task

CASES = Path(__file__).parent / "cases"


def read(name: str) -> Iterator[tuple[Task, Puzzle]]:
    return read_puzzles(CASES / name)


def cells_of(line: str) -> list[list[int]]:
    values = [".123456789".index(sign) for sign in line]
    return [values[start : start + 9] for start in range(0, 81, 9)]


PUZZLES = [cells_of(line) for line in (CASES / "three-puzzles.txt").read_text().split()]
"""Sudoku, ``[9, 9]`` each, 0 for a blank."""


def test_the_plain_forms() -> None:
    assert [puzzle.cells.tolist() for _, puzzle in read("three-puzzles.txt")] == PUZZLES
    [(task, puzzle)] = read("maze-base.txt")
    assert task.name == "maze" and puzzle.shape == (9, 9)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("several-puzzles-on-one-line.txt", [1, 2, 3]),
        ("csv-empty-row-at-end.csv", [1, 2, 3]),
        ("csv-pandas-index.csv", [1, 2, 3]),
        ("csv-semicolon.csv", [1, 2, 3]),
        ("csv-multiline-cell.csv", [1, 2]),
        ("utf16-powershell.txt", [1, 2, 3]),
        ("own-json-output.jsonl", [1, 2, 3]),
        ("json-nested-list.json", [1]),
        ("puzzle-bank-hash-puzzle-rating.txt", [1, 2, 3]),
        ("placeholder-question-mark-line.txt", [1]),
        ("grid-csv-empty-cells.csv", [1]),
        ("grid-drawn-blanks-are-spaces.txt", [1]),
    ],
)
def test_sudoku_in_every_form(name: str, numbers: list[int]) -> None:
    found = list(read(name))
    assert {task.name for task, _ in found} == {"sudoku"}
    assert [puzzle.cells.tolist() for _, puzzle in found] == [PUZZLES[number - 1] for number in numbers]


@pytest.mark.parametrize("name", ["csv-pandas-index.csv", "csv-multiline-cell.csv", "own-json-output.jsonl"])
def test_known_answers_come_along(name: str) -> None:
    for _, puzzle in read(name):
        assert puzzle.answer is not None and SudokuRules().verify(puzzle.cells, puzzle.answer).ok


def test_the_puzzle_before_a_foreign_line_comes_before_the_error() -> None:
    puzzles = read("simple-sudoku-clipboard-with-trailer.txt")
    assert next(puzzles)[1].cells.tolist() == PUZZLES[0]
    try:
        assert next(puzzles, None) is None
    except InputError as error:
        assert error.origin is not None and error.origin.line == 14


def test_six_with_boxes_of_three_rows_is_read() -> None:
    [(_, puzzle)] = read("six-boxes-3-rows-2-columns.txt")
    assert puzzle.cells[[0, 2]].tolist() == [[0, 0, 6, 0, 0, 0], [6, 0, 0, 0, 0, 1]]


def test_sixteen_letters_are_digits_from_one() -> None:
    [(_, puzzle)] = read("sixteen-letters-a-p.txt")
    rows = (CASES / "sixteen-letters-a-p.txt").read_text().split()
    assert puzzle.cells.tolist() == [[".ABCDEFGHIJKLMNOP".index(sign) for sign in row] for row in rows]


def test_a_puzzle_without_a_solution_is_read() -> None:
    [(_, puzzle)] = read("no-solution.txt")
    assert SudokuRules().search(puzzle.cells) is None


def test_pencil_marks_are_refused_by_name() -> None:
    with pytest.raises(InputError) as error:
        list(read("candidates-grid.txt"))
    assert "candidate" in error.value.message or "pencil" in error.value.message


@pytest.mark.parametrize(
    "name",
    [
        "maze-blocks-cp1252.txt",
        "maze-cells-set-apart-by-spaces.txt",
        "maze-comment-at-end.txt",
        "maze-0-1-2-3.txt",
        "maze-transparent-floor.png",
    ],
)
def test_the_same_maze_in_every_form(name: str) -> None:
    if name.endswith(".png"):
        pytest.importorskip("PIL")
    [(_, base)] = read("maze-base.txt")
    [(task, puzzle)] = read(name)
    assert task.name == "maze"
    assert np.array_equal(puzzle.cells, base.cells)


@pytest.mark.parametrize("name", ["maze-s-e.txt", "maze-micromouse.txt"])
def test_mazes_with_other_signs_have_a_path(name: str) -> None:
    [(task, puzzle)] = read(name)
    answer = MazeRules().search(puzzle.cells)
    assert task.name == "maze" and answer is not None
    assert (answer == PATH).any() and MazeRules().verify(puzzle.cells, answer).ok
