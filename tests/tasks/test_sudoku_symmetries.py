"""Symmetries turn puzzles into puzzles, and their inverses turn them back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.tasks.base import Bools, Symmetry
from trmcli.tasks.sudoku.generate import generate
from trmcli.tasks.sudoku.grid import BOX_SHAPES
from trmcli.tasks.sudoku.kind import SudokuRules, SudokuStructure, sudoku_task
from trmcli.tasks.sudoku.search import count_solutions, solutions

TASK = sudoku_task()
SIZES = sorted(BOX_SHAPES)
SOLVED = {size: solutions(np.zeros((size, size), np.uint8), 1)[0] for size in SIZES}
PUZZLES = {size: generate(size, np.random.default_rng(size)) for size in (4, 6, 9)}


@given(st.sampled_from(SIZES), st.integers(0, 2**32 - 1))
def test_solved_grids_stay_solved_and_come_back(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, shape = 5, (size, size)
    answers = np.repeat(SOLVED[size][None], count, 0)
    questions = np.where(rng.random(answers.shape) < 0.5, answers, 0).astype(np.uint8)
    symmetry = TASK.views.symmetries(shape, count, rng)
    moved_answers = symmetry.apply(TASK.codec.encode(answers))
    moved_questions = symmetry.apply(TASK.codec.encode(questions))
    assert (
        SudokuRules()
        .check(TASK.codec.decode(moved_questions, shape), TASK.codec.decode(moved_answers, shape))
        .all()
    )
    assert np.array_equal(symmetry.inverse().apply(moved_answers), TASK.codec.encode(answers))
    assert np.array_equal(symmetry.inverse().apply(moved_questions), TASK.codec.encode(questions))
    assert np.array_equal(symmetry.apply(symmetry.inverse().apply(moved_questions)), moved_questions)


@given(st.sampled_from(SIZES), st.integers(0, 2**32 - 1))
def test_wrong_answers_stay_wrong(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (size, size)
    wrong = SOLVED[size].copy()
    row, column = rng.integers(size, size=2)
    wrong[row, column] = wrong[row, column] % size + 1
    symmetry = TASK.views.symmetries(shape, 1, rng)
    moved = TASK.codec.decode(symmetry.apply(TASK.codec.encode(wrong[None])), shape)
    assert not SudokuRules().check(np.zeros_like(moved), moved).any()


@pytest.mark.parametrize("size", sorted(PUZZLES))
def test_the_solution_moves_with_the_question(size: int) -> None:
    question, answer = PUZZLES[size]
    symmetry = TASK.views.symmetries((size, size), 8, np.random.default_rng(1))
    both = [
        TASK.codec.decode(symmetry.apply(TASK.codec.encode(np.repeat(cells[None], 8, 0))), (size, size))
        for cells in (question, answer)
    ]
    for moved_question, moved_answer in zip(*both, strict=True):
        assert count_solutions(moved_question) == 1
        assert np.array_equal(solutions(moved_question)[0], moved_answer)


@pytest.mark.parametrize("size", SIZES)
def test_symmetries_are_permutations_that_keep_blank_and_padding(size: int) -> None:
    symmetry = TASK.views.symmetries((size, size), 200, np.random.default_rng(2))
    assert (np.sort(symmetry.cells) == np.arange(size * size)).all()
    assert (np.sort(symmetry.values) == np.arange(TASK.codec.vocab_size)).all()
    assert (symmetry.values[:, :2] == [0, 1]).all()
    assert (symmetry.values[:, size + 2 :] == np.arange(size + 2, TASK.codec.vocab_size)).all()
    assert len(np.unique(symmetry.cells[:, 0])) > size  # a corner goes everywhere, by and by
    assert len(symmetry) == 200 and len(symmetry[:3]) == 3


def test_squares_are_transposed_and_boxes_of_six_are_not() -> None:
    def stays_in_a_row(size: int) -> Bools:
        cells = TASK.views.symmetries((size, size), 100, np.random.default_rng(3)).cells
        rows = cells.reshape(-1, size, size)[:, 0] // size
        same: Bools = (rows == rows[:, :1]).all(axis=1)
        return same

    assert stays_in_a_row(6).all()
    assert 20 < stays_in_a_row(9).sum() < 80


def test_identity() -> None:
    tokens = TASK.codec.encode(SOLVED[6][None])
    assert np.array_equal(Symmetry.identity(1, 36, TASK.codec.vocab_size).apply(tokens), tokens)


def test_relations_name_the_units() -> None:
    relations = SudokuStructure().relations((9, 9))
    assert [relation.name for relation in relations] == ["row", "column", "box"]
    assert [relation.index.shape for relation in relations] == [(9, 9)] * 3
    assert relations[2].index[4].tolist() == [30, 31, 32, 39, 40, 41, 48, 49, 50]
