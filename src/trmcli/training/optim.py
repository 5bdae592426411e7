"""Optimisers and the learning rate's schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from trmcli.training.config import TrainConfig


class AdamATan2(torch.optim.Optimizer):
    """Adam without epsilon: ``atan2`` of the moments instead of their quotient, with decoupled weight decay.

    Source: Everett et al. 2024, arXiv:2407.05872, section 4. The reference trains with the CUDA kernel of the
    package ``adam-atan2``, which differs from the paper's form in two points that are kept here: nothing
    scales the result (the paper suggests 4/pi), and the correction of the first moment stands outside of
    ``atan2``, where only the first steps feel it. So a step is

        p <- p * (1 - lr * weight_decay) - lr / (1 - beta1^t) * atan2(m, sqrt(v / (1 - beta2^t)))
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None, "the gradients are there already"
        for group in self.param_groups:
            lr, (beta1, beta2) = group["lr"], group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.zeros(())
                    state["exp_avg"] = torch.zeros_like(parameter)
                    state["exp_avg_sq"] = torch.zeros_like(parameter)
                mean, square = state["exp_avg"], state["exp_avg_sq"]
                state["step"] += 1
                count = float(state["step"])
                mean.lerp_(parameter.grad, 1 - beta1)
                square.lerp_(parameter.grad.square(), 1 - beta2)
                root = square.sqrt().div_(math.sqrt(1 - beta2**count))
                parameter.mul_(1 - lr * group["weight_decay"])
                parameter.add_(torch.atan2(mean, root), alpha=-lr / (1 - beta1**count))


class SignSGD(torch.optim.Optimizer):
    """For puzzle embeddings: the sign of the gradient, and weight decay, in the rows of this step only.

    Takes sparse gradients. A puzzle is seen so seldom that Adam would come to the sign anyway
    (``models/sparse_embedding.py`` of the reference).
    """

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is None, "the gradients are there already"
        for group in self.param_groups:
            lr, decay = group["lr"], group["weight_decay"]
            for table in group["params"]:
                if table.grad is None:
                    continue
                gradient = table.grad.coalesce()  # the sum over a puzzle's examples
                (rows,) = gradient.indices()
                table[rows] = table[rows] * (1 - lr * decay) - lr * gradient.values().sign()


def build_optimizers(model: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """AdamW or AdamATan2, or Muon for the matrices inside layers and AdamW for the rest.

    Muon's updates are scaled to the root mean square of AdamW's, so one learning rate serves both. Vectors
    are not decayed, but by AdamATan2, which treats all parameters alike, as the reference does. The table of
    puzzle embeddings has an optimiser of its own, whose ``base_lr`` stands for ``config.lr``.
    """
    matrices, others, vectors, puzzles = [], [], [], []
    for name, parameter in model.named_parameters():
        if name == PUZZLE_TABLE:
            puzzles.append(parameter)
        elif parameter.ndim < 2:
            vectors.append(parameter)
        elif name.startswith(("layers.", "answer_layers.")):
            matrices.append(parameter)
        else:
            others.append(parameter)
    decay, lr = config.weight_decay, config.lr
    optimizers: list[torch.optim.Optimizer] = []
    if config.optimizer == "adam_atan2":
        optimizers.append(AdamATan2(others + matrices + vectors, lr, config.betas, decay))
    else:
        decayed = others if config.optimizer == "muon" else others + matrices
        groups = [{"params": decayed, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
        optimizers.append(torch.optim.AdamW(groups, lr=lr, betas=config.betas, fused=True))
    if config.optimizer == "muon":
        optimizers.append(
            torch.optim.Muon(matrices, lr=lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        )
    if puzzles:
        optimizers.append(SignSGD(puzzles, config.puzzle_emb_lr, config.puzzle_emb_weight_decay))
        optimizers[-1].param_groups[0]["base_lr"] = config.puzzle_emb_lr
    return optimizers


PUZZLE_TABLE = "embed_puzzle.weight"
"""The parameter that has sparse gradients and is neither cast, nor clipped, nor averaged."""


def learning_rate(step: int, config: TrainConfig, base: float | None = None) -> float:
    """The rate of gradient step ``step`` (from 0): linear warm-up, then by ``config.schedule``.

    ``linear``: constant, then a linear fall over the last ``decay_fraction`` of ``max_steps``. ``cosine``:
    half a cosine from the warm-up's end (``pretrain.py: cosine_schedule_with_warmup_lr_lambda``). Both end at
    ``lr_floor * lr`` (``lr_min_ratio``). ``base`` instead of ``config.lr`` is what the schedule scales.
    """
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    if config.schedule == "cosine":
        done = (step + 1 - config.warmup_steps) / max(1, config.max_steps - config.warmup_steps)
        left = 0.5 * (1 + math.cos(math.pi * max(0.0, min(1.0, done))))
    else:
        left = (config.max_steps - step) / max(1.0, config.decay_fraction * config.max_steps)
    full = config.lr if base is None else base
    return full * min(warmup, config.lr_floor + (1 - config.lr_floor) * max(0.0, min(1.0, left)))
