"""Vectors for candidates, and the mean mixer: what they cannot see, and what they compute."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trmcli.model import Relations, TinyRecursiveModel, TRMConfig
from trmcli.model.layout import grid_axes
from trmcli.model.mixers import MeanMixer
from trmcli.model.trm import candidate_kinds, spread_logits
from trmcli.solving.torch_engine import build_relations
from trmcli.tasks import get_task
from trmcli.tasks.sudoku.kind import SudokuStructure

TASK = get_task("sudoku")
CONFIG = TRMConfig(
    vocab_size=TASK.codec.vocab_size,
    hidden_size=16,
    num_layers=1,
    num_heads=2,
    latent_updates=2,
    ffn_multiple=8,
    mixer="mean",
    vectors="candidates",
    halt_pool="mean",
    relations=tuple((name, "groups") for name in SudokuStructure().relation_names),
)


def tokens_of(size: int, count: int) -> Tensor:
    rng = np.random.default_rng(0)
    digits = rng.integers(2, size + 2, size=(count, size * size))
    return torch.from_numpy(np.where(rng.random(digits.shape) < 0.3, digits, 1))


def answer(model: TinyRecursiveModel, tokens: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Probabilities of all tokens ``[B, cells, V]``, and the halting logits, after two steps in float64."""
    model = model.double()
    relations = build_relations(TASK, (size, size), model.config)
    carry = model.initial_carry(len(tokens), relations.length)
    with torch.no_grad():
        for _ in range(2):
            carry, output = model(carry, tokens, relations)
    return output.logits.softmax(dim=-1), output.halt


GROWN = replace(CONFIG, group_expansion=1.5)


@pytest.fixture(params=[CONFIG, GROWN, replace(CONFIG, mixer="relation")], ids=["mean", "grown", "relation"])
def model(request: pytest.FixtureRequest) -> TinyRecursiveModel:
    torch.manual_seed(0)
    model = TinyRecursiveModel(request.param)
    torch.nn.init.normal_(model.halt_head.weight)
    for name, parameter in model.named_parameters():
        if "swiglus" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return model


