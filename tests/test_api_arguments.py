"""What an argument of the Python interface cannot be is an InputError, which says what would be right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trmcli

PUZZLE = "1.3..4..4....2.3"
ARC = Path(__file__).parents[1] / "examples" / "arc" / "fill.json"


@pytest.fixture(scope="module")
def solver() -> trmcli.Solver:
    return trmcli.load("sudoku-small", engine="numpy")


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """What the error says, whether it comes in the call or while iterating."""
    with pytest.raises(trmcli.InputError) as caught:
        list(call(*arguments, **named))
    assert "--" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "right"),
    [
        *(("tries", value, "a whole number from 1") for value in (0, -1, "x", 1.5, None, True)),
        *(("max_steps", value, "a whole number from 1") for value in (0, "2", 1.5)),
        *(("batch_size", value, "a whole number from 1") for value in (0, None)),
        *(("seed", value, "a whole number from 0") for value in (-1, "x", None)),
        *(("budget", value, "a number of seconds from 0") for value in (-1, float("nan"), "3", None, True)),
        *(("commit", value, "True or False") for value in ("no", 1, None)),
        *(("halt", value, "one of checked, head, never") for value in ("x", None, 3)),
        ("strategy", "nope", "one of guess, symmetry, noise, restart, mixed"),
        ("select", "x", "one of halt, vote"),
    ],
)
def test_a_search_config_holds_nothing_that_no_search_can_do(field: str, value: Any, right: str) -> None:
    with pytest.raises(trmcli.InputError) as caught:
        trmcli.SearchConfig(**{field: value})
    assert str(caught.value).startswith(f"{field} must be {right}, not {value!r}")


def test_a_search_config_takes_numbers_of_numpy_and_keeps_those_of_python() -> None:
    config = trmcli.SearchConfig(tries=np.uint8(4), seed=np.int64(3), budget=np.float32(2))
    assert config == trmcli.SearchConfig(tries=4, seed=3, budget=2.0)
    assert type(config.tries) is type(config.seed) is int


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "foo"}, "engine must be one of auto, numpy, torch, not 'foo'"),
        ({"engine": None}, "engine must be one of auto, numpy, torch, not None"),
        ({"device": "cdua"}, "there is no device 'cdua': .* did you mean cuda?"),
        ({"device": 3}, "there is no device 3: choose auto, cpu, cuda, cuda:N or mps"),
        ({"engine": "numpy", "device": "cuda"}, 'device: .* take engine="torch"'),
        ({"name": 5}, "name must be a name of weights, or a path, not 5"),
        ({"name": ""}, "name must be a name of weights, or a path, not ''"),
        ({"name": b"sudoku"}, "name must be a name of weights, or a path"),
        ({"task": ["sudoku"]}, "task must be the name of a task, not an object of type list"),
        ({"task": "arc"}, "no weights for arc: name a file"),
        ({"task": "grid"}, "what a grid is stands in the weights: name them"),
        ({"rounds": "2"}, "rounds must be a whole number from 1, not '2'"),
    ],
)
def test_load_takes_what_it_can_load(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(trmcli.InputError, match=message) as caught:
        trmcli.load(**arguments)
    assert "--" not in str(caught.value)


def test_a_kind_that_its_weights_tell_may_be_named_beside_them() -> None:
    assert "no such file" in refused(trmcli.load, "mine.safetensors", task="grid")


@pytest.mark.parametrize("other", ["sudoku", 5, trmcli.load])
def test_a_solver_is_one_of_load(other: Any, solver: trmcli.Solver) -> None:
    _, puzzle = next(trmcli.read_puzzles(PUZZLE))
    for call in (
        lambda: trmcli.solve(PUZZLE, solver=other),
        lambda: trmcli.watch(other, puzzle, trmcli.SearchConfig()),
    ):
        assert refused(call).startswith("solver must be a Solver, as trmcli.load(NAME) gives it, not ")
    assert refused(lambda: trmcli.Solver(other)).startswith("engine must be an engine")


def test_what_cannot_be_watched(solver: trmcli.Solver) -> None:
    pair = next(trmcli.read_puzzles(PUZZLE))
    config = trmcli.SearchConfig(tries=1)
    assert refused(trmcli.watch, solver, pair, config).startswith("puzzle must be a Puzzle, the second of ")
    assert refused(trmcli.watch, solver, PUZZLE, config).startswith("puzzle must be a Puzzle")
    assert refused(trmcli.watch, solver, pair[1], {"tries": 1}).startswith("config must be a trmcli.Search")
    assert refused(trmcli.watch, solver, pair[1], config, number=-1).startswith("number must be a whole")
    _, maze = next(trmcli.read_puzzles("#####\n#S G#\n#####\n"))
    assert refused(trmcli.watch, solver, maze, config) == (
        "there is no Sudoku of 3x5: sizes are 4x4, 6x6, 9x9, 16x16"
    )


def test_supervision_steps_are_limited_and_end_somehow(solver: trmcli.Solver) -> None:
    tokens = np.zeros((1, 16), np.int64)
    assert refused(solver.steps, tokens, (4, 4), max_steps=0).startswith("max_steps must be a whole number")
    assert refused(solver.steps, tokens, (4, 4), halt="x").startswith("halt must be one of checked, head")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": 3}, "task must be the name of a task, not 3"),
        ({"legend": 3}, "legend must be signs and what they mean"),
        ({"legend": "#=wall", "task": "sudoku"}, "legend: a legend says what the signs of mazes mean"),
        ({"skip": 3}, "skip must be a function"),
    ],
)
def test_puzzles_are_read_as_a_kind_that_there_is(arguments: dict[str, Any], message: str) -> None:
    assert refused(trmcli.read_puzzles, PUZZLE, **arguments).startswith(message)


def test_an_arc_task_is_no_puzzle(solver: trmcli.Solver) -> None:
    task = json.loads(ARC.read_text())
    for source in (ARC, str(ARC), ARC.read_text(), task, [task], {"fill": task}):
        for call in (trmcli.solve, trmcli.read_puzzles):
            assert refused(call, source).endswith(": is an ARC task: use trmcli.adapt")
    assert refused(trmcli.solve, ARC, solver=solver).endswith("an ARC task, not sudoku: use trmcli.adapt")


def test_pairs_of_ones_own_need_a_solver() -> None:
    message = refused(trmcli.solve, '{"input": [[1]], "output": [[2]]}\n')
    assert message.endswith("name its weights: solver=trmcli.load(FILE)")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "a source must be a path, or an ARC task as JSON or as a dict, not 5"),
        (None, "a source must be a path"),
        ([str(ARC)], "a source must be a path"),
    ],
)
def test_sources_of_adapt_are_tasks(source: Any, message: str) -> None:
    assert refused(trmcli.adapt, source).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": 5}, "preset must be the name of a preset, or the path of a TOML file, not 5"),
        ({"preset": "grid"}, "the task grid learns from your own pairs: name them with data"),
        ({"data": 5}, "data must be a path, not 5"),
        ({"out": 5}, "out must be a path, not 5"),
        ({"device": "nope"}, "there is no device 'nope'"),
        ({"settings": ["lr"]}, 'settings must be a dict, such as {"max_steps": 500}, not an object of type '),
        ({"settings": {1: 1}}, "a name in settings must be text, not 1"),
        ({"settings": {"lr": object()}}, "settings: lr must be a number, text, or a list or dict of these"),
        ({"settings": {"lr.x": 1}}, "settings: 'lr' holds no settings of its own"),
    ],
)
def test_train_takes_what_it_can_train_on(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(trmcli.train, **{"preset": "sudoku-4x4", **arguments}).startswith(message)
    assert not list(tmp_path.iterdir())


def test_a_setting_may_be_a_number_of_numpy(tmp_path: Path) -> None:
    settings = {"max_steps": np.int64(-1)}
    message = refused(trmcli.train, "sudoku-4x4", out=tmp_path / "run", settings=settings)
    assert message.startswith("settings: max_steps must be a whole number from 1 ")
    assert message.endswith(", not -1")


def test_a_run_is_not_begun_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "step-1.safetensors").touch()
    with pytest.raises(trmcli.InputError, match=r"go on with trm train --resume, or name another out$"):
        trmcli.train("sudoku-4x4", out=tmp_path)


def test_weights_have_names_and_paths() -> None:
    weights = trmcli.weights
    path = weights.find_weights(None, "sudoku")
    assert weights.read_card(str(path)) == weights.read_card(path)
    for call in (weights.read_card, weights.load_weights, lambda name: weights.find_weights(name, "sudoku")):
        assert "must be" in refused(call, 5)
    assert refused(weights.find_weights, None, []).startswith("task must be the name of a task")
    assert refused(weights.fetch, 5) == "spec must be a name of weights, or an address, not 5"
