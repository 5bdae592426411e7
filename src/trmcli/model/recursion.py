"""The recursions, one function for each model: the paper's pseudocode without a branch.

y is the answer, z the latent scratchpad, x the embedded question, ``[B, P + L, D]`` each. A function does one
round and returns y and z after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from trmcli.model.config import TRMConfig
from trmcli.model.mixers import Relations


class Networks(Protocol):
    """What is applied again and again."""

    config: TRMConfig

    def network(self, state: Tensor, injected: Tensor, relations: Relations | None) -> Tensor: ...

    def answer_network(self, answer: Tensor, latent: Tensor, relations: Relations | None) -> Tensor: ...


Recursion = Callable[[Networks, Tensor, Tensor, Tensor, Relations | None], tuple[Tensor, Tensor]]


def latent_recursion(
    m: Networks, y: Tensor, z: Tensor, x: Tensor, relations: Relations | None
) -> tuple[Tensor, Tensor]:
    """TRM: n updates of z, one of y, the gradient through all of them (arXiv:2510.04871, figure 3)."""
    for _ in range(m.config.latent_updates):
        z = m.network(z, y + x, relations)
    return m.answer_network(y, z, relations), z


def one_step_recursion(
    m: Networks, y: Tensor, z: Tensor, x: Tensor, relations: Relations | None
) -> tuple[Tensor, Tensor]:
    """HRM: the same, the gradient through the last update of z and of y only (arXiv:2506.21734, figure 4)."""
    with torch.no_grad():
        for _ in range(m.config.latent_updates - 1):
            z = m.network(z, y + x, relations)
    z = m.network(z, y + x, relations)
    return m.answer_network(y, z, relations), z


def single_recursion(
    m: Networks, y: Tensor, z: Tensor, x: Tensor, relations: Relations | None
) -> tuple[Tensor, Tensor]:
    """Single z: n + 1 updates of z, which is the answer as well (arXiv:2510.04871, table 2)."""
    for _ in range(m.config.updates):
        z = m.network(z, x, relations)
    return z, z


def recursion_of(config: TRMConfig) -> Recursion:
    """The recursion of a configuration."""
    if config.features == 1:
        return single_recursion
    return latent_recursion if config.gradient == "round" else one_step_recursion
