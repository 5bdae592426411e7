"""Drawn borders are rules: either shape of the boxes of 6x6, and refusal of all that is not known."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sudoku_drawings import WITH_BOXES, signs_of, valid

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Cells, Puzzle, Shape
from trmcli.tasks.sudoku.grid import units
from trmcli.tasks.sudoku.kind import SudokuRules, sudoku_task
from trmcli.tasks.sudoku.search import count_solutions, solutions

TASK = sudoku_task()
UPRIGHT: Shape = (3, 2)
DRAWN = Path(__file__).parents[1] / "cases" / "six-boxes-3-rows-2-columns.txt"
ANSWER = "516243345126624351231465152634463512"


def read(text: str) -> list[Puzzle]:
    return list(TASK.text.read(io.StringIO(text), "puzzles.txt"))


def line_of(puzzle: Puzzle) -> str:
    return "".join(signs_of(puzzle.cells))


def refused(text: str) -> str:
    with pytest.raises(InputError) as error:
        read(text)
    return str(error.value)


@settings(max_examples=40)
@given(valid(), st.sampled_from(sorted(WITH_BOXES)))
def test_the_boxes_that_are_drawn_are_read_and_written(drawn: tuple[Cells, Shape], drawing: str) -> None:
    cells, boxes = drawn
    text = WITH_BOXES[drawing](signs_of(cells), boxes)
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells)
    assert puzzle.boxes == boxes
    assert TASK.text.write(puzzle, cells) == text


@given(valid([UPRIGHT]))
def test_a_line_says_which_boxes_where_they_are_not_the_usual_ones(drawn: tuple[Cells, Shape]) -> None:
    cells, boxes = drawn
    text = TASK.text.write(Puzzle(cells, Origin("x"), "line", boxes=boxes), cells)
    assert "\n" not in text
    [puzzle] = read(f"question\n{text}\n")
    assert np.array_equal(puzzle.cells, cells) and puzzle.boxes == boxes
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells) and puzzle.boxes == boxes
    assert TASK.text.is_argument(text)


JIGSAW_BARS = """
+-------+
|123|456|
|45|6123|
|231|564|
|564|231|
|312|645|
|645|312|
+-------+
"""
JIGSAW_RULES = """
1 2 | 3 4
    +---
