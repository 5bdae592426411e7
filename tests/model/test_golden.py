"""Parity with the reference implementation on vectors recorded from it (random weights, float32)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from trmcli.model import TinyRecursiveModel
from trmcli.model.losses import Losses, go_on_target, supervision_loss
from trmcli.weights.convert import Settings, infer_config, our_name

GOLDEN = Path(__file__).parent.parent / "data" / "golden"
FILES = sorted(GOLDEN.glob("*.safetensors"))


@dataclass
class Recorded:
    model: TinyRecursiveModel
    tensors: dict[str, Tensor]
    tokens: Tensor
    labels: Tensor
    puzzle: Tensor | None


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    with safe_open(request.param, "pt") as file:
        theirs = json.loads(file.metadata()["config"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    state = {our_name(name[6:]): value for name, value in tensors.items() if name.startswith("state.")}
    settings = Settings(
        H_cycles=theirs["H_cycles"],
        L_cycles=theirs["L_cycles"],
        num_heads=theirs["num_heads"],
        pos_encodings=theirs["pos_encodings"],
        puzzle_emb_len=theirs.get("puzzle_emb_len"),
    )
    model = TinyRecursiveModel(infer_config(state, settings, request.param.name))
    model.load_state_dict(state)
    return Recorded(
        model,
        tensors,
        tensors["batch.inputs"].long(),
        tensors["batch.labels"].long(),
        tensors["batch.puzzle_identifiers"].long() if theirs["puzzle_emb_ndim"] else None,
    )


def test_there_are_vectors() -> None:
    assert [path.stem for path in FILES] == [
        "hrm",
        "trm_attention_learned_pos",
        "trm_attention_rope",
        "trm_mlp",
        "trm_mlp_no_puzzle_emb",
    ]


@torch.no_grad()
def test_four_evaluation_steps(recorded: Recorded) -> None:
    carry = recorded.model.initial_carry(*recorded.tokens.shape)
    for number in range(4):
        carry, output = recorded.model(carry, recorded.tokens, None, recorded.puzzle)
        for name, value in (
            ("logits", output.logits),
            ("q_halt", output.halt),
            ("q_continue", output.go_on),
            ("z_H", carry.answer),
            ("z_L", carry.latent),
        ):
            expected = recorded.tensors[f"eval.step{number}.{name}"]
            torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)


def first_training_step(recorded: Recorded) -> Losses:
    """The losses of one supervision step from the beginning, HRM's Q-learning included."""
    carry = recorded.model.initial_carry(*recorded.tokens.shape)
    carry, output = recorded.model(carry, recorded.tokens, None, recorded.puzzle)
    assert not carry.answer.requires_grad and not carry.latent.requires_grad
    target = None
    if recorded.model.config.answer_layers:
        with torch.no_grad():
            _, following = recorded.model(carry, recorded.tokens, None, recorded.puzzle)
        target = go_on_target(following, torch.zeros(len(recorded.tokens), dtype=torch.bool))
    return supervision_loss(output, recorded.labels, go_on=target)


def test_loss_and_gradients_of_a_training_step(recorded: Recorded) -> None:
    losses = first_training_step(recorded)
    batch = len(recorded.tokens)
    for name, value in (("lm", losses.tokens), ("q_halt", losses.halt), ("q_continue", losses.go_on)):
        expected = recorded.tensors.get(f"train.metric.{name}_loss", torch.zeros(1))[0]
        torch.testing.assert_close(value.double() * batch, expected.double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(
        losses.total.detach().double() * batch, recorded.tensors["train.loss_sum"][0], rtol=1e-6, atol=0
    )
    losses.total.backward()
    parameters = dict(recorded.model.named_parameters())
    compared = 0
    for name, expected in recorded.tensors.items():
        if not name.startswith("train.grad.") or "puzzle_emb" in name:
            continue
        gradient = parameters[our_name(name.removeprefix("train.grad."))].grad
        assert gradient is not None
        scale = float(expected.abs().max())
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4 * scale)
        compared += 1
    assert compared >= 10


def test_gradient_of_the_puzzle_embedding(recorded: Recorded) -> None:
    if recorded.puzzle is None:
        return
    first_training_step(recorded).total.backward()
    gradient = recorded.model.embed_puzzle.weight.grad
    assert gradient is not None
    gradient = gradient.to_dense()
    # The reference records one gradient an example; a table sums them over the examples of a puzzle.
    expected = torch.zeros_like(gradient)
    expected.index_add_(0, recorded.puzzle, recorded.tensors["train.grad.inner.puzzle_emb.local_weights"])
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
