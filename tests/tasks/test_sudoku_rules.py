"""The rules: what a verdict names, and that the fast check agrees with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.tasks.base import Cells
from trmcli.tasks.sudoku.grid import BOX_SHAPES, units
from trmcli.tasks.sudoku.kind import SudokuGivens, SudokuRules, sudoku_task
from trmcli.tasks.sudoku.search import solutions

TASK = sudoku_task()
SIZES = sorted(BOX_SHAPES)
SOLVED = {size: solutions(np.zeros((size, size), np.uint8), 1)[0] for size in SIZES}


def changed(cells: Cells, **places: int) -> Cells:
    """``cells`` with other values at places named as in ``r1c2=5``."""
    copy: Cells = cells.copy()
    for place, value in places.items():
        row, column = place[1:].split("c")
        copy[int(row) - 1, int(column) - 1] = value
    return copy


@pytest.mark.parametrize("size", SIZES)
def test_a_solved_grid_follows_the_rules(size: int) -> None:
    answer = SOLVED[size]
    for question in (answer, np.zeros_like(answer)):
        assert SudokuRules().verify(question, answer).ok
        assert SudokuRules().check(question[None], answer[None]).all()
    assert str(SudokuRules().verify(answer, answer)) == "follows the rules"


@pytest.mark.parametrize("size", SIZES)
def test_units_are_three_partitions(size: int) -> None:
    assert units(size).shape == (3, size, size)
    assert (np.sort(units(size).reshape(3, -1)) == np.arange(size * size)).all()
    height, width = BOX_SHAPES[size]
    box = units(size)[2, 1]
    assert box[0] == width and box[-1] == (height - 1) * size + 2 * width - 1


def test_problems_name_unit_cells_and_digit() -> None:
    empty = np.zeros((9, 9), np.uint8)
    row = SudokuRules().verify(empty, changed(empty, r3c2=5, r3c7=5)).problems
    assert row[0].message.startswith("79 cells are blank: r1c1, r1c2, r1c3, r1c4, r1c5 and 74 more")
    assert row[1].message == "digit 5 stands twice in row 3: columns 2 and 7 (r3c2, r3c7)"
    assert row[1].cells == (19, 24) and len(row) == 2
    column = SudokuRules().verify(empty, changed(empty, r1c4=9, r5c4=9, r9c4=9)).problems
    assert column[1].message == "digit 9 stands 3 times in column 4: rows 1, 5 and 9 (r1c4, r5c4, r9c4)"
    box = SudokuRules().verify(empty, changed(empty, r4c8=1, r5c9=1)).problems
    assert box[1].message == "digit 1 stands twice in box 6: r4c8 and r5c9"
    assert box[1].cells == (34, 44)


def test_changed_givens_blanks_and_foreign_values_are_named() -> None:
    answer = SOLVED[16]
    given = int(answer[0, 1])
    other = given % 16 + 1
    first = SudokuRules().verify(answer, changed(answer, r1c2=other)).problems[0]
    symbol = ".123456789ABCDEFG"
    assert first.message == f"the given {symbol[given]} in row 1, column 2 (r1c2) became {symbol[other]}"
    assert first.cells == (1,)
    blank = SudokuRules().verify(answer, changed(answer, r2c1=0))
    assert [problem.message for problem in blank.problems] == ["1 cell is blank: row 2, column 1 (r2c1)"]
    empty = np.zeros((4, 4), np.uint8)
    foreign = SudokuRules().verify(empty, changed(SOLVED[4], r1c1=9))
    assert foreign.problems[0].message == "not a digit of a 4x4 Sudoku in row 1, column 1 (r1c1)"
    assert not foreign.ok and "; " in str(SudokuRules().verify(empty, empty + 1))


@given(st.sampled_from(SIZES), st.integers(0, 2**32 - 1), st.integers(0, 3), st.booleans())
def test_check_agrees_with_verify(size: int, seed: int, corruptions: int, move: bool) -> None:
    rng = np.random.default_rng(seed)
    answer = SOLVED[size].copy()
    question = np.where(rng.random(answer.shape) < 0.4, answer, 0).astype(np.uint8)
    for _ in range(corruptions):
        row, column = rng.integers(size, size=2)
        answer[row, column] = rng.integers(size + 2)
    if move:  # two rows of a band: still solved, but not with these givens
        answer[[0, 1]] = answer[[1, 0]]
    expected = SudokuRules().verify(question, answer).ok
    assert SudokuRules().check(question[None], answer[None]).tolist() == [expected]
    if corruptions == 0 and not move:
        assert expected


def test_check_tells_the_answers_of_a_batch_apart() -> None:
    answer = SOLVED[9]
    answers = np.stack([answer, changed(answer, r9c9=0), answer[::-1], changed(answer, r1c1=answer[0, 1])])
    questions = np.stack([np.zeros_like(answer), answer, changed(answer * 0, r1c1=answer[0, 0]), answer * 0])
    assert SudokuRules().check(questions, answers).tolist() == [True, False, False, False]


@pytest.mark.parametrize("size", SIZES)
def test_tokens_and_back(size: int) -> None:
    cells = np.stack([SOLVED[size], np.zeros_like(SOLVED[size])])
    tokens = TASK.codec.encode(cells)
    assert tokens.shape == (2, size * size) and tokens.max() < TASK.codec.vocab_size
    assert np.array_equal(TASK.codec.decode(tokens, (size, size)), cells)
    senseless = np.full((1, size * size), size + 2)
    senseless[0, 0] = 0
    assert not TASK.codec.decode(senseless, (size, size)).any()


def test_reveal_gives_away_what_the_answer_has() -> None:
    answer = TASK.codec.encode(SOLVED[9][None])
    question = np.where(np.arange(81) < 20, answer, 1)
    rng = np.random.default_rng(0)
    easier = SudokuGivens().reveal(question, answer, np.array([7]), rng)
    assert ((easier == question) | ((question == 1) & (easier == answer))).all()
    assert (easier != question).sum() == 7
    assert np.array_equal(SudokuGivens().reveal(question, answer, np.array([500]), rng), answer)


def test_symbols() -> None:
    assert "".join(TASK.paint.symbol(value, (16, 16)) for value in range(17)) == ".123456789ABCDEFG"


def test_committing_takes_the_surest_doubtful_cell_that_breaks_no_rule() -> None:
    task = sudoku_task()
    question = np.zeros((1, 4, 4), dtype=np.uint8)
    question[0, 0, 0] = 1
    tokens = task.codec.encode(question)
    answers = np.full((1, 16), 3)  # the digit 2 everywhere
    answers[0, 1] = 2  # a second 1 in the row of the given
    confidence = np.full((1, 16), 0.5, dtype=np.float32)
    confidence[0, [1, 2, 7, 0]] = [0.89, 0.95, 0.8, 0.85]  # breaks a rule; is sure; is chosen; is given
    committed = SudokuGivens().commit(tokens, answers, confidence)
    assert np.flatnonzero(committed[0] != tokens[0]).tolist() == [7]
    assert committed[0, 7] == 3 and tokens[0, 7] == 1
    again = SudokuGivens().commit(
        committed, answers, confidence
    )  # 2 may stand neither in row 2, column 4 nor box 2
    assert np.flatnonzero(again[0] != committed[0]).tolist() == [8]


def test_supposing_takes_each_likely_digit_of_the_most_divided_cell() -> None:
    task = TASK
    question = np.ones(16, dtype=np.int64)
    question[0] = 2  # a 1 in the corner
    probabilities = np.zeros((16, task.codec.vocab_size), dtype=np.float32)
    probabilities[:, 4] = 1.0
    probabilities[1, 2:6] = 0.5, 0.5, 0.0, 0.0  # but no 1 may stand beside the corner
    probabilities[6, 2:6] = 0.0, 0.6, 0.3999, 0.0001
    probabilities[11, 2:6] = 0.4, 0.2, 0.2, 0.2
    supposed = SudokuGivens().suppose(question, probabilities)
    assert [np.flatnonzero(one.question != question).tolist() for one in supposed] == [[6], [6]]
    assert [one.question[6] for one in supposed] == [3, 4]
    assert [one.probability for one in supposed] == pytest.approx([0.6, 0.3999])
    assert question[6] == 1


@given(st.integers(0, 2**32 - 1))
def test_suppositions_keep_the_question_and_break_no_rule(seed: int) -> None:
    task, rng = TASK, np.random.default_rng(seed)
    tokens = task.views.symmetries((4, 4), 1, rng).apply(task.codec.encode(SOLVED[4][None]))[0]
    question = np.where(rng.random(16) < 0.5, tokens, 1)
    probabilities = rng.dirichlet(np.full(task.codec.vocab_size, 0.3), size=16).astype(np.float32)
    supposed = SudokuGivens().suppose(question, probabilities)
    cells = {tuple(np.flatnonzero(one.question != question)) for one in supposed}
    assert len(cells) == min(1, len(supposed))
    for one in supposed:
        (cell,) = np.flatnonzero(one.question != question)
        assert question[cell] == 1 and one.probability == probabilities[cell, one.question[cell]]
        row, column = divmod(cell, 4)
        grid = one.question.reshape(4, 4)
        box = grid[row // 2 * 2 : row // 2 * 2 + 2, column // 2 * 2 : column // 2 * 2 + 2]
        for unit in (grid[row], grid[:, column], box.ravel()):
            assert (unit == one.question[cell]).sum() == 1


@pytest.mark.parametrize("size", SIZES)
def test_only_digits_of_the_size_are_supposed(size: int) -> None:
    question = np.ones(size * size, dtype=np.int64)
    even = np.full((size * size, TASK.codec.vocab_size), 1 / TASK.codec.vocab_size, dtype=np.float32)
    supposed = SudokuGivens().suppose(question, even)
    assert [int(one.question.max()) for one in supposed] == list(range(2, size + 2))


def test_where_nothing_is_in_doubt_nothing_is_supposed() -> None:
    task = TASK
    probabilities = np.zeros((16, task.codec.vocab_size), dtype=np.float32)
    probabilities[:, 3] = 1.0
    assert SudokuGivens().suppose(np.ones(16, dtype=np.int64), probabilities) == []
    assert (
        SudokuGivens().suppose(np.full(16, 3), np.full((16, task.codec.vocab_size), 0.1, dtype=np.float32))
        == []
    )


def test_without_doubt_there_is_nothing_to_commit_to() -> None:
    task = sudoku_task()
    tokens = task.codec.encode(np.zeros((2, 4, 4), dtype=np.uint8))
    committed = SudokuGivens().commit(tokens, np.full((2, 16), 3), np.full((2, 16), 0.99, dtype=np.float32))
    np.testing.assert_array_equal(committed, tokens)


@pytest.mark.parametrize(("size", "least"), [(4, 4), (6, 8), (9, 17), (16, 54)])
def test_too_few_givens_for_one_solution(size: int, least: int) -> None:
    tokens = np.ones((2, size * size), dtype=np.int64)
    tokens[0, : least - 1] = tokens[1, :least] = 2
    assert SudokuGivens().sparse(tokens).tolist() == [True, False]
