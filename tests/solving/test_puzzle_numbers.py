"""A model with a vector for each puzzle answers by the vector of the puzzle that is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trmcli.errors import InputError, Origin
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.solving.choices import STRATEGIES
from trmcli.solving.engine import Inputs
from trmcli.solving.search import SearchConfig, settle, solve_many, watch
from trmcli.solving.solver import COMMIT_FROM, Pool, Solver
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task
from trmcli.tasks.base import Ints, Puzzle
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.data import Examples
from trmcli.training.journal import Observer
from trmcli.training.reference_data import Metadata, write_split
from trmcli.training.run import run
from trmcli.training.setup import Stage, prepare
from trmcli.training.sources import load_examples
from trmcli.training.trainer import Trainer

TASK = get_task("sudoku")
CPU = torch.device("cpu")
SHAPE = (4, 4)
GRID = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]], dtype=np.uint8)
GRIDS = np.stack((GRID, GRID[::-1]))
"""Two solved grids: whoever repeats the question is right."""

WRONG, RIGHT = (0, 2, 4), (1, 3)
"""Puzzles whose vector drowns every cell, and those whose vector says nothing."""

DROWNED = 2
"""The token that such a vector puts everywhere."""


def weigh(model: TinyRecursiveModel) -> None:
    """Weights that repeat the question, unless the puzzle's vector, which every cell hears, drowns it."""
    config = model.config
    size = config.hidden_size
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
        model.embed.weight.copy_(torch.eye(config.vocab_size, size))
        model.lm_head.weight.copy_(torch.eye(config.vocab_size, size))
        state = model.state_dict()
        state["layers.0.mixer.qkv.weight"][2 * size :].copy_(torch.eye(size))
        state["layers.0.mixer.out.weight"].copy_(torch.eye(size))
        model.embed_puzzle.weight[list(WRONG), DROWNED] = 1000.0


MODEL = {
    "vocab_size": TASK.codec.vocab_size,
    "hidden_size": 20,
    "num_layers": 1,
    "mixer": "attention",
    "rounds": 1,
    "latent_updates": 1,
    "num_heads": 1,
    "ffn_multiple": 8,
    "puzzle_emb_len": 1,
    "num_puzzles": 5,
}


def solver(**changes: int) -> Solver:
    model = TinyRecursiveModel(TRMConfig.from_dict({**MODEL, **changes}))
    if model.config.num_puzzles > 1:
        weigh(model)
    return Solver(TorchEngine(model, TASK, CPU, torch.float32))


def tokens(count: int) -> Ints:
    return TASK.codec.encode(GRIDS[np.arange(count) % 2])


def test_each_question_of_a_batch_is_answered_by_its_own_vector() -> None:
    numbers = np.array([1, 0, 3, 4, 2, 1])
    (step,) = solver().steps(tokens(6), SHAPE, max_steps=1, identifiers=numbers.tolist())
    assert step.checked.tolist() == [number in RIGHT for number in numbers]


def test_numbers_stay_with_puzzles_that_come_and_go_and_commit() -> None:
    pool = Pool(solver(), SHAPE, max_steps=COMMIT_FROM + 3, commit=True, halt="never")
    blank = tokens(4)
    blank[:, 5] = 1  # something to commit
    pool.add(np.array([1, 2]), blank[:2], identifiers=[1, 2])
    seen: dict[int, bool] = {}
    while len(pool):
        step = pool.step()
        for row, tokens_of_row in zip(step.rows.tolist(), step.tokens, strict=True):
            seen[row] = bool((tokens_of_row == DROWNED).all())
        if step.number.max() == 2:
            pool.add(np.array([3, 4]), blank[2:], identifiers=[3, 4])
    assert seen == {1: False, 2: True, 3: False, 4: True}


