"""Boxes of 3 rows and 2 columns: the network sees the puzzle transposed, and everybody else as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_models import accepting, one_in_sixteen

import trmcli
from trmcli.errors import Origin
from trmcli.solving.choices import STRATEGIES, Strategy
from trmcli.solving.search import Answer, SearchConfig, solve_many, watch
from trmcli.solving.solver import Solver
from trmcli.tasks.base import Puzzle
from trmcli.tasks.sudoku.generate import generate_many
from trmcli.tasks.sudoku.kind import SudokuRules

USUAL = [
    Puzzle(made.question, Origin("test", number))
    for number, made in enumerate(generate_many(6, 6, (8, 10), seed=3))
]
TURNED = [replace(puzzle, cells=puzzle.cells.T.copy(), boxes=(3, 2)) for puzzle in USUAL]


def solved(solver: Solver, puzzles: list[Puzzle], config: SearchConfig) -> list[Answer]:
    return list(solve_many(solver, puzzles, config))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_turned_puzzle_has_the_answer_of_the_other_turned(strategy: Strategy) -> None:
    """To the bit, whatever tries do: guesses, symmetries, noise and other states."""
    config = SearchConfig(max_steps=6, tries=9, batch_size=4, strategy=strategy, seed=5)
    solver = accepting(one_in_sixteen)
    for one, other in zip(solved(solver, USUAL, config), solved(solver, TURNED, config), strict=True):
        assert np.array_equal(other.cells, one.cells.T)
        assert np.array_equal(other.confidence, one.confidence.T)
        assert (other.checked, other.try_steps, other.halt) == (one.checked, one.try_steps, one.halt)


def test_every_frame_is_in_the_puzzles_own_orientation() -> None:
    config = SearchConfig(max_steps=6, tries=6)
    solver = accepting(lambda cells: False)
    for usual, turned in zip(USUAL[:2], TURNED[:2], strict=True):
        frames = list(watch(solver, turned, config))
        for one, other in zip(watch(solver, usual, config), frames, strict=True):
            assert np.array_equal(other.cells, one.cells.T)
            rows, columns = np.divmod(np.array(one.supposed, dtype=int), 6)
            assert sorted(other.supposed) == sorted((columns * 6 + rows).tolist())
        assert any(frame.supposed for frame in frames)


def test_the_bundled_weights_solve_either_kind_together() -> None:
    solver = trmcli.load("sudoku", device="cpu")
    together = [puzzle for pair in zip(USUAL, TURNED, strict=True) for puzzle in pair]
    for answer in solved(solver, together, SearchConfig(tries=32)):
        assert answer.checked
        rules = SudokuRules(answer.puzzle.boxes)
        assert rules.verify(answer.puzzle.cells, answer.cells).ok
        assert rules.check(answer.puzzle.cells[None], answer.cells[None]).all()
