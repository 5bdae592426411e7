"""All parameters of a small network in one vector, so that an update is a few operations on long vectors.

Matrices go first, those of one shape beside each other: they are orthogonalised together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration (Keller Jordan, 2024: Muon)."""


class FlatOptimizer:
    """Muon for matrices, AdamW without decay for the rest and, with a rate of their own, for codes.

    The parameters become views of one vector, and so do their gradients. The codes' gradient is clipped to
    norm 1. ``average`` follows the parameters exponentially.

    Args:
        matrices, others, codes: the parameters.
        rates: learning rates of these three.
        ema: decay of the average.
        shrinkage: how strongly each row of the codes' matrices is drawn to zero, where it stays unless its
            gradients ask for more.
    """

    def __init__(
        self,
        matrices: Sequence[nn.Parameter],
        others: Sequence[nn.Parameter],
        codes: Sequence[nn.Parameter],
        rates: tuple[float, float, float],
        ema: float,
        shrinkage: float = 0.0,
        momentum: float = 0.9,
        betas: tuple[float, float] = (0.9, 0.98),
    ) -> None:
        matrices = sorted(matrices, key=lambda parameter: tuple(parameter.shape))
        ordered = [*matrices, *others, *codes]
        sizes = [sum(parameter.numel() for parameter in part) for part in (matrices, others, codes)]
        self.values = torch.cat([parameter.detach().reshape(-1) for parameter in ordered])
        self.gradients = torch.zeros_like(self.values)
        self.average = self.values.clone()
        first = 0
        for parameter in ordered:
            part = slice(first, first + parameter.numel())
            parameter.data = self.values[part].view_as(parameter)
            parameter.grad = self.gradients[part].view_as(parameter)
            first = part.stop
        self.groups: list[tuple[slice, tuple[int, int, int]]] = []
        first = 0
        for (rows, columns), alike in groupby(matrices, key=lambda parameter: tuple(parameter.shape)):
            count = len(list(alike))
            part = slice(first, first + count * rows * columns)
            self.groups.append((part, (count, rows, columns)))
            first = part.stop
        self.of_matrices = slice(0, sizes[0])
        self.of_codes = slice(sizes[0] + sizes[1], None)
        self.velocity = torch.zeros(sizes[0])
        self.momentum, self.ema, self.rates = momentum, ema, rates
        # Adam is written out: the import of torch.optim takes longer than the fit of a small task.
        self.of_adam = slice(sizes[0], None)
        self.betas = betas
        self.mean, self.square = torch.zeros(2, sizes[1] + sizes[2])
        self.adam_rates = torch.cat(
            [torch.full((size,), rate) for size, rate in zip(sizes[1:], rates[1:], strict=True)]
        )
        self.updates = 0
        self.rows, self.shrinkage = [code.data for code in codes if code.ndim == 2], shrinkage

    @torch.no_grad()
    def update(self, share: float) -> None:
        """One update with ``share`` of the learning rates; the gradients are zero afterwards."""
        codes = self.gradients[self.of_codes]
        codes.mul_(min(1.0, 1 / (float(codes.norm()) + 1e-6)))
        self._adam(share)
        gradient = self.gradients[self.of_matrices]
        self.velocity.mul_(self.momentum).add_(gradient)
        gradient.add_(self.velocity, alpha=self.momentum)
        for part, shape in self.groups:
            direction = orthogonal(gradient[part].view(shape))
            scale = math.sqrt(max(1.0, shape[1] / shape[2]))
            self.values[part].view(shape).sub_(direction, alpha=self.rates[0] * share * scale)
        self._shrink(share)
        self.updates += 1
        decay = min(self.ema, (self.updates + 1) / (self.updates + 10))
        self.average.lerp_(self.values, 1 - decay)
        self.gradients.zero_()

    def _adam(self, share: float) -> None:
        """Kingma and Ba, 2015 (arXiv:1412.6980)."""
        gradient = self.gradients[self.of_adam]
        (first, second), done = self.betas, self.updates + 1
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        size = self.square.sqrt().div_(math.sqrt(1 - second**done)).add_(1e-8)
        step = self.mean / size
        self.values[self.of_adam].addcmul_(step, self.adam_rates, value=-share / (1 - first**done))

    def _shrink(self, share: float) -> None:
        """The proximal step of a group lasso, a group for each row (Yuan and Lin, 2006)."""
        for rows in self.rows if self.shrinkage else ():
            length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
            less = self.rates[2] * share * self.shrinkage * math.sqrt(rows.shape[1])
            rows.mul_((1 - less / length.clamp_(min=1e-9)).clamp_(min=0))

    def swap(self) -> None:
        """Exchange the parameters for their averages, or back."""
        kept = self.values.clone()
        self.values.copy_(self.average)
        self.average.copy_(kept)


def orthogonal(matrices: Tensor) -> Tensor:
    """``[n, rows, columns]``: nearly the nearest orthogonal matrices, by four steps of Newton and Schulz."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(4):
        square = torch.bmm(x, x.mT)
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.mT if tall else x