3 4 | 1 2
----+
2 1 | 4 3
4 3 | 2 1
"""
JIGSAW_CELLS = """
┏━━━┯━━━┯━━━┯━━━┓
┃ 1 │ 2 │ 3 │ 4 ┃
┠───┼───┼━━━┿━━━┨
┃ 3 │ 4 │ 1 │ 2 ┃
┠━━━┿━━━┿━━━┿━━━┨
┃ 2 │ 1 │ 4 │ 3 ┃
┠───┼───┼───┼───┨
┃ 4 │ 3 │ 2 │ 1 ┃
┗━━━┷━━━┷━━━┷━━━┛
"""


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (JIGSAW_BARS, "not the same in all rows: jigsaw boxes are not supported"),
        (JIGSAW_RULES, "does not run from one side to the other: jigsaw boxes are not supported"),
        ("1 2 3 4\n3 4 1 2\n--\n2 1 4 3\n4 3 2 1", "does not run from one side"),
        ("12|34\n34|12\n- ---\n21|43\n43|21", "does not run from one side to the other"),
        ("123456\n456123\n---\n231564\n564231\n------\n312645\n645312", "does not run"),
        (JIGSAW_CELLS, "does not run from one side to the other: jigsaw boxes are not supported"),
        ("\n".join(["..|..|..|..|."] * 9), "not those of boxes of 3 rows and 3 columns"),
        ("\n".join([".|....|."] * 6), "boxes of 2 rows and 3 columns, or of 3 rows and 2 columns"),
        ("\n---------\n".join(["1........\n.........", *["........."] * 7]), "3 rows and 3 columns"),
        ("\n".join(["...|..."] * 3 + ["---+---"] + ["...|..."] * 3), "or of 3 rows and 2"),
        ("\n".join([r".\.....", r"1.\....", *["......"] * 4]), "diagonal"),
    ],
)
def test_other_borders_are_refused_by_name(text: str, part: str) -> None:
    assert part in refused(text)


def test_one_shape_of_bars_and_another_of_rules_is_refused() -> None:
    rows = ["...|..."] * 3
    assert "the borders drawn here are not those of boxes" in refused("\n".join([*rows, "-------", *rows]))


def test_givens_that_speak_against_the_usual_boxes_only_are_named() -> None:
    message = refused(".5......5..." + "." * 24)
    assert "digit 5 stands twice in box 1" in message
    assert "if boxes of 3 rows and 2 columns are meant, draw their borders" in message
    [puzzle] = read("\n".join([".5|..|..", "..|5.|..", *["..|..|.."] * 4]))
    assert puzzle.boxes == UPRIGHT
    message = refused("55...." + "." * 30)
    assert "meant" not in message


def test_an_answer_given_tells_the_boxes_of_a_line() -> None:
    cells = "..6.....5.2.6....1......1.2.3.46...."
    for text in (f"{cells} {ANSWER}", f"question,answer\n{cells},{ANSWER}"):
        [puzzle] = read(text)
        assert puzzle.boxes == UPRIGHT and puzzle.answer is not None
        assert SudokuRules(puzzle.boxes).verify(puzzle.cells, puzzle.answer).ok
    drawn = "|".join(["..."] * 2)
    assert "the answer given is wrong" in refused(f'question,answer\n"{"/".join([drawn] * 6)}",{ANSWER}')


def test_a_puzzle_is_judged_and_searched_by_its_own_boxes() -> None:
    [puzzle] = read(DRAWN.read_text())
    own = TASK.of(puzzle).rules
    assert own is not None
    answer = own.search(puzzle.cells)
    assert answer is not None and "".join(signs_of(answer)) == ANSWER
    assert own.verify(puzzle.cells, answer).ok and not SudokuRules().verify(puzzle.cells, answer).ok
    assert own.check(puzzle.cells[None], answer[None]).all()
    assert not SudokuRules().check(puzzle.cells[None], answer[None]).any()
    assert own.solutions(puzzle.cells) == 1
    assert count_solutions(puzzle.cells, boxes=UPRIGHT) == 1
    wrong = answer.copy()
    wrong[[0, 1]] = wrong[[1, 0]]  # rows of one box: nothing is broken
    assert own.verify(np.zeros_like(wrong), wrong).ok
    wrong[[2, 3]] = wrong[[3, 2]]
    problem = own.verify(np.zeros_like(wrong), wrong).problems[0]
    assert "in box 1: " in problem.message
    assert set(problem.cells) <= set(units(6, UPRIGHT)[2, 0].tolist())
    assert TASK.of(replace(puzzle, boxes=None)) is TASK


def test_transposed_it_is_a_puzzle_with_the_usual_boxes() -> None:
    [puzzle] = read(DRAWN.read_text())
    usual = TASK.views.usual(puzzle)
    tokens = usual.apply(TASK.codec.encode(puzzle.cells[None]))
    [turned] = TASK.codec.decode(tokens, (6, 6))
    assert np.array_equal(turned, puzzle.cells.T)
    [answer] = solutions(turned)
    back = usual.inverse().apply(TASK.codec.encode(answer[None]))
    assert "".join(signs_of(TASK.codec.decode(back, (6, 6))[0])) == ANSWER
    plain = TASK.views.usual(replace(puzzle, boxes=None))
    assert np.array_equal(plain.cells, [np.arange(36)])


@given(st.integers(0, 2**32 - 1))
def test_one_symmetry_after_another_is_the_same_as_both_in_turn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (TASK.views.symmetries((6, 6), 3, rng) for _ in range(2))
    tokens = rng.integers(0, TASK.codec.vocab_size, (3, 36))
    assert np.array_equal(first.then(second).apply(tokens), second.apply(first.apply(tokens)))
    assert np.array_equal(first.then(first.inverse()).apply(tokens), tokens)