@pytest.mark.parametrize("size", [4, 6, 9])
def test_renaming_digits_and_moving_cells_does_the_same_to_the_answer(
    model: TinyRecursiveModel, size: int
) -> None:
    tokens = tokens_of(size, 3)
    symmetry = TASK.views.symmetries((size, size), 3, np.random.default_rng(1))
    rows = symmetry.cells.reshape(3, size, size)[:, 0] // size
    straight = (rows == rows[:, :1]).all(axis=1)  # rows and columns have matrices of their own
    assert straight.any()
    probabilities, halt = answer(model, tokens, size)
    moved, moved_halt = answer(model, torch.from_numpy(symmetry.apply(tokens.numpy())), size)
    expected = probabilities.numpy()[np.arange(3)[:, None], symmetry.cells]
    expected = np.stack([expected[row][:, symmetry.inverse().values[row]] for row in range(3)])
    np.testing.assert_allclose(moved.numpy()[straight], expected[straight], rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(moved_halt[straight], halt[straight])


def test_only_candidates_are_answers(model: TinyRecursiveModel) -> None:
    probabilities, _ = answer(model, tokens_of(4, 2), 4)
    assert probabilities[..., 2:6].sum(dim=-1).min() > 0.999
    assert probabilities[..., 2:6].min() > 0


def test_kinds_of_candidates() -> None:
    kinds = candidate_kinds(torch.tensor([[1, 3, 2]]), torch.tensor([2, 3]))
    assert kinds.tolist() == [[0, 0, 2, 1, 1, 2]]


def test_logits_of_candidates_become_those_of_their_tokens() -> None:
    logits = torch.tensor([[[1.0], [2.0], [3.0], [4.0]]])
    spread = spread_logits(logits, torch.tensor([2, 3]), 5)
    assert spread[0, :, 2:4].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert spread[0, :, [0, 1, 4]].max() < -1000


@pytest.mark.parametrize("size", [4, 6, 9, 16])
def test_every_unit_is_axes_of_a_grid(size: int) -> None:
    """A mean over these axes is the mean of the cells of each unit."""
    relations = build_relations(TASK, (size, size), CONFIG)
    x = torch.randn(relations.length, dtype=torch.float64)
    for members, count, axes in zip(relations.cells, relations.sizes, relations.axes, strict=True):
        assert axes is not None
        sizes, within = axes
        seen = x.view(sizes)
        found = seen.mean(dim=within, keepdim=True).expand_as(seen).reshape(-1)
        expected = torch.empty_like(x)
        for group in members.view(-1, count):
            expected[group] = x[group].mean()
        torch.testing.assert_close(found, expected)


def test_groups_that_are_no_axes_of_a_grid() -> None:
    assert grid_axes(np.array([[0, 3], [1, 2]])) is None
    assert grid_axes(np.array([[0, 1, 3], [2, 4, 5]])) is None
    assert grid_axes(np.array([[2, 0], [1, 3]])) == ((1, 2, 2), (1,))


def test_members_hear_the_mapped_mean_of_their_groups() -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, vectors="cells", relations=(("row", "groups"), ("column", "groups")))
    mixer, cells = MeanMixer(config), torch.arange(6).view(2, 3)
    relations = Relations.build([cells, cells.T], [], 6)
    x = torch.randn(2, 6, 16)
    grid = x.view(2, 2, 3, 16)
    matrices = [parameter for name, parameter in mixer.named_parameters() if name.startswith("maps.")]
    rows, columns = (grid.mean(3 - n - 1, keepdim=True) @ matrix.T for n, matrix in enumerate(matrices))
    torch.testing.assert_close(mixer(x, relations), (rows + columns).view(2, 6, 16))

    grown = MeanMixer(replace(config, group_expansion=1.5))
    grown.load_state_dict(mixer.state_dict(), strict=False)
    torch.testing.assert_close(grown(x, relations), mixer(x, relations))  # what it gets is silent at first
    for name, parameter in grown.named_parameters():
        if name.endswith("down.weight"):
            torch.nn.init.normal_(parameter)
    rows = rows + grown.swiglus[0](grid.mean(dim=2, keepdim=True))
    columns = columns + grown.swiglus[1](grid.mean(dim=1, keepdim=True))
    torch.testing.assert_close(grown(x, relations), (rows + columns).view(2, 6, 16))


def test_a_model_that_grows_says_what_it_said() -> None:
    torch.manual_seed(0)
    small, grown = TinyRecursiveModel(CONFIG), TinyRecursiveModel(GROWN)
    grown.take_over(small.state_dict())
    tokens = tokens_of(4, 3)
    torch.testing.assert_close(answer(grown, tokens, 4), answer(small, tokens, 4))
    with pytest.raises(ValueError, match=r"'layers.0.mixer.swiglus.0.down.weight' is .*, not absent"):
        small.take_over(grown.state_dict())


def test_identical_candidates_stay_identical() -> None:
    """On an empty grid nothing tells one digit from another, so no digit is more probable."""
    torch.manual_seed(0)
    model = TinyRecursiveModel(CONFIG)
    probabilities, _ = answer(model, torch.ones(1, 16, dtype=torch.long), 4)
    torch.testing.assert_close(probabilities[..., 2:6], torch.full((1, 16, 4), 0.25).double())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mixer": "mlp", "seq_len": 16}, "candidates go with"),
        ({"relations": (("up", "neighbours"),)}, "groups only"),
        ({"mixer": "relation", "relations": (("up", "neighbours"),)}, "candidates go with"),
        ({"relations": ()}, "the mean mixer needs relations"),
        ({"mixer": "relation", "group_expansion": 1.0}, "group_expansion is for the mean mixer"),
        ({"group_expansion": -1.0}, "group_expansion must be a number from 0 to"),
        ({"vectors": "words"}, "vectors must be one of cells, candidates"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **values)
