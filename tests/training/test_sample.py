"""The puzzle that a run shows as it learns: it is what the weights do, and changes nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trmcli.solving.solver import Solver
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task
from trmcli.tasks.maze.grid import PATH
from trmcli.tasks.maze.kind import MazeMaker, MazeStructure
from trmcli.training import sample as module
from trmcli.training.checkpoint import list_checkpoints, load_checkpoint
from trmcli.training.config import TrainConfig, load_config
from trmcli.training.history import read_history
from trmcli.training.journal import Observer
from trmcli.training.run import run
from trmcli.training.sample import Sample
from trmcli.weights.files import load_weights

CPU = torch.device("cpu")
TINY = """
batch_size = 8
max_steps = 40
supervision_steps = 4
validation_count = 10
lr = 5e-3
warmup_steps = 4
ema = 0.9
eval_every = 20

[model]
mixer = "relation"
hidden_size = 16
num_layers = 1
rounds = 1
latent_updates = 2
num_heads = 1
head_size = 8
ffn_multiple = 8

[[data]]
source = "generated"
count = 40
"""
OPTIONS = {"sudoku": '{ size = 4, clues = "6-9" }', "maze": '{ kind = "perfect", size = 9 }'}


def config_of(task: str, folder: Path) -> TrainConfig:
    path = folder / "tiny.toml"
    path.write_text(f'task = "{task}"\n{TINY}options = {OPTIONS[task]}\n')
    return load_config(str(path))


@pytest.mark.parametrize("task", OPTIONS)
def test_it_is_how_the_saved_weights_answer_a_held_out_puzzle(task: str, tmp_path: Path) -> None:
    kind = get_task(task)
    run(config_of(task, tmp_path), tmp_path / "run", Observer(), device=CPU)
    first, last = (entry.sample for entry in read_history(tmp_path / "run").of("evaluation"))
    assert first is not None and last is not None
    assert first.question == last.question
    question, answer = last.grids
    solver = Solver(
        TorchEngine(load_weights(tmp_path / "run" / "last.safetensors")[0], kind, CPU, torch.float32)
    )
    steps = list(solver.steps(kind.codec.encode(question[None]), last.shape, max_steps=4))
    np.testing.assert_array_equal(kind.codec.decode(steps[-1].tokens, last.shape)[0], answer)
    assert len(steps) == last.steps
    assert bool(steps[-1].checked[0]) is (not last.wrong)


def test_cells_are_wrong_that_differ_from_the_known_answer() -> None:
    task = get_task("sudoku")
    known = [1, 2, 3, 4, 3, 4, 1, 2, 4, 1, 2, 3, 2, 3, 4, 1]
    question, answer = [1, *[0] * 15], [1, 2, 4, 0, *known[4:]]
    cells = np.array([question, known, answer], dtype=np.uint8).reshape(3, 4, 4)
    asked, right, given = task.codec.encode(cells)
    sample = Sample.of(task, (4, 4), asked, right, given, False, 3)
    assert sample == Sample((4, 4), tuple(question), tuple(answer), (2, 3), 3)
    nobody_knows = right * 0
    for other in (
        Sample.of(task, (4, 4), asked, right, given, True, 3),
        Sample.of(task, (4, 4), asked, nobody_knows, given, False, 3),
    ):
        assert other is not None and other.wrong == ()


def test_a_maze_is_compared_by_what_is_drawn_of_it() -> None:
    """Its network says of every cell in which direction it points as well."""
    task = get_task("maze")
    question, answer = MazeMaker().make(1, 0, {"kind": "perfect", "size": 9})
    asked, known = task.codec.encode(question)[0], task.codec.encode(answer)[0]
    pointing = MazeStructure().canonical(asked[None], known[None], (9, 9))[0]
    assert (pointing != known).any()
    wrong = int(np.flatnonzero(answer.ravel() == PATH)[0])
    pointing[wrong] = asked[wrong]
    sample = Sample.of(task, (9, 9), asked, known, pointing, False, 3)
    assert sample is not None and sample.wrong == (wrong,)


def test_large_puzzles_have_none_and_a_run_is_the_same_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of("sudoku", tmp_path)
    run(config, tmp_path / "with", Observer(), device=CPU)
    assert all(entry.sample for entry in read_history(tmp_path / "with").of("evaluation"))
    monkeypatch.setattr(module, "MOST_CELLS", 15)
    run(config, tmp_path / "without", Observer(), device=CPU)
    assert '"sample": null' in (tmp_path / "without" / "log.jsonl").read_text()
    assert not any(entry.sample for entry in read_history(tmp_path / "without").of("evaluation"))
    one, other = (
        load_checkpoint(list_checkpoints(tmp_path / name / "checkpoint")[-1])[0]
        for name in ("with", "without")
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["shape", "question", "answer", "wrong", "steps"]), inner)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_a_log_holds_is_read_or_left_out(values: Any) -> None:
    found = Sample.read(values)
    if found is not None:
        assert found.grids[0].shape == found.shape
        assert all(found.question[cell] is not None for cell in found.wrong)


@given(st.integers(1, 32), st.integers(1, 32), st.data())
def test_what_is_written_is_read_again(height: int, width: int, data: st.DataObject) -> None:
    cells = st.tuples(*[st.integers(0, 9)] * min(height * width, 64)).map(
        lambda one: (one * 16)[: height * width]
    )
    wrong = tuple(data.draw(st.lists(st.integers(0, height * width - 1), max_size=5)))
    sample = Sample((height, width), data.draw(cells), data.draw(cells), wrong, data.draw(st.integers(1, 64)))
    assert Sample.read(json.loads(json.dumps(asdict(sample)))) == sample


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [2]},
        {"answer": [1]},
        {"wrong": [4]},
        {"wrong": [-1]},
        {"question": [1, 2, 3, 256]},
        {"steps": None},
    ],
    ids=str,
)
def test_what_is_not_whole_is_left_out(change: dict[str, Any]) -> None:
    whole = {"shape": [2, 2], "question": [1, 0, 0, 0], "answer": [1, 2, 3, 4], "wrong": [3], "steps": 2}
    assert Sample.read(whole) is not None
    assert Sample.read({**whole, **change}) is None
