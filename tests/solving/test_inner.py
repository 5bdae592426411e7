"""What is read within a supervision step is what shorter steps come to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_models import accepting, made, model_of, one_in_sixteen, small_solver

from trmcli.errors import InputError, Origin
from trmcli.solving.answers import Answer, Frame
from trmcli.solving.choices import SearchConfig
from trmcli.solving.engine import Output
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.solving.search import Search, watch
from trmcli.solving.solver import Solver
from trmcli.tasks.base import Bools, Cells, Puzzle
from trmcli.tasks.sudoku.kind import SudokuRules

NAMES = ["groups and neighbours", "a network for the answer", "candidates by means", "single z"]
PUZZLE = Puzzle(np.zeros((4, 4), dtype=np.uint8), Origin("here"))


@pytest.mark.parametrize("name", NAMES)
def test_each_update_says_what_a_round_that_ends_there_comes_to(name: str) -> None:
    case = made(name)
    engine = case.engine(np.float64)
    config, state = engine.config, case.drawn(engine)
    heard: list[tuple[int, Output]] = []
    seen, said = engine.round(state, lambda update, output: heard.append((update, output)))
    unseen, again = engine.round(state)
    np.testing.assert_array_equal(seen.answer, unseen.answer)
    np.testing.assert_array_equal(seen.latent, unseen.latent)
    np.testing.assert_array_equal(said.probabilities, again.probabilities)
    assert [update for update, _ in heard] == list(range(1, config.updates))

    weights = {key: tensor.numpy() for key, tensor in case.model.state_dict().items()}
    for update, output in heard:
        latent_updates = update - (config.features == 1)
        if latent_updates == 0:  # with a single z the first update alone is not a round of any model
            continue
        short = replace(config, latent_updates=latent_updates)
        _, expected = NumPyEngine(short, weights, case.task, np.float64, 1).round(state)
        np.testing.assert_allclose(output.probabilities, expected.probabilities, atol=1e-9)
        np.testing.assert_allclose(output.halt, expected.halt, atol=1e-9)


def numpy_solver() -> Solver:
    solver = small_solver(rounds=2)
    weights = {key: tensor.float().numpy() for key, tensor in model_of(solver).state_dict().items()}
    return Solver(NumPyEngine(solver.engine.config, weights, solver.task))


def test_watching_the_inside_changes_nothing_of_the_steps() -> None:
    solver, config = numpy_solver(), SearchConfig(max_steps=3, tries=2)
    whole = list(watch(solver, PUZZLE, config))
    both = list(watch(solver, PUZZLE, config, inner=True))
    steps = [frame for frame in both if frame.inner is None]
    assert [(frame.attempt, frame.step) for frame in steps] == [(one.attempt, one.step) for one in whole]
    for mine, theirs in zip(steps, whole, strict=True):
        np.testing.assert_array_equal(mine.cells, theirs.cells)
        np.testing.assert_allclose(mine.confidence, theirs.confidence, atol=1e-6)
    model = solver.engine.config
    within = model.rounds * model.latent_updates - 1
    places = [(turn, update) for turn in range(1, 3) for update in range(1, model.latent_updates + 1)]
    assert len(both) == len(whole) * (within + 1)
    for start in range(0, len(both), within + 1):
        inside, step = both[start : start + within], both[start + within]
        assert step.inner is None
        assert [(one.inner.round, one.inner.update) for one in inside if one.inner] == places[:-1]
        assert {(frame.attempt, frame.step) for frame in inside} == {(step.attempt, step.step)}
    assert str(both[0].inner) == f"round 1/{model.rounds}, update 1/{model.latent_updates}"


def test_the_first_try_shows_the_rounds_of_its_steps() -> None:
    solver = small_solver(rounds=3)
    config = SearchConfig(max_steps=2, tries=2, halt="never", commit=False, batch_size=1)
    found = list(Search(solver, [PUZZLE], config, shown=True, within="rounds").run())
    frames = [frame for frame in found if isinstance(frame, Frame)]
    assert [(frame.attempt, frame.step) for frame in frames] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [len(frame.rounds) for frame in frames] == [2, 2, 0, 0]
    one_by_one = small_solver(rounds=1).steps(
        solver.task.codec.encode(PUZZLE.cells[None]), (4, 4), max_steps=6, halt="never"
    )
    shown = [part for frame in frames[:2] for part in (*frame.rounds, frame)]
    for frame, step in zip(shown, one_by_one, strict=True):
        np.testing.assert_allclose(frame.confidence.ravel(), step.confidence[0], atol=1e-6)
    assert [str(part.inner) for part in frames[0].rounds] == [
        "round 1/3, update 2/2",
        "round 2/3, update 2/2",
    ]


def test_a_step_that_ends_early_has_fewer_rounds() -> None:
    """The rules accept the second answer that they are shown."""
    solver = small_solver(rounds=3)
    verdicts = iter([False, True])

    class Second(SudokuRules):
        def check(self, questions: Cells, answers: Cells) -> Bools:
            return np.array([next(verdicts)])

    solver.task = replace(solver.task, rules=Second())
    (frame, answer) = Search(solver, [PUZZLE], SearchConfig(), shown=True, within="rounds").run()
    assert isinstance(frame, Frame) and frame.checked and len(frame.rounds) == 1
    assert isinstance(answer, Answer) and (answer.checked, answer.steps) == (True, 1)


def test_the_torch_engine_says_that_it_does_not_show_it() -> None:
    with pytest.raises(InputError, match=r'NumPy engine alone .*: take engine="numpy"$'):
        list(watch(accepting(one_in_sixteen), PUZZLE, SearchConfig(), inner=True))
