"""PyTorch's engine is driven as NumPy's is, and says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_models import SETTINGS, made

from trmcli.solving.engine import Engine, State, step
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.solving.search import SearchConfig, settle, solve_many, watch
from trmcli.solving.solver import Chance, Solver
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task, read_puzzles

CPU = torch.device("cpu")
EASY = "1..4.4.22.4..3.1"


def both(name: str) -> tuple[TorchEngine, NumPyEngine, Any]:
    """The engines of one model in float64, and what it is asked."""
    case = made(name)
    quick = case.engine(np.float64)
    case.model.double()
    return TorchEngine(case.model, case.task, CPU, torch.float64), quick, case.inputs


def arrays(state: State[Any]) -> list[np.ndarray]:
    return [np.asarray(one) for one in (state.question, state.answer, state.latent)]


@pytest.mark.parametrize("name", SETTINGS)
def test_both_engines_say_the_same_after_two_steps(name: str) -> None:
    said = []
    for engine in both(name)[:2]:
        with engine.working():
            state: State[Any] = engine.begin(made(name).inputs)
            for _ in range(2):
                state, output = step(engine, state)
        said.append((*arrays(state), output.probabilities, output.halt))
    for torchs, numpys in zip(*said, strict=True):
        np.testing.assert_allclose(torchs, numpys, atol=1e-5)


def test_rows_are_taken_and_joined() -> None:
    engine, _, inputs = both("single z")
    with engine.working():
        state, _ = step(engine, engine.begin(inputs))
        mask = np.array([True, False, True])
        again = engine.join([engine.take(state, mask), engine.take(state, np.array([1]))])
        for one, other in zip(arrays(state), arrays(again), strict=True):
            np.testing.assert_array_equal(one[[0, 2, 1]], other)
        with pytest.raises(ValueError, match="of one shape, not of 0"):
            engine.join([])


def test_a_step_leaves_the_state_that_it_is_given() -> None:
    for engine in both("candidates by means")[:2]:
        with engine.working():
            state: State[Any] = engine.begin(made("candidates by means").inputs)
            before = [one.copy() for one in arrays(state)]
            step(engine, state)
            for one, other in zip(before, arrays(state), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("chance", [{"noise": 0.5}, {"restart": True}, {}])
def test_random_numbers_do_not_depend_on_the_engine(chance: dict[str, Any]) -> None:
    said = []
    for engine in both("groups of two sizes")[:2]:
        inputs = made("groups of two sizes").inputs
        chances = [Chance(np.random.default_rng(number), **chance) for number in range(3)]
        solver = Solver(engine)
        options: dict[str, Any] = {"max_steps": 8, "halt": "never", "commit": True, "chances": chances}
        said.append([step.confidence for step in solver.steps(inputs.tokens, inputs.shape, **options)])
    for torchs, numpys in zip(*said, strict=True):
        np.testing.assert_allclose(torchs, numpys, atol=1e-4)


@pytest.mark.parametrize("strategy", ["guess", "symmetry", "noise", "restart", "mixed"])
def test_tries_are_the_same_whether_watched_or_not(strategy: Any) -> None:
    """With NumPy's engine, as with PyTorch's."""
    engine: Engine[Any] = made_for_sudoku()
    _, puzzle = next(read_puzzles([EASY]))
    config = SearchConfig(max_steps=2, tries=3, strategy=strategy)
    (answer,) = solve_many(Solver(engine), [puzzle], config)
    watched = settle(puzzle, list(watch(Solver(engine), puzzle, config)))
    assert (answer.tries, answer.try_steps, answer.checked) == (3, (2, 2, 2), False)
    np.testing.assert_array_equal(answer.cells, watched.cells)


def made_for_sudoku() -> NumPyEngine:
    """A small model with random weights, which solves nothing."""
    from small_models import relation_config

    from trmcli.model import TinyRecursiveModel

    torch.manual_seed(0)
    model = TinyRecursiveModel(relation_config())
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return NumPyEngine(model.config, weights, get_task("sudoku"), np.float64)
