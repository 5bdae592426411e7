"""Training on mazes: labels, relations that a model picks, several sizes at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trmcli.errors import InputError
from trmcli.solving.solver import Solver
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task
from trmcli.tasks.maze.kind import MazeMaker, MazeRules, MazeStructure
from trmcli.training.config import TrainConfig, load_config
from trmcli.training.plan import plan
from trmcli.training.setup import Stage, model_config
from trmcli.training.sources import load_examples
from trmcli.training.trainer import Measures, Trainer

MAZE = get_task("maze")
CPU = torch.device("cpu")


def small(*overrides: str) -> TrainConfig:
    """The preset with few mazes and narrow vectors."""
    settings = ["batch_size=4", "model.hidden_size=16", "model.head_size=8", "warmup_steps=2", *overrides]
    config = load_config("maze-small", overrides=settings)
    few = tuple(replace(entry, count=6) for entry in config.data)
    return replace(config, data=few, validation_count=2)


def trainer(config: TrainConfig) -> Trainer:
    examples = [load_examples(MAZE, entry, 0) for entry in config.data]
    return Trainer(Stage.of(config, MAZE, examples), MAZE, CPU)


def test_the_preset_trains_on_several_sizes_and_solves_any() -> None:
    run = trainer(small())
    assert {lane.examples.shape for lane in run.lanes} >= {(9, 9), (15, 15), (21, 21)}
    assert np.isfinite(Measures.read([run.step() for _ in range(3)]).loss)
    questions, _ = MazeMaker().make(2, 1, {"size": "5x64"})
    solver = Solver(TorchEngine(run.averaged_model(), MAZE, CPU))
    for shape, tokens in [((5, 64), MAZE.codec.encode(questions))]:
        last = list(solver.steps(tokens, shape, max_steps=2, halt="never"))[-1]
        assert last.tokens.shape == (2, 320)


def test_the_loss_falls_on_one_small_maze() -> None:
    config = small("lr=5e-3", "rounds_curriculum=[]", "model.rounds=1", "supervision_steps=4")
    data = replace(config.data[0], count=1, options={"size": 5, "min_path": 5})
    run = trainer(replace(config, data=(data,)))
    losses = [Measures.read([run.step()]).token_loss for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_cells_beyond_the_horizon_learn_that_they_do_not_know() -> None:
    """What a step says of the cells near G, and of those far away."""
    config = small("horizon=3", "reach=3", "lr=5e-3", "supervision_steps=1", "model.rounds=1", "ema=0.5")
    config = replace(config, data=(replace(config.data[0], count=1, options={"size": "3x9", "walls": 0.0}),))
    run = trainer(replace(config, rounds_curriculum=()))
    for _ in range(80):
        run.step()
    lane = run.lanes[0]
    solver = Solver(TorchEngine(run.averaged_model(), MAZE, CPU))
    step = next(iter(solver.steps(lane.tokens.numpy(), (3, 9), max_steps=1, halt="never")))
    distances = lane.distances.numpy()
    reached, beyond = (distances > 0) & (distances <= 3), distances > 3
    assert beyond.any() and step.confidence[reached].mean() > 0.5 > 0.4 > step.confidence[beyond].mean() > 0.2


def test_news_cannot_be_known_before_they_can_have_come() -> None:
    with pytest.raises(InputError, match="reach must be at least horizon, 8, not 0"):
        small("horizon=8")


def test_what_is_learned_is_the_first_path_of_the_maze_as_it_is_turned() -> None:
    examples = load_examples(MAZE, replace(small().data[0], count=20), 0)
    config = small()
    questions, answers, _ = examples.draw(MAZE, np.arange(40), 0, config, np.random.default_rng(0))
    turned = MAZE.codec.decode(questions, examples.shape)
    for label, one in zip(MAZE.codec.decode(answers, examples.shape), turned, strict=True):
        first = MazeRules().search(one)
        assert first is not None and np.array_equal(label, first)


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["left", "up"], ["neighbours", "neighbours"]),
        (["row"], ["groups"]),
        (["column", "right"], ["neighbours", "groups"]),
    ],
)
def test_a_model_may_use_some_of_the_relations(names: list[str], kinds: list[str]) -> None:
    config = small(f"model.relations={names}")
    model = model_config(config, MAZE, (9, 9))
    assert [kind for _, kind in model.relations] == kinds
    assert set(model.relation_names) == set(names)
    run = trainer(replace(config, data=config.data[:1]))
    assert np.isfinite(Measures.read([run.step()]).loss)
    every = plan(small(f"model.relations={list(MazeStructure().relation_names)}"))
    assert plan(config).parameters < every.parameters and plan(config).flops < every.flops


def test_unknown_relations_are_named() -> None:
    with pytest.raises(InputError, match=r"\[model\] maze has the relations up, .*, column, not box"):
        model_config(small('model.relations=["up", "box"]'), MAZE, (9, 9))


def test_labels_beyond_the_vocabulary_are_an_error(tmp_path: Path) -> None:
    """The paper's model knows six values; mazes of a CSV are labelled with more, and a run says so."""
    text = "S G" + " " * 6
    (tmp_path / "mazes.csv").write_text("source,question,answer,rating\n" + f"a,{text},SoG{text[3:]},3\n" * 4)
    settings = ["batch_size=2", "model.hidden_size=16", "model.num_heads=1"]
    config = load_config("paper-maze-hard", str(tmp_path / "mazes.csv"), settings)
    run = trainer(config)
    message = r"mazes.csv: labels reach \d+, and \[model\] vocab_size is 6: leave it out, or .*trm data build"
    with pytest.raises(InputError, match=message):
        run.step()


def test_the_papers_model_has_its_size(tmp_path: Path) -> None:
    size = plan(load_config("paper-maze-hard"))
    assert size.parameters == 6_823_426
    assert size.steps == 50_000 * 1000 // 768
