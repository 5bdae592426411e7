"""An exponential moving average of the weights: what is evaluated and exported (paper: decay 0.999)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EMA:
    """Keeps ``shadow <- decay * shadow + (1 - decay) * weights`` for every parameter, by name.

    Puzzle embeddings are left as they are: the reference does not average them, and the table may be large.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = {
            name: value for name, value in model.named_parameters() if name != "embed_puzzle.weight"
        }
        self.shadow = {name: value.detach().clone() for name, value in self.parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        weights: list[Tensor] = list(self.parameters.values())
        torch._foreach_lerp_(list(self.shadow.values()), weights, 1 - self.decay)