def puzzles(numbers: Iterable[int | None]) -> list[Puzzle]:
    return [Puzzle(GRIDS[n % 2], Origin("test", n), identifier=number) for n, number in enumerate(numbers)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_tries_of_a_puzzle_use_its_vector(strategy: str) -> None:
    config = SearchConfig(max_steps=2, tries=3, batch_size=2, strategy=strategy)  # type: ignore[arg-type]
    numbers = [0, 1, 2, 3, 4]
    asked = puzzles(numbers)
    answers = list(solve_many(solver(), asked, config))
    assert [answer.checked for answer in answers] == [number in RIGHT for number in numbers]
    assert [answer.tries for answer in answers] == [1 if number in RIGHT else 3 for number in numbers]
    watched = [settle(puzzle, list(watch(solver(), puzzle, config))) for puzzle in asked]
    assert [answer.checked for answer in watched] == [number in RIGHT for number in numbers]


def test_a_puzzle_without_a_number_is_refused_where_there_are_several_vectors() -> None:
    message = "a vector for each of 5 puzzles"
    with pytest.raises(InputError, match=message):
        list(solver().steps(tokens(2), SHAPE))
    with pytest.raises(InputError, match=message):
        list(solve_many(solver(), puzzles([1, None]), SearchConfig()))
    with pytest.raises(ValueError, match=message):
        solver().engine.begin(Inputs(tokens(1), SHAPE))


@pytest.mark.parametrize("number", [5, -1])
def test_a_number_beyond_the_table_is_refused(number: int) -> None:
    with pytest.raises(InputError, match=f"number {number}.* 0 to 4"):
        list(solver().steps(tokens(1), SHAPE, identifiers=[number]))


def test_a_single_vector_is_every_puzzles() -> None:
    assert len(list(solver(num_puzzles=1).steps(tokens(2), SHAPE, max_steps=2, halt="never"))) == 2


def write(folder: Path, split: str, identifiers: list[int], num_puzzles: int = 5) -> None:
    """A folder in which each puzzle has two examples, and stands in a group of its own."""
    count = len(identifiers)
    arrays: dict[str, np.ndarray] = {
        "inputs": tokens(2 * count).astype(np.uint8),
        "labels": tokens(2 * count).astype(np.uint8),
        "puzzle_identifiers": np.array(identifiers, dtype=np.int32),
        "puzzle_indices": np.arange(0, 2 * count + 1, 2, dtype=np.int32),
        "group_indices": np.arange(count + 1, dtype=np.int32),
    }
    write_split(folder, split, arrays, Metadata(16, TASK.codec.vocab_size, 0, 0, 0, num_puzzles, count, 2.0))


def trainer_config(source: str) -> TrainConfig:
    model = {key: value for key, value in MODEL.items() if key != "vocab_size"}
    return TrainConfig(
        "test", "sudoku", model, (DataConfig(source),), batch_size=4, dtype="float32", supervision_steps=2
    )


def trainer(source: str, examples: Examples, **changes: Any) -> Trainer:
    config = trainer_config(source)
    made = Trainer(Stage.of(replace(config, **changes), TASK, [examples]), TASK, CPU)
    weigh(made.model)
    made.start_from(made.model, "weights")
    return made


@pytest.mark.parametrize(
    ("identifiers", "exact"), [([1, 3, 1, 3], 1.0), ([0, 2, 4, 2], 0.0), ([1, 2, 3, 0], 0.5)]
)
def test_validation_uses_the_vector_of_each_puzzle(
    tmp_path: Path, identifiers: list[int], exact: float
) -> None:
    """Of a test split, and of groups that are held out of the training split."""
    write(tmp_path, "train", identifiers)
    write(tmp_path, "test", identifiers)
    source = DataConfig(str(tmp_path))
    train = load_examples(TASK, source, 0)
    for examples in (train, load_examples(TASK, source, 0, "test")):
        _, held = examples.split(4, seed=0)
        _, again = held.split(4, seed=1)
        for part in (held, again):
            figures = trainer(str(tmp_path), train).evaluate(part)
            assert figures is not None and figures.exact == exact


def test_validation_without_its_vectors_is_refused_before_the_first_step(tmp_path: Path) -> None:
    write(tmp_path, "train", [1, 2, 3, 4])
    config = replace(trainer_config(str(tmp_path)), validation_count=2)
    (stage,) = prepare(config, TASK)
    assert stage.model.num_puzzles == 5 and len(stage.held) == 2
    (tmp_path / "grids.csv").write_text(f"question,answer\n{'1234341221434321,' * 2}"[:-1] + "\n")
    plain = replace(config, validation=str(tmp_path / "grids.csv"))
    with pytest.raises(InputError, match=r"grids\.csv.*does not number its puzzles.* a vector for each of 5"):
        run(plain, tmp_path / "run", Observer(), device=CPU)
    write(tmp_path, "test", [1, 8], num_puzzles=9)
    with pytest.raises(InputError, match="has a puzzle number 8, and the model vectors 0 to 4"):
        run(config, tmp_path / "run", Observer(), device=CPU)
    assert not (tmp_path / "run").exists()


def test_training_without_numbers_is_refused() -> None:
    grids = tokens(4).astype(np.uint8)
    with pytest.raises(InputError, match=r"grids\.csv.*does not number its puzzles"):
        trainer("grids.csv", Examples(SHAPE, grids, grids))


def test_numbered_examples_are_drawn_with_their_numbers() -> None:
    grids = tokens(2).astype(np.uint8)
    questions = grids.copy()
    questions[1, :6] = 1  # symmetries move blanks, and keep how many there are
    examples = Examples(SHAPE, questions, grids, identifiers=np.array([3, 1]))
    assert examples.num_puzzles == 4
    made = trainer("grids.csv", examples)
    drawn, _, numbers = examples.draw(TASK, np.arange(20), 0, made.config, np.random.default_rng(0))
    assert numbers.tolist() == np.where((drawn == 1).any(axis=1), 1, 3).tolist()
    assert {*numbers.tolist()} == {1, 3}


def test_random_starts_have_room_for_the_vector(tmp_path: Path) -> None:
    write(tmp_path, "train", [1, 2, 3, 4])
    made = trainer(str(tmp_path), load_examples(TASK, DataConfig(str(tmp_path)), 0), random_starts=1.0)
    assert made.step().isfinite().all()
