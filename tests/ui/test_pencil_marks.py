"""Pencil marks: which values they leave, and how they are drawn."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from trmcli.tasks import get_task
from trmcli.ui.candidates import Candidates, possible
from trmcli.ui.grid import Grid

SUDOKU = get_task("sudoku")
QUESTION = np.array([[1, 0, 0, 4], [0, 0, 1, 0], [0, 1, 0, 0], [2, 0, 0, 1]], dtype=np.uint8)
CELLS = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [4, 1, 2, 3], [2, 3, 4, 1]], dtype=np.uint8)


def grid(confidence: float, conflicts: tuple[int, ...] = ()) -> Grid:
    return Grid(SUDOKU, QUESTION, CELLS, np.full((4, 4), confidence, dtype=np.float32), conflicts=conflicts)


def test_givens_rule_out_their_value_in_row_column_and_box() -> None:
    left = possible(grid(0.5)).reshape(4, 4, 4)
    assert np.flatnonzero(left[0, 1]).tolist() == [1, 2]  # 2 or 3
    assert np.flatnonzero(left[3, 2]).tolist() == [2, 3]
    assert not left[0, 0].any()


def test_sure_cells_rule_out_theirs_unless_they_conflict() -> None:
    sure = grid(0.5)
    assert sure.confidence is not None
    sure.confidence[0, 2] = 0.95
    left = possible(sure).reshape(4, 4, 4)
    assert not left[0, 2].any()
    assert np.flatnonzero(left[0, 1]).tolist() == [1]
    doubted = Grid(SUDOKU, QUESTION, CELLS, sure.confidence, conflicts=(2,))
    assert np.flatnonzero(possible(doubted).reshape(4, 4, 4)[0, 1]).tolist() == [1, 2]


def test_marks_stand_in_a_square_of_their_cell() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, color_system=None)
    drawn = Candidates.of(grid(0.5), console, 2)
    assert drawn is not None and drawn.size() == (20, 8)
    console.print(drawn)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[:2] == ["        2    2      ", "  1   3    3     4  "]
    assert Candidates.of(grid(0.5), Console(width=19, height=24), 2) is None
    assert Candidates.of(grid(0.5), Console(width=80, height=9), 2) is None


def test_mazes_have_none() -> None:
    cells = np.zeros((4, 4), dtype=np.uint8)
    assert Candidates.of(Grid(get_task("maze"), cells, cells), Console(width=80, height=24), 2) is None
