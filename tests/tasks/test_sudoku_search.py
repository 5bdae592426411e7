"""Exact search and the generator."""

from __future__ import annotations

import csv
import itertools
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest

from trmcli.errors import InputError
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Cells
from trmcli.tasks.sudoku.generate import FEWEST_CLUES, generate, generate_many
from trmcli.tasks.sudoku.kind import SudokuMaker, SudokuRules, sudoku_task
from trmcli.tasks.sudoku.search import count_solutions, rating, solutions

TASK = sudoku_task()
DATA = Path(__file__).parents[1] / "data"


def givens(cells: Cells) -> int:
    return int((cells > 0).sum())


def test_hard_puzzles_have_the_known_solution_and_rating() -> None:
    file = DATA / "sudoku_hard.csv"
    ratings = [int(row["rating"]) for row in csv.DictReader(file.read_text().splitlines())]
    ours = []
    for _, puzzle in read_puzzles([str(file)]):
        [found] = solutions(puzzle.cells, 3)
        assert puzzle.answer is not None
        assert np.array_equal(found, puzzle.answer)
        ours.append(rating(puzzle.cells))
    assert len(ours) == 12
    assert np.corrcoef(ours, ratings)[0, 1] > 0.9


def test_search_is_fast_enough() -> None:
    puzzles = [puzzle for _, puzzle in read_puzzles([str(DATA / "sudoku_hard.csv")])]
    began = time.process_time()
    for puzzle in puzzles:
        solutions(puzzle.cells)
    assert time.process_time() - began < 2.0  # about 0.05 s; this only catches a search gone astray


def test_ambiguous_puzzles_have_several_solutions() -> None:
    for _, puzzle in read_puzzles([str(DATA / "sudoku_ambiguous.txt")]):
        both = solutions(puzzle.cells, 2)
        assert len(both) == 2
        assert not np.array_equal(both[0], both[1])
        assert all(SudokuRules().verify(puzzle.cells, answer).ok for answer in both)
        assert count_solutions(puzzle.cells, 1) == 1


def test_all_small_grids_are_found() -> None:
    empty = np.zeros((4, 4), np.uint8)
    every = {answer.tobytes() for answer in solutions(empty, 1000)}
    assert len(every) == count_solutions(empty, 1000) == 288
    assert all(SudokuRules().verify(empty, answer).ok for answer in solutions(empty, 1000))


def test_search_agrees_with_trying_everything() -> None:
    rng = np.random.default_rng(0)
    empty = np.zeros((4, 4), np.uint8)
    every = np.stack(solutions(empty, 288))
    for _ in range(200):
        question = np.where(rng.random((4, 4)) < 0.3, rng.integers(1, 5, (4, 4)), 0).astype(np.uint8)
        fits = ((question == 0) | (question == every)).all(axis=(1, 2))
        assert count_solutions(question, 1000) == fits.sum()


@pytest.mark.parametrize("size", [4, 6, 9, 16])
def test_empty_grids_are_filled(size: int) -> None:
    empty = np.zeros((size, size), np.uint8)
    [answer] = solutions(empty, 1)
    assert answer.dtype == np.uint8
    assert SudokuRules().verify(empty, answer).ok


def test_contradictions_have_no_solution() -> None:
    twice = np.zeros((9, 9), np.uint8)
    twice[0, :2] = 5
    nowhere = np.zeros((9, 9), np.uint8)  # the last cell of the row sees all nine digits
    nowhere[0, :8], nowhere[3, 8] = np.arange(1, 9), 9
    for question in (twice, nowhere):
        assert solutions(question) == []
        assert count_solutions(question, 5) == 0


