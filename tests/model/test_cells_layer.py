"""The layer with a gradient written by hand, against the same formulas in plain operations."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from trmcli.model.cells_layer import EPSILON, Kernels, Weights, apply_layer
from trmcli.model.sheet import Sheet

WIDTH, CODE = 6, 3
GRIDS, COLOURS = 2, 3


class Case(NamedTuple):
    sheet: Sheet
    labels: np.ndarray
    x: Tensor
    kernels: Kernels
    weights: Weights

    @property
    def inputs(self) -> list[Tensor]:
        return [self.x, *self.kernels, *self.weights]


def case(height: int, width: int) -> Case:
    """Random numbers in float64."""
    random = np.random.default_rng(height * width)
    laid = random.integers(0, COLOURS, (GRIDS, 1, height, width))
    labels = random.integers(0, 4, (GRIDS, 2, height, width))
    labels[:, :, 0, :4] = np.arange(4)  # every number is there
    features = np.zeros((GRIDS, height, width, 1), np.float32)
    sheet = Sheet.build(laid, labels, features, 0, COLOURS, (height, width))
    counts = 1 / torch.bincount(sheet.heard.out.index).double()
    sheet = replace(sheet, heard=replace(sheet.heard, share=counts[:, None]))
    doubled = tuple(rays(length) for length in (height, width))
    vars(sheet)["rays"] = doubled  # in place of those in float32
    torch.manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    half = WIDTH // 2
    kernels = Kernels(normal(9, WIDTH), normal(4, half), normal(7, half))
    weights = Weights(
        enter=normal(WIDTH, 2 * WIDTH),
        leave=normal(2 * WIDTH, WIDTH),
        grid_enter=normal(3 * WIDTH, 2 * WIDTH),
        grid_leave=normal(WIDTH, WIDTH),
        cell=normal(2 * WIDTH, WIDTH),
        object=normal(2 * WIDTH, WIDTH),
        up=normal(WIDTH, 4 * WIDTH),
        down=normal(2 * WIDTH, WIDTH),
    )
    return Case(sheet, labels, normal(sheet.rows, WIDTH), kernels, weights)


def rays(length: int) -> Tensor:
    before = torch.tril(torch.ones(length, length, dtype=torch.float64), -1) / length**0.5
    return torch.cat((before, before.T))


def norm(x: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + EPSILON).sqrt()


def gated(both: Tensor) -> Tensor:
    gate, up = both.chunk(2, -1)
    return F.silu(gate) * up


def plain(case: Case) -> Tensor:
    """The layer, as its module describes it, with a dimension for everything: ``[B, C, H, W, D]``."""
    sheet, (taps, along, mirrors), weights = case.sheet, case.kernels, case.weights
    height, width = sheet.canvas
    half = WIDTH // 2
    x = case.x.view(GRIDS, COLOURS, height, width, WIDTH)
    sent, ray, mirror = torch.split(x @ weights.enter, [WIDTH, half, half], -1)

    around = F.pad(sent, (0, 0, 1, 1, 1, 1))
    near = torch.zeros_like(x)
    for n in range(9):
        dy, dx = divmod(n, 3)
        near = near + around[:, :, dy : dy + height, dx : dx + width] * taps[n]

    above = (ray.cumsum(2) - ray) / height**0.5
    left = (ray.cumsum(3) - ray) / width**0.5
    below = (ray.sum(2, keepdim=True) - ray.cumsum(2)) / height**0.5
    right = (ray.sum(3, keepdim=True) - ray.cumsum(3)) / width**0.5
    seen_along = above * along[0] + left * along[1] + right * along[2] + below * along[3]

    views = [mirror.flip(3), mirror.flip(2), mirror.flip(2, 3)]
    if height == width:
        turned = mirror.transpose(2, 3)
        views += [turned, turned.flip(2, 3), turned.flip(2), turned.flip(3)]
    reflected = sum((view * vector for view, vector in zip(views, mirrors, strict=False)), torch.zeros(()))
    assert isinstance(reflected, Tensor)

    heard = torch.zeros_like(x)
    for which in range(2):
        matrix = weights.object[which * WIDTH : (which + 1) * WIDTH]
        for grid in range(GRIDS):
            for number in np.unique(case.labels[grid, which]):
                cells = torch.from_numpy(case.labels[grid, which] == number)
                means = x[grid][:, cells].mean(1) @ matrix  # of each colour
                spread = torch.zeros_like(x)
                spread[grid] = cells[None, :, :, None] * means[:, None, None]
                heard = heard + spread
    mean, high = x.mean((2, 3)), x.amax((2, 3))
    whole = mean.mean(1, keepdim=True).expand_as(mean)
    said = gated(torch.cat((mean, high, whole), -1) @ weights.grid_enter) @ weights.grid_leave
    heard = heard + said[:, :, None, None]
    heard = heard + (torch.cat((x.mean(1), x.amax(1)), -1) @ weights.cell)[:, None]

    y = norm(x + torch.cat((near, seen_along, reflected), -1) @ weights.leave + heard)
    z = norm(y + gated(y @ weights.up) @ weights.down)
    return z.reshape(-1, WIDTH)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 5), (5, 4), (1, 4)])
def test_the_layer_and_its_gradient_are_those_of_plain_operations(height: int, width: int) -> None:
    one = case(height, width)
    result, expected = apply_layer(one.x, one.weights, one.kernels, one.sheet), plain(one)
    torch.testing.assert_close(result, expected, atol=1e-10, rtol=1e-10)
    into = torch.randn_like(expected)
    by_hand = torch.autograd.grad(result, one.inputs, into)
    by_autograd = torch.autograd.grad(expected, one.inputs, into)
    for mine, theirs in zip(by_hand, by_autograd, strict=True):
        assert theirs.abs().max() > 1e-3
        torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=1e-9)


def test_equal_maxima_share_the_gradient() -> None:
    one = case(4, 4)
    x = torch.zeros_like(one.x).requires_grad_()
    (gradient,) = torch.autograd.grad(
        apply_layer(x, one.weights, one.kernels, one.sheet), x, torch.ones_like(x)
    )
    (expected,) = torch.autograd.grad(plain(one._replace(x=x)), x, torch.ones_like(x))
    torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=1e-9)
