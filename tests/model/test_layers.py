"""Layers: hand-written gradients, initialisation, neighbours, configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trmcli.model import Carry, Relations, TinyRecursiveModel, TRMConfig
from trmcli.model.layers import GatedSiLU, SwiGLU, truncated_normal_
from trmcli.model.losses import softmax_cross_entropy, stablemax_cross_entropy, supervision_loss
from trmcli.model.mixers import FromGroups, RelationMixer, ToGroups
from trmcli.model.trm import Output


def test_gradient_of_the_gate() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(GatedSiLU.apply, (x,))


@pytest.mark.parametrize("width", [2, 3])
def test_gradients_of_moving_between_cells_and_groups(width: int) -> None:
    torch.manual_seed(0)
    cells = torch.arange(6).view(2, 3)
    gather, gather_back, scatter, scatter_back = Relations.build([cells, cells.T], [], 6).orders(2)
    x = torch.randn(2, 6 * 2 * 3 * 2, width, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: ToGroups.apply(x, gather, gather_back), (x,))  # type: ignore[no-untyped-call]
    y = torch.randn(2, 6 * 2 * 2, width, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: FromGroups.apply(y, scatter, scatter_back), (y,))  # type: ignore[no-untyped-call]


def test_swiglu_is_down_of_gated_up() -> None:
    module, x = SwiGLU(4, 6), torch.randn(5, 4)
    gate, up = (x @ module.gate_up.weight.T).chunk(2, dim=-1)
    expected = (torch.nn.functional.silu(gate) * up) @ module.down.weight.T
    torch.testing.assert_close(module(x), expected)


def test_truncated_normal_has_the_deviation_asked_for() -> None:
    torch.manual_seed(0)
    values = truncated_normal_(torch.empty(200_000), 0.5)
    assert abs(float(values.std()) - 0.5) < 0.005
    assert float(values.abs().max()) <= 2 * 0.5 / 0.8796 + 1e-3


def test_neighbours_are_mixed_linearly_and_the_edge_is_zero() -> None:
    """On a row of three cells with left and right neighbours, the outermost see nothing beyond the edge."""
    torch.manual_seed(0)
    config = TRMConfig(
        vocab_size=5,
        hidden_size=4,
        mixer="relation",
        num_heads=1,
        relations=(("left", "neighbours"), ("right", "neighbours")),
    )
    mixer = RelationMixer(config)
    assert mixer.beside is not None
    columns = [torch.tensor([[-1], [0], [1]]), torch.tensor([[1], [2], [-1]])]
    relations = Relations.build([], columns, 3)
    x = torch.randn(1, 3, 4)
    left, right = mixer.beside.weight.chunk(2, dim=1)
    expected = torch.stack([x[0, 1] @ right.T, x[0, 0] @ left.T + x[0, 2] @ right.T, x[0, 1] @ left.T])
    torch.testing.assert_close(mixer(x, relations)[0], expected)


def test_groups_of_different_sizes_may_be_mixed() -> None:
    """Rows and columns of a 2x3 grid: groups of three and of two."""
    config = TRMConfig(
        vocab_size=5,
        hidden_size=8,
        mixer="relation",
        num_heads=2,
        relations=(("row", "groups"), ("column", "groups")),
    )
    mixer = RelationMixer(config)
    cells = torch.arange(6).view(2, 3)
    relations = Relations.build([cells, cells.T], [], 6)
    x = torch.randn(2, 6, 8)
    before = mixer(x, relations)
    x[:, 5] += 1  # the last cell shares its row with 3, 4 and its column with 2
    changed = (mixer(x, relations) - before).abs().amax(dim=(0, 2)) > 1e-6
    assert changed.tolist() == [False, False, True, True, True, True]


def test_losses_ignore_padding() -> None:
    logits = torch.randn(1, 4, 7)
    output = Output(logits, torch.zeros(1), torch.zeros(1))
    padded = supervision_loss(output, torch.tensor([[2, 3, 0, -100]]))
    cut = supervision_loss(Output(logits[:, :2], output.halt, output.go_on), torch.tensor([[2, 3]]))
    torch.testing.assert_close(padded.total, cut.total)


def test_stablemax_is_linear_above_zero_and_hyperbolic_below() -> None:
    logits = torch.tensor([[3.0, -1.0, 0.0]])
    weights = torch.tensor([4.0, 0.5, 1.0], dtype=torch.float64)
    expected = -(weights / weights.sum()).log()
    for label in range(3):
        loss = stablemax_cross_entropy(logits, torch.tensor([label]))
        torch.testing.assert_close(loss[0], expected[label])


def test_softmax_cross_entropy_keeps_the_shape() -> None:
    logits, labels = torch.randn(2, 3, 5), torch.randint(5, (2, 3))
    expected = -logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    torch.testing.assert_close(softmax_cross_entropy(logits, labels), expected)


def test_exactness_counts_whole_answers() -> None:
    labels = torch.tensor([[1, 2], [1, 2]])
    logits = torch.nn.functional.one_hot(torch.tensor([[1, 2], [1, 1]]), 4).float()
    losses = supervision_loss(Output(logits, torch.zeros(2), torch.zeros(2)), labels)
    assert losses.exact.tolist() == [True, False]
    assert losses.cells.tolist() == [1.0, 0.5]


def test_only_the_last_round_has_a_gradient() -> None:
    """With T rounds, the gradient is that of one round begun from the state after T - 1."""
    torch.manual_seed(0)
    config = TRMConfig(5, hidden_size=8, num_layers=1, num_heads=2, latent_updates=2, rounds=3)
    deep = TinyRecursiveModel(config).double()
    flat = TinyRecursiveModel(replace(config, rounds=1)).double()
    flat.load_state_dict(deep.state_dict())
    tokens = torch.randint(1, 5, (2, 6))
    _, output = deep(deep.initial_carry(2, 6), tokens)
    output.logits.square().sum().backward()
    with torch.no_grad():
        carry = flat.initial_carry(2, 6)
        for _ in range(2):
            carry = flat.round(carry, flat.embed_question(tokens), None)
    _, output = flat(Carry(carry.answer, carry.latent), tokens)
    output.logits.square().sum().backward()
    for one, two in zip(deep.parameters(), flat.parameters(), strict=True):
        assert (one.grad is None) == (two.grad is None)
        if one.grad is not None and two.grad is not None:
            torch.testing.assert_close(one.grad, two.grad)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "vocab_size is missing"),
        ({"vocab_size": 0}, "vocab_size must be a whole number from 1 to"),
        ({"vocab_size": "11"}, "vocab_size must be a whole number"),
        ({"vocab_size": 11, "depth": 3}, "unknown model setting 'depth'"),
        ({"vocab_size": 11, "mixer": "magic"}, "mixer must be one of mlp, attention, relation"),
        ({"vocab_size": 11, "mixer": "mlp"}, "need seq_len"),
        ({"vocab_size": 11, "mixer": "relation"}, "needs relations"),
        (
            {"vocab_size": 11, "mixer": "relation", "relations": [["row", "circle"]]},
            "relations must be of kind",
        ),
        ({"vocab_size": 11, "hidden_size": 10, "num_heads": 4}, "no multiple of num_heads"),
        ({"vocab_size": 11, "puzzle_emb_len": 4}, "go together"),
        ({"vocab_size": 11, "ffn_multiple": 0}, "ffn_multiple must be a whole number from 1 to"),
        ({"vocab_size": 11, "seq_len": -1}, "seq_len must be a whole number from 0 to"),
        ({"vocab_size": 11, "expansion": float("inf")}, "expansion must be a number from 0.01 to"),
        ({"vocab_size": 11, "norm_eps": float("nan")}, "norm_eps must be a number from 1e-30 to"),
        ({"vocab_size": 11, "positions": "rope", "head_size": 3}, "heads cannot be 3 wide"),
        ({"vocab_size": 11, "neighbour_size": 8}, "for the relation mixer"),
        ({"vocab_size": 11, "features": 1, "gradient": "step"}, "features=1 does not keep"),
        ({"vocab_size": 11, "relations": 5}, "relations must be pairs"),
        ({"vocab_size": 11, "relations": ["row"]}, "relations must be pairs"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRMConfig.from_dict(values)


def test_a_configuration_survives_json() -> None:
    config = TRMConfig(vocab_size=9, mixer="relation", relations=(("row", "groups"), ("up", "neighbours")))
    assert TRMConfig.from_dict(config.to_dict()) == config
