"""Optimisers and schedules against steps done by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.ema import EMA
from trmcli.training.optim import AdamATan2, SignSGD, build_optimizers, learning_rate

CONFIG = TrainConfig(
    name="test",
    task="sudoku",
    model={},
    data=(DataConfig("generated"),),
    optimizer="adam_atan2",
    lr=1e-2,
    weight_decay=0.5,
    puzzle_emb_lr=0.03,
    puzzle_emb_weight_decay=2.0,
    warmup_steps=10,
    max_steps=110,
)


def test_adam_atan2_follows_the_formula() -> None:
    value = torch.tensor([2.0, -3.0])
    parameter = nn.Parameter(value.clone())
    optimizer = AdamATan2([parameter], lr=0.1, betas=(0.9, 0.95), weight_decay=0.5)
    mean, square = torch.zeros(2), torch.zeros(2)
    for step, gradient in enumerate((torch.tensor([1.0, -4.0]), torch.tensor([0.5, 8.0]), torch.zeros(2)), 1):
        parameter.grad = gradient
        optimizer.step()
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.95 * square + 0.05 * gradient**2
        for k in range(2):
            angle = math.atan2(float(mean[k]), math.sqrt(float(square[k]) / (1 - 0.95**step)))
            value[k] = float(value[k]) * (1 - 0.1 * 0.5) - 0.1 / (1 - 0.9**step) * angle
        torch.testing.assert_close(parameter.detach(), value, rtol=1e-6, atol=1e-7)


def test_adam_atan2_does_not_see_the_scale_of_the_loss() -> None:
    results = []
    for scale in (1e-12, 1.0, 1e12):
        parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
        optimizer = AdamATan2([parameter], lr=0.1)
        for gradient in (torch.tensor([1.0, -2.0]), torch.tensor([3.0, 1.0])):
            parameter.grad = gradient * scale
            optimizer.step()
        results.append(parameter.detach())
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(results[2], results[1])


def test_sign_sgd_changes_the_rows_of_the_step_only() -> None:
    table = nn.Embedding(5, 2, sparse=True)
    before = table.weight.detach().clone()
    optimizer = SignSGD(table.parameters(), lr=0.1, weight_decay=0.5)
    # Puzzle 3 comes twice: its gradients are added before the sign is taken.
    weights = torch.tensor([[1.0, -1.0], [-3.0, -1.0], [0.0, 2.0]])
    (table(torch.tensor([3, 3, 1])) * weights).sum().backward()
    optimizer.step()
    expected = before.clone()
    expected[3] = before[3] * 0.95 - 0.1 * torch.tensor([-1.0, -1.0])
    expected[1] = before[1] * 0.95 - 0.1 * torch.tensor([0.0, 1.0])
    torch.testing.assert_close(table.weight.detach(), expected)
    assert torch.equal(table.weight[[0, 2, 4]], before[[0, 2, 4]])


@pytest.mark.parametrize("optimizer", ["adam_atan2", "adamw", "muon"])
def test_every_parameter_has_one_optimizer(optimizer: str) -> None:
    shape = TRMConfig(11, 16, num_heads=2, ffn_multiple=8, answer_layers=1, puzzle_emb_len=1, num_puzzles=3)
    model = TinyRecursiveModel(shape)
    config = replace(CONFIG, optimizer=optimizer)  # type: ignore[arg-type]
    optimizers = build_optimizers(model, config)
    groups = [group for one in optimizers for group in one.param_groups]
    names = {parameter: name for name, parameter in model.named_parameters()}
    seen = [names[parameter] for group in groups for parameter in group["params"]]
    assert sorted(seen) == sorted(names.values())
    (table,) = [group for group in groups if model.embed_puzzle.weight in set(group["params"])]
    assert (len(table["params"]), table["weight_decay"]) == (1, 2.0)
    assert table["base_lr"] == 0.03
    assert learning_rate(4, config, table["base_lr"]) == pytest.approx(0.015)
    (head,) = [group for group in groups if model.halt_head.bias in set(group["params"])]
    assert head["weight_decay"] == (0.5 if optimizer == "adam_atan2" else 0.0)


def test_puzzle_embeddings_are_not_averaged() -> None:
    model = TinyRecursiveModel(TRMConfig(11, 16, num_heads=2, puzzle_emb_len=1, num_puzzles=3))
    assert set(EMA(model, 0.9).shadow) == {name for name, _ in model.named_parameters()} - {
        "embed_puzzle.weight"
    }


def test_the_cosine_schedule() -> None:
    config = replace(CONFIG, schedule="cosine", lr=1.0, lr_floor=0.2)
    rates = [learning_rate(step, config) for step in range(110)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[59] == pytest.approx(0.6) and rates[109] == pytest.approx(0.2)
    # The published runs keep the rate after the warm-up: lr_min_ratio is 1.
    assert learning_rate(80, replace(config, lr_floor=1.0)) == 1.0
