"""Parity with the reference implementation on vectors recorded from it (random weights, float64).

Recursion amplifies rounding: after four steps two float32 kernels differ from each other, and from float64,
by as much as from a wrong model. In float64 that error stays far below the signal, so any machine gives the
recorded numbers, and a model that is wrong anywhere does not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from trmcli.model import Carry, Output, TinyRecursiveModel
from trmcli.model.losses import Losses, go_on_target, supervision_loss
from trmcli.weights.checkpoint import our_name
from trmcli.weights.convert import Settings, infer_config

GOLDEN = Path(__file__).parent.parent / "data" / "golden"
FILES = sorted(GOLDEN.glob("*.safetensors"))

CLOSE = 2e-6
"""How far numbers may be from the recorded ones, gradients and losses relatively.

The reference's halting logits, and the gradients as they are stored, are rounded to float32: half of 1.2e-7.
Three sets of kernels were up to 1.8e-7 apart after four steps of the mixer across cells.
"""

CLOSE_IN_FLOAT32 = 1e-3
"""How far one supervision step in float32 may be from float64, of logits of about 1.

Recursion amplifies the rounding of 6e-8: up to 1.1e-4 were seen after the 21 updates of the mixer across
cells.
"""


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
        model.double(),
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


def spoken(carry: Carry, output: Output) -> dict[str, Tensor]:
    """What a supervision step gives, by the reference's names."""
    return {
        "logits": output.logits,
        "q_halt": output.halt,
        "q_continue": output.go_on,
        "z_H": carry.answer,
        "z_L": carry.latent,
    }


@torch.no_grad()
def test_four_evaluation_steps(recorded: Recorded) -> None:
    carry = recorded.model.initial_carry(*recorded.tokens.shape)
    for number in range(4):
        carry, output = recorded.model(carry, recorded.tokens, None, recorded.puzzle)
        for name, value in spoken(carry, output).items():
            expected = recorded.tensors[f"eval.step{number}.{name}"]
            torch.testing.assert_close(value, expected, rtol=0, atol=CLOSE)


@torch.no_grad()
def test_one_evaluation_step_in_float32(recorded: Recorded) -> None:
    model = recorded.model.float()
    carry = model.initial_carry(*recorded.tokens.shape)
    for name, value in spoken(*model(carry, recorded.tokens, None, recorded.puzzle)).items():
        assert value.dtype == torch.float32
        expected = recorded.tensors[f"eval.step0.{name}"].float()
        torch.testing.assert_close(value, expected, rtol=0, atol=CLOSE_IN_FLOAT32)


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
        expected = recorded.tensors.get(f"train.metric.{name}_loss", torch.zeros(1).double())[0]
        torch.testing.assert_close(value * batch, expected, rtol=CLOSE, atol=0)
    total = losses.total.detach() * batch
    torch.testing.assert_close(total, recorded.tensors["train.loss_sum"][0], rtol=CLOSE, atol=0)
    losses.total.backward()  # type: ignore[no-untyped-call]
    parameters = dict(recorded.model.named_parameters())
    compared = 0
    for name, expected in recorded.tensors.items():
        if not name.startswith("train.grad.") or "puzzle_emb" in name:
            continue
        gradient = parameters[our_name(name.removeprefix("train.grad."))].grad
        assert gradient is not None
        assert gradient.dtype == torch.float64
        atol = CLOSE * float(expected.abs().max())
        torch.testing.assert_close(gradient, expected.double(), rtol=0, atol=atol)
        compared += 1
    assert compared >= 10


def test_gradient_of_the_puzzle_embedding(recorded: Recorded) -> None:
    if recorded.puzzle is None:
        return
    first_training_step(recorded).total.backward()  # type: ignore[no-untyped-call]
    gradient = recorded.model.embed_puzzle.weight.grad
    assert gradient is not None
    gradient = gradient.to_dense()
    # The reference records one gradient an example; a table sums them over the examples of a puzzle.
    expected = torch.zeros_like(gradient)
    local = recorded.tensors["train.grad.inner.puzzle_emb.local_weights"].double()
    expected.index_add_(0, recorded.puzzle, local)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=CLOSE * float(expected.abs().max()))
