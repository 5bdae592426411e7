"""Ablations of the one model: a second network, one-step gradient, the target of going on, single z."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from trmcli.model import Output, TinyRecursiveModel, TRMConfig
from trmcli.model.losses import go_on_target, supervision_loss

HRM = TRMConfig(
    11, 16, num_layers=1, answer_layers=2, gradient="step", num_heads=2, ffn_multiple=8, latent_updates=3
)


def gradients(model: TinyRecursiveModel, logits: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    logits.square().sum().backward()  # type: ignore[no-untyped-call]
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("answer_layers", [0, 2])
def test_one_step_gradient_by_hand(answer_layers: int) -> None:
    torch.manual_seed(0)
    model = TinyRecursiveModel(replace(HRM, answer_layers=answer_layers))
    question = model.embed_question(torch.randint(11, (2, 5)))
    carry = model.initial_carry(2, 5)
    _, output = model.supervision_step(carry, question)
    found = gradients(model, output.logits)
    question = question.detach()
    with torch.no_grad():
        for _ in range(2):
            carry = model.round(carry, question, None)
        latent = carry.latent
        for _ in range(2):
            latent = model.network(latent, carry.answer + question, None)
    answer = model.answer_network(carry.answer, model.network(latent, carry.answer + question, None), None)
    expected = gradients(model, model.lm_head(answer))
    assert torch.equal(output.logits, model.lm_head(answer))
    assert expected.keys() == found.keys() - {"embed.weight"}
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient)


def test_the_gradient_of_a_whole_round_is_another_one() -> None:
    torch.manual_seed(0)
    models = [TinyRecursiveModel(replace(HRM, gradient=kind)) for kind in ("step", "round")]
    models[1].load_state_dict(models[0].state_dict())
    tokens = torch.randint(11, (2, 5))
    outputs = [model(model.initial_carry(2, 5), tokens)[1].logits for model in models]
    assert torch.equal(outputs[0], outputs[1])
    one, whole = (gradients(*pair)["layers.0.ffn.down.weight"] for pair in zip(models, outputs, strict=True))
    assert not torch.allclose(one, whole)


def test_a_single_feature_is_updated_n_plus_1_times_a_round() -> None:
    torch.manual_seed(0)
    model = TinyRecursiveModel(replace(HRM, answer_layers=0, features=1, gradient="round"))
    question = model.embed_question(torch.randint(11, (2, 5)))
    carry, output = model.supervision_step(model.initial_carry(2, 5), question)
    found = gradients(model, output.logits)
    question, latent = question.detach(), model.initial_carry(2, 5).latent
    for number in range(3 * 4):
        with torch.set_grad_enabled(number >= 2 * 4):
            latent = model.network(latent, question, None)
    assert torch.equal(carry.answer, latent)
    assert torch.equal(carry.latent, latent)
    for name, gradient_by_hand in gradients(model, model.lm_head(latent)).items():
        torch.testing.assert_close(found[name], gradient_by_hand)


def test_the_target_of_going_on() -> None:
    halt, go_on = torch.tensor([1.0, -1.0, 1.0, -1.0]), torch.tensor([0.0, 2.0, 3.0, 4.0])
    target = go_on_target(
        Output(torch.zeros(4, 1, 11), halt, go_on), torch.tensor([False, False, True, True])
    )
    torch.testing.assert_close(target, torch.tensor([1.0, 2.0, 1.0, -1.0]).sigmoid())


def test_going_on_is_learned_only_with_a_target() -> None:
    output = Output(torch.zeros(2, 3, 11), torch.zeros(2), torch.zeros(2))
    labels = torch.ones(2, 3, dtype=torch.long)
    without = supervision_loss(output, labels)
    with_target = supervision_loss(output, labels, go_on=torch.tensor([1.0, 0.0]))
    assert float(without.go_on) == 0
    assert float(with_target.go_on) == pytest.approx(0.693147, abs=1e-6)
    assert float(with_target.total - without.total) == pytest.approx(0.5 * 0.693147, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer_layers": -1}, "answer_layers must be a whole number from 0 to"),
        ({"gradient": "all"}, "gradient must be one of"),
        ({"features": 3}, "features must be a whole number from 1 to 2"),
        ({"features": 1, "answer_layers": 2}, "features=1 does not keep"),
    ],
)
def test_settings_are_checked(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRMConfig.from_dict({"vocab_size": 11, **change})