@pytest.mark.parametrize(
    ("size", "clues", "minimal"),
    [
        (4, None, False),
        (4, (4, 5), True),
        (6, (8, 10), True),
        (6, (12, 12), False),
        (9, None, False),
        (9, None, True),
        (9, (22, 25), True),
        (9, (81, 81), False),
        (16, (125, 140), False),
    ],
)
def test_generated_puzzles_keep_their_promise(
    size: int, clues: tuple[int, int] | None, minimal: bool
) -> None:
    for seed in range(1 if size == 16 else 3):
        question, answer = generate(size, np.random.default_rng(seed), clues, minimal)
        assert SudokuRules().verify(question, answer).ok
        assert count_solutions(question) == 1
        if clues is not None:
            assert clues[0] <= givens(question) <= clues[1]
        if minimal:
            for cell in np.flatnonzero(question):
                poorer = question.copy()
                poorer.flat[cell] = 0
                assert count_solutions(poorer) == 2


@pytest.mark.parametrize(
    ("size", "clues", "message"),
    [
        (9, (16, 30), "a 9x9 Sudoku with one solution has 17 to 81 givens, not 16-30"),
        (9, (30, 82), "17 to 81 givens"),
        (9, (35, 22), "the range of givens 35-22 is empty"),
        (4, (3, 5), "4 to 16"),
        (6, (7, 9), "8 to 36"),
        (16, (50, 60), "can be generated with 96 to 256 givens"),
    ],
)
def test_impossible_ranges_are_refused_at_once(size: int, clues: tuple[int, int], message: str) -> None:
    began = time.perf_counter()
    with pytest.raises(InputError, match=message):
        generate(size, np.random.default_rng(0), clues)
    with pytest.raises(InputError, match=message):
        next(generate_many(size, 3, clues))
    assert time.perf_counter() - began < 1


def test_a_range_that_no_minimal_puzzle_has_ends() -> None:
    with pytest.raises(InputError, match="found no 4x4 minimal puzzle with 12-16 givens"):
        generate(4, np.random.default_rng(0), (12, 16), minimal=True)


def test_the_same_for_any_number_of_processes() -> None:
    def lines(processes: int) -> list[tuple[bytes, bytes, int]]:
        made = generate_many(4, 60, (4, 5), seed=3, processes=processes)
        return [(question.tobytes(), answer.tobytes(), rating) for question, answer, rating in made]

    alone = lines(1)
    assert len({question for question, _, _ in alone}) == 60
    assert lines(2) == alone
    other = list(generate_many(4, 60, (4, 5), seed=4))
    assert [question.tobytes() for question, _, _ in other] != [question for question, _, _ in alone]


def test_a_worker_that_is_killed_ends_the_making_instead_of_hanging_it() -> None:
    made = generate_many(9, 10_000, minimal=True, processes=2)
    next(made)
    multiprocessing.active_children()[0].kill()
    with pytest.raises(ChildProcessError, match="memory"):
        list(made)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 5}, "there is no Sudoku of size 5: --size is 4, 6, 9 or 16"),
        ({"size": "9"}, "there is no Sudoku of size '9': "),
        ({"size": [9]}, "--size is 4, 6, 9 or 16"),
        ({"clues": "some"}, "'some' is no range"),
        ({"minimal": 3}, "minimal must be true or false, not 3"),
        ({"walls": 0.3}, "generated Sudoku has no option walls"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SudokuMaker().make(1, 0, options)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    few = [made.question.tobytes() for made in generate_many(9, 3, seed=1)]
    many = [made.question.tobytes() for made in itertools.islice(generate_many(9, 1000, seed=1), 3)]
    assert few == many


def test_no_duplicates_and_no_endless_search_for_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trmcli.tasks.sudoku.generate._TRIES_FOR_NEW", 300)
    found: list[bytes] = []
    with pytest.raises(InputError, match=r"found only (\d+) different 4x4 puzzles of this kind, not 400"):
        found.extend(made.question.tobytes() for made in generate_many(4, 400, (16, 16)))
    assert 200 < len(found) == len(set(found)) <= 288
    assert len(list(generate_many(4, 400, (16, 16), unique=False))) == 400


def test_ratings_count_guesses() -> None:
    made = list(generate_many(9, 30, (24, 30), seed=2))
    assert all(rating(question) == guesses for question, _, guesses in made)
    assert min(guesses for *_, guesses in made) == 0 < max(guesses for *_, guesses in made)
    assert FEWEST_CLUES[9] == 17
