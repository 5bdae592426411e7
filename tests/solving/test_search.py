"""Tries and selection, on random models and with rules that say yes when the test wants it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from small_models import accepting, one_in_sixteen, random_tokens, small_solver

from trmcli.errors import Origin
from trmcli.solving.answers import Answer, Frame, choose, settle
from trmcli.solving.choices import STRATEGIES, SearchConfig, Strategy
from trmcli.solving.engine import Output, State
from trmcli.solving.search import LOOK_AHEAD, Search, solve_many, watch
from trmcli.solving.solver import Floats, Solver, Step
from trmcli.solving.tries import Guesses, Question, Try
from trmcli.tasks import get_task
from trmcli.tasks.base import Bools, Cells, Ints, Puzzle
from trmcli.tasks.sudoku.kind import SudokuCodec, SudokuRules


def puzzles(count: int, size: int = 9) -> list[Puzzle]:
    cells = get_task("sudoku").codec.decode(random_tokens(count, size), (size, size))
    return [Puzzle(one, Origin("test", number)) for number, one in enumerate(cells)]


def outcome(answer: Answer) -> tuple[object, ...]:
    return answer.checked, answer.tries, answer.try_steps, answer.cells.tobytes()


def test_every_puzzle_gets_one_answer_in_order() -> None:
    given = [*puzzles(5), *puzzles(3, 4), *puzzles(2)]
    config = SearchConfig(max_steps=2, tries=3, batch_size=4)
    answers = list(solve_many(small_solver(), iter(given), config))
    assert [answer.puzzle for answer in answers] == given
    for answer in answers:
        assert (answer.checked, answer.tries, answer.steps, answer.try_steps) == (False, 3, 6, (2, 2, 2))
        assert answer.cells.shape == answer.confidence.shape == answer.puzzle.shape
        assert len(answer.trace_halt) == len(answer.trace_checked) == 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_do_not_depend_on_the_batch(strategy: Strategy) -> None:
    """One place or many, alone or together: the same try wins, with the same answer and steps."""
    given = puzzles(8)
    alone = None
    for batch_size in (1, 3, 64):
        config = SearchConfig(max_steps=6, tries=9, batch_size=batch_size, strategy=strategy, seed=5)
        outcomes = list(map(outcome, solve_many(accepting(one_in_sixteen), given, config)))
        alone = alone or outcomes
        assert outcomes == alone
    assert alone is not None and len({tries for _, tries, _, _ in alone}) > 2
    one = solve_many(accepting(one_in_sixteen), given[7:8], config, numbers=[7])
    assert outcome(next(one)) == alone[7]


def test_every_second_puzzle_under_its_own_number_gives_the_same_answers() -> None:
    given = puzzles(6)
    config = SearchConfig(max_steps=2, tries=5, batch_size=4)
    whole = list(map(outcome, solve_many(accepting(one_in_sixteen), given, config)))
    for rank in (0, 1):
        part = solve_many(accepting(one_in_sixteen), given[rank::2], config, numbers=count(rank, 2))
        assert list(map(outcome, part)) == whole[rank::2]


def test_a_hard_puzzle_does_not_let_the_finished_ones_pile_up() -> None:
    """The first puzzle is never solved, the others at once; far fewer than all are read meanwhile."""
    read = 0
    hard, easy = puzzles(2)

    def stream() -> Iterator[Puzzle]:
        nonlocal read
        for number in range(200):
            read += 1
            yield hard if number == 0 else easy

    class Rules(SudokuRules):
        def check(self, questions: Cells, answers: Cells) -> Bools:
            return (questions == easy.cells).all(axis=(1, 2))  # type: ignore[no-any-return]

    solver = small_solver()
    solver.task = replace(solver.task, rules=Rules())
    config = SearchConfig(max_steps=1, tries=100, batch_size=4, strategy="restart")
    answers = solve_many(solver, stream(), config)
    first = next(answers)
    assert (first.checked, first.tries) == (False, 100)
    assert read <= 4 * LOOK_AHEAD
    assert sum(answer.checked for answer in answers) == 199


def test_free_places_go_to_the_tries_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """One puzzle, four places, tries of one step: 1, then 2 and 3, then 4 to 7, then 8 and 9."""
    calls = 0
    solver = small_solver()
    whole = solver.engine.round

    def counted(state: State[Any]) -> tuple[State[Any], Output]:
        nonlocal calls
        calls += 1
        return whole(state)

    monkeypatch.setattr(solver.engine, "round", counted)
    (answer,) = solve_many(solver, puzzles(1), SearchConfig(max_steps=1, tries=9, batch_size=4))
    assert (answer.tries, answer.steps, calls) == (9, 9, 4)


def test_tries_side_by_side_settle_as_one_after_another() -> None:
    """Those that ran beside the right one, or began after it, do not count."""
    given, config = puzzles(8), SearchConfig(max_steps=3, tries=9, batch_size=16)
    frames: list[list[Frame]] = [[] for _ in given]
    answers = []
    for found in Search(accepting(one_in_sixteen), given, config, shown=True).run():
        if isinstance(found, Answer):
            answers.append(found)
        else:
            frames[found.number].append(found)
    for puzzle, seen, answer in zip(given, frames, answers, strict=True):
        assert outcome(settle(puzzle, seen)) == outcome(answer)
    assert any(seen[-1].attempt > answer.tries for seen, answer in zip(frames, answers, strict=True))


def test_watching_shows_every_step_and_settles_as_the_pool_does() -> None:
    for strategy in STRATEGIES:
        solver, given = accepting(one_in_sixteen), puzzles(6)
        config = SearchConfig(max_steps=3, tries=6, batch_size=4, strategy=strategy)
        for number, answer in enumerate(solve_many(solver, given, config)):
            frames = list(watch(solver, given[number], config, number))
            assert [frame.step for frame in frames] == [
                step for steps in answer.try_steps for step in range(1, steps + 1)
            ]
            settled = settle(given[number], frames)
            assert outcome(settled) == outcome(answer)
            np.testing.assert_allclose(settled.confidence, answer.confidence, atol=1e-5)
            np.testing.assert_array_equal(settled.trace_checked, answer.trace_checked)


def test_the_viewers_time_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that goes on by a second whenever the pool looks at it, and by an hour for each frame."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    monkeypatch.setattr(time, "perf_counter", clock)
    seconds = []
    for frame in watch(small_solver(), puzzles(1)[0], SearchConfig(max_steps=2, tries=2)):
        seconds.append(frame.seconds)
        now += 3600.0
    assert len(seconds) == 4 and seconds == sorted(seconds) and 0 < seconds[0] < seconds[-1] < 3600


def ending(attempt: int, cell: int, halt: float, checked: bool = False) -> Frame:
    cells = np.array([[cell]], dtype=np.uint8)
    return Frame(attempt, 1, cells, np.ones((1, 1), dtype=np.float32), halt, checked, 0.0)


def test_what_is_chosen_among_the_tries() -> None:
    tries = [ending(1, 4, 0.3), ending(2, 5, 0.9), ending(3, 4, 0.5), ending(4, 6, 0.9), ending(5, 4, 0.1)]
    assert choose(tries, "halt").attempt == 2
    assert choose(tries, "vote").attempt == 3  # the most frequent answer, where it is trusted most
    assert choose(tries[:2] + tries[3:4], "vote").attempt == 2  # one vote each
    accepted = [*tries, ending(7, 8, 0.1, checked=True), ending(6, 9, 0.0, checked=True)]
    assert choose(accepted, "halt").attempt == choose(accepted, "vote").attempt == 6


@pytest.mark.parametrize("select", ["halt", "vote"])
def test_the_pool_chooses_as_the_view_does(select: str) -> None:
    config = SearchConfig(max_steps=2, tries=7, batch_size=4, select=select)  # type: ignore[arg-type]
    solver, given = small_solver(), puzzles(3)
    for number, answer in enumerate(solve_many(solver, given, config)):
        frames = list(watch(solver, given[number], config, number))
        assert outcome(settle(given[number], frames, config.select)) == outcome(answer)
        assert answer.halt == pytest.approx(settle(given[number], frames, config.select).halt, abs=1e-6)


def test_the_budget_ends_a_puzzle_and_keeps_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks) / 100)
    config = SearchConfig(max_steps=3, tries=1000, batch_size=4, budget=0.0)
    for answer in solve_many(small_solver(), puzzles(6), config):
        assert (answer.checked, answer.tries, answer.steps) == (False, 1, 1)
        assert len(answer.trace_halt) == 1
    config = SearchConfig(max_steps=1, tries=10**6, batch_size=4, budget=0.2)
    (answer,) = solve_many(small_solver(), puzzles(1), config)
    assert 1 < answer.tries < 200 and 0.2 <= answer.seconds < 1
    frames = list(watch(small_solver(), puzzles(1)[0], config))
    assert 1 < len(frames) < 200 and 0.2 <= frames[-1].seconds < 1


def begin(
    solver: Solver, puzzle: Puzzle, attempt: int, config: SearchConfig, guesses: Guesses | None = None
) -> Try:
    return Try.start(solver.task, Question.of(solver.task, puzzle, 0), attempt, config, guesses)


def test_the_first_try_is_the_puzzle_as_it_stands_and_the_mixture_takes_turns() -> None:
    solver, (puzzle,) = small_solver(), puzzles(1)
    kinds = []
    for attempt in range(1, 8):
        one = begin(solver, puzzle, attempt, SearchConfig(strategy="mixed"))
        moved = (one.tokens != solver.task.codec.encode(puzzle.cells[None])).any()
        chance = one.chance
        kinds.append(
            (bool(moved), chance is not None and chance.noise > 0, chance is not None and chance.restart)
        )
    symmetry, noise, restart = (True, False, False), (False, True, False), (False, False, True)
    assert kinds == [(False,) * 3, *[symmetry, noise, restart] * 2]


def sure_of(solver: Solver, cells: dict[int, dict[int, float]]) -> Floats:
    """``[L, V]`` probabilities of a 4x4 grid: 1 in every cell, but for those that are said."""
    probabilities = np.zeros((16, solver.task.codec.vocab_size), dtype=np.float32)
    probabilities[:, 2] = 1.0
    for cell, values in cells.items():
        probabilities[cell] = 0.0
        for token, probability in values.items():
            probabilities[cell, token] = probability
    return probabilities


def test_probabilities_are_turned_back_even_if_the_model_knows_fewer_tokens_than_the_task() -> None:
    solver, (puzzle,) = small_solver(), puzzles(1)
    rng, width = np.random.default_rng(0), 12
    one = begin(solver, puzzle, 2, SearchConfig(strategy="symmetry"))
    turned = rng.random((81, width), dtype=np.float32)
    back = one.undone(turned)
    for token in range(width):
        tokens = one.undo.apply(np.full((1, 81), token))[0]
        np.testing.assert_array_equal(back[np.arange(81), tokens], turned[one.undo.cells[0], token])
    assert back.shape == (81, solver.task.codec.vocab_size) and back.sum() == pytest.approx(turned.sum())


def test_the_most_probable_branch_is_tried_next() -> None:
    solver, config = small_solver(), SearchConfig(strategy="guess")
    puzzle = Puzzle(np.zeros((4, 4), dtype=np.uint8), Origin("test", 1))
    guesses = Guesses()

    def supposed(one: Try) -> dict[int, int]:
        return {cell: int(token) for cell, token in enumerate(one.supposed.question) if token != 1}

    def leave(one: Try, cells: dict[int, dict[int, float]]) -> None:
        """The try ends at its first step, in doubt of these cells as the puzzle has them."""
        turned = sure_of(solver, cells)[one.undo.inverse().cells[0]]
        turned = turned[:, one.undo.values[0]]
        nothing = np.zeros((1, 16), dtype=np.int64)
        step = Step(
            rows=np.zeros(1, dtype=np.int64),
            number=np.ones(1, dtype=np.int64),
            tokens=nothing,
            probabilities=turned[None],
            halt=np.zeros(1, dtype=np.float32),
            checked=np.zeros(1, dtype=np.bool_),
            done=np.ones(1, dtype=np.bool_),
            seconds=0.0,
        )
        guesses.note(one, step, 0)

    tries = {1: begin(solver, puzzle, 1, config, guesses)}
    assert supposed(tries[1]) == {}
    leave(tries[1], {3: {4: 0.7, 5: 0.3}, 9: {4: 0.9, 5: 0.1}})
    tries |= {number: begin(solver, puzzle, number, config, guesses) for number in (2, 3, 4)}
    leave(tries[2], {5: {4: 0.5, 5: 0.5}})  # it began afresh, and nothing grows from it
    assert [supposed(tries[number]) for number in (2, 3, 4)] == [{}, {3: 4}, {3: 5}]
    leave(tries[3], {9: {4: 0.8, 5: 0.2}})
    leave(tries[4], {0: {3: 0.6, 4: 0.4}})
    tries |= {number: begin(solver, puzzle, number, config, guesses) for number in range(5, 12)}
    assert supposed(tries[5]) == {}  # nothing is left that it may know of: another symmetry
    assert supposed(tries[6]) == {3: 4, 9: 4} and tries[6].supposed.probability == pytest.approx(0.56)
    assert supposed(tries[7]) == {3: 4, 9: 5}  # 0.14; it may not know yet what the fourth found
    assert [supposed(tries[number]) for number in (9, 10)] == [{3: 5, 0: 3}, {3: 5, 0: 4}]
    afresh = [number for number, one in tries.items() if one.chance is not None and one.chance.restart]
    assert afresh == [2, 8] and supposed(tries[8]) == {}


def test_what_has_not_come_keeps_nothing_waiting() -> None:
    """The second puzzle is asked for when it is there, or when there is nothing else to do."""
    given, asked = puzzles(3), []
    here = iter([False, False, True, False])

    def stream() -> Iterator[Puzzle]:
        for number, puzzle in enumerate(given):
            asked.append(number)
            yield puzzle

    config = SearchConfig(max_steps=2, tries=1, batch_size=4)
    answers = solve_many(small_solver(), stream(), config, ready=lambda: next(here, False))
    assert next(answers).puzzle is given[0] and asked == [0]
    assert [answer.puzzle for answer in answers] == given[1:]
    assert asked == [0, 1, 2]


def test_unless_it_is_said_the_kind_says_how_many_steps_a_try_may_take() -> None:
    solver, (puzzle,) = small_solver(), puzzles(1)
    solver.task = replace(solver.task, rules=None, steps=lambda shape: sum(shape) + 1)
    for given, steps in ((None, 19), (3, 3)):
        config = SearchConfig(given, tries=2, halt="never", strategy="symmetry", batch_size=1)
        (answer,) = solve_many(solver, [puzzle], config)
        assert answer.try_steps == (steps, steps)


@pytest.mark.parametrize(("most", "half"), [(4, 4), (9, 8), (16, 8), (40, 20)])
def test_tries_that_guess_have_half_of_the_steps_and_some_of_them_all(most: int, half: int) -> None:
    solver, (puzzle,) = small_solver(), puzzles(1)

    def steps(strategy: Strategy) -> list[int]:
        config = SearchConfig(most, strategy=strategy)
        return [begin(solver, puzzle, attempt, config).max_steps for attempt in range(1, 35)]

    guessing = steps("guess")
    assert [attempt for attempt in range(1, 35) if guessing[attempt - 1] == most != half] == (
        [1, 9, 17, 33] if most != half else []
    )
    assert set(guessing) == {most, half}
    assert set(steps("symmetry")) == set(steps("restart")) == {most}


def test_where_nothing_can_be_taken_as_given_every_try_has_all_steps() -> None:
    solver, (puzzle,) = small_solver(), puzzles(1)
    solver.task = replace(solver.task, givens=None)
    assert {begin(solver, puzzle, number, SearchConfig()).max_steps for number in range(1, 9)} == {16}


def test_where_few_cells_are_given_every_try_has_all_steps() -> None:
    solver, (puzzle,) = small_solver(), puzzles(1)
    few = replace(puzzle, cells=np.where(np.arange(81).reshape(9, 9) < 9, puzzle.cells, 0).astype(np.uint8))
    assert {begin(solver, few, number, SearchConfig()).max_steps for number in range(1, 9)} == {16}


def test_mazes_take_more_steps_the_larger_they_are() -> None:
    maze = get_task("maze")
    assert [maze.steps((side, side)) for side in (5, 8, 9, 64)] == [16, 16, 18, 128]
    assert get_task("sudoku").steps((16, 16)) == 16


def test_a_puzzle_without_solution_gets_no_try_and_keeps_its_place() -> None:
    given = puzzles(5)
    given[1], given[3], given[4] = (replace(given[n], solutions=0) for n in (1, 3, 4))
    config = SearchConfig(max_steps=2, tries=3, batch_size=2)
    solver = accepting(one_in_sixteen)
    answers = list(solve_many(solver, given, config))
    assert [answer.puzzle for answer in answers] == given
    assert [(answer.tries, answer.method) for answer in answers if answer.puzzle.solutions == 0] == [
        (0, "count")
    ] * 3
    plain = list(solve_many(solver, puzzles(5), config))
    assert [outcome(answers[n]) for n in (0, 2)] == [outcome(plain[n]) for n in (0, 2)]
    assert outcome(settle(given[1], list(watch(solver, given[1], config)))) == outcome(answers[1])


def test_the_driver_shows_the_frames_of_a_puzzle_and_then_its_answer() -> None:
    solver, given = accepting(one_in_sixteen), puzzles(4)
    given[2] = replace(given[2], solutions=0)
    config = SearchConfig(max_steps=3, tries=6, batch_size=1)
    frames: list[Frame] = []
    answers: list[Answer] = []
    for found in Search(solver, given, config, shown=True).run():
        if isinstance(found, Frame):
            assert found.number == len(answers)
            frames.append(found)
            continue
        assert outcome(settle(found.puzzle, frames)) == outcome(found)
        assert len(frames) == found.steps
        answers.append(found)
        frames.clear()
    assert list(map(outcome, answers)) == list(map(outcome, solve_many(solver, given, config)))


def test_a_question_becomes_tokens_once_however_often_it_is_tried() -> None:
    class Counting(SudokuCodec):
        def encode(self, cells: np.ndarray) -> Ints:
            encoded.append(len(cells))
            return super().encode(cells)

    encoded: list[int] = []
    solver = small_solver()
    solver.task = replace(solver.task, codec=Counting())
    list(solve_many(solver, puzzles(2), SearchConfig(max_steps=1, tries=5, strategy="symmetry")))
    assert encoded == [1, 1]
