"""Tries and selection, on a random model and with rules that say yes when the test wants it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from test_solver import random_tokens, small_solver

from trmcli.errors import Origin
from trmcli.solving.search import SearchConfig, best_frame, settle, solve_many, symmetry_of, watch
from trmcli.solving.solver import Solver
from trmcli.tasks import get_task
from trmcli.tasks.base import Puzzle

SUDOKU = type(get_task("sudoku"))


def puzzles(count: int, size: int = 9) -> list[Puzzle]:
    cells = get_task("sudoku").decode(random_tokens(count, size), (size, size))
    return [Puzzle(one, Origin("test", number)) for number, one in enumerate(cells)]


def accepting(calls: set[int]) -> Solver:
    """A solver whose rules accept every answer in the calls of ``check`` with these numbers."""

    class Rules(SUDOKU):  # type: ignore[misc, valid-type]
        calls_made = 0

        def check(self, questions: np.ndarray, answers: np.ndarray) -> np.ndarray:  # type: ignore[override]
            self.calls_made += 1
            return np.full(len(answers), self.calls_made in calls)

    solver = small_solver()
    solver.task = Rules()
    return solver


def test_every_puzzle_gets_one_answer_in_order() -> None:
    given = [*puzzles(5), *puzzles(3, 4), *puzzles(2)]
    config = SearchConfig(max_steps=2, tries=3, batch_size=4)
    answers = list(solve_many(small_solver(), iter(given), config))
    assert [answer.puzzle for answer in answers] == given
    for answer in answers:
        assert (answer.checked, answer.tries, answer.steps) == (False, 3, 6)
        assert answer.cells.shape == answer.confidence.shape == answer.puzzle.shape
        assert len(answer.trace_halt) == len(answer.trace_checked) == 2


def test_a_checked_answer_ends_the_tries() -> None:
    # Two steps a try: the second try's first step is the third check.
    answers = list(solve_many(accepting({3}), puzzles(2), SearchConfig(max_steps=2, tries=9, batch_size=2)))
    assert [(answer.checked, answer.tries, answer.steps) for answer in answers] == [(True, 2, 3)] * 2


def test_tries_of_one_puzzle_share_the_batch_and_leave_together() -> None:
    config = SearchConfig(max_steps=2, tries=9, batch_size=4)
    (answer,) = solve_many(accepting({3}), puzzles(1), config)
    # One try of two steps, then four at once, which all leave after their first step.
    assert (answer.checked, answer.tries, answer.steps) == (True, 5, 6)


def test_watching_shows_every_step_and_settles_as_the_batch_does() -> None:
    solver, (puzzle,) = accepting({3}), puzzles(1)
    config = SearchConfig(max_steps=2, tries=4, batch_size=1)
    frames = list(watch(solver, puzzle, config))
    assert [(frame.attempt, frame.step, frame.checked) for frame in frames] == [
        (1, 1, False),
        (1, 2, False),
        (2, 1, True),
    ]
    settled = settle(puzzle, frames)
    (answer,) = solve_many(accepting({3}), [puzzle], config)
    np.testing.assert_array_equal(settled.cells, answer.cells)
    np.testing.assert_allclose(settled.confidence, answer.confidence, atol=1e-6)
    assert (settled.tries, settled.steps) == (answer.tries, answer.steps)


def test_the_viewers_time_does_not_count() -> None:
    frames = []
    for frame in watch(small_solver(), puzzles(1)[0], SearchConfig(max_steps=2, tries=2)):
        frames.append(frame)
        time.sleep(0.5)
    seconds = [frame.seconds for frame in frames]
    assert seconds == sorted(seconds) and 0 < seconds[-1] < 1.0


def test_without_a_checked_answer_the_most_trusted_try_is_shown() -> None:
    frames = list(watch(small_solver(), puzzles(1)[0], SearchConfig(max_steps=2, tries=5)))
    last = [frame for frame in frames if frame.step == 2]
    assert best_frame(frames) == max(last, key=lambda frame: frame.halt)


def test_the_same_seed_gives_the_same_answers() -> None:
    config = SearchConfig(max_steps=2, tries=4, seed=3)
    one, two = (list(solve_many(small_solver(), puzzles(3), config)) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first.cells, second.cells)


@pytest.mark.parametrize("attempt", [1, 2, 7])
def test_the_first_try_is_the_puzzle_as_it_stands(attempt: int) -> None:
    solver, (puzzle,) = small_solver(), puzzles(1)
    tokens = solver.task.encode(puzzle.cells[None])
    moved = symmetry_of(solver, puzzle, attempt, 0, 0).apply(tokens)
    assert (moved == tokens).all() == (attempt == 1)
