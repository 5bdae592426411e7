"""The layer with a gradient written by hand, against the same formulas in plain operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from trmcli.model.cells_layer import EPSILON, Kernels, Weights, apply_layers
from trmcli.model.links import Integers
from trmcli.model.looks import in_blocks, looks_of
from trmcli.model.sheet import Output, Sheet

WIDTH, CODE = 6, 3
COLOURS, BACKGROUND = 3, 0


class Case(NamedTuple):
    sheet: Sheet
    numbers: Integers
    labels: Integers
    between: Integers | None
    x: Tensor
    kernels: Kernels
    weights: Weights

    @property
    def inputs(self) -> list[Tensor]:
        return [self.x, *self.kernels, *self.weights]

    def apply(self, question: Tensor | None = None, passes: int = 1) -> Tensor:
        question = torch.zeros_like(self.x) if question is None else question
        return apply_layers(self.x, question, [(self.weights, self.kernels)], passes, self.sheet)

    def to(self, dtype: torch.dtype) -> Case:
        sheet = with_shares(self.sheet, dtype)
        x, *inputs = (one.detach().to(dtype).requires_grad_() for one in self.inputs)
        return self._replace(sheet=sheet, x=x, kernels=Kernels(*inputs[:3]), weights=Weights(*inputs[3:]))


def with_shares(sheet: Sheet, dtype: torch.dtype) -> Sheet:
    counts = 1 / torch.bincount(sheet.heard.out.index).to(dtype)
    return replace(sheet, heard=replace(sheet.heard, share=counts[:, None]))


def case(height: int, width: int, blocks: Integers | None = None) -> Case:
    """A grid of random numbers in float64."""
    random = np.random.default_rng(height + width)
    views = random.integers(0, COLOURS, (1, height, width))
    labels = random.integers(0, 4, (2, height, width))
    labels[:, 0, :4] = np.arange(4)  # every number is there
    features = np.zeros((height, width, 1), np.float32)
    sheet = Sheet.build(views, labels, features, Output((height, width)), blocks, BACKGROUND, COLOURS)
    between = None if blocks is None else in_blocks((height, width), blocks)
    sheet = with_shares(sheet, torch.float64)
    torch.manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    half = WIDTH // 2
    kernels = Kernels(normal(9, WIDTH), normal(4, half), normal(26, half))
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
    return Case(sheet, views[0], labels, between, normal(sheet.rows, WIDTH), kernels, weights)


def norm(x: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + EPSILON).sqrt()


def gated(both: Tensor) -> Tensor:
    gate, up = both.chunk(2, -1)
    return F.silu(gate) * up


def plain(case: Case, question: Tensor | None = None, passes: int = 1) -> Tensor:
    """The layer, as its module describes it."""
    shape = COLOURS, *case.numbers.shape, WIDTH
    x, asked = case.x.view(shape), torch.zeros(()) if question is None else question.view(shape)
    for _ in range(passes):
        x = plain_layer(x + asked, case)
    return x.reshape(-1, WIDTH)


def plain_layer(x: Tensor, case: Case) -> Tensor:
    """Of ``[C, H, W, D]``."""
    (taps, along, looks), weights = case.kernels, case.weights
    height, width = case.numbers.shape
    half = WIDTH // 2
    sent, ray, look = torch.split(x @ weights.enter, [WIDTH, half, half], -1)

    around = F.pad(sent, (0, 0, 1, 1, 1, 1))
    near = torch.zeros_like(x)
    for n in range(9):
        dy, dx = divmod(n, 3)
        near = near + around[:, dy : dy + height, dx : dx + width] * taps[n]

    above = (ray.cumsum(1) - ray) / height**0.5
    left = (ray.cumsum(2) - ray) / width**0.5
    below = (ray.sum(1, keepdim=True) - ray.cumsum(1)) / height**0.5
    right = (ray.sum(2, keepdim=True) - ray.cumsum(2)) / width**0.5
    seen_along = above * along[0] + left * along[1] + right * along[2] + below * along[3]

    seen, ways = looks_of(case.numbers, case.labels[1], case.numbers == BACKGROUND, case.between)
    table = F.pad(look.flatten(1, 2), (0, 0, 0, 1))  # the last one is nothing
    seen_there = torch.zeros_like(look)
    for cells, way in zip(torch.from_numpy(seen), ways, strict=True):
        seen_there = seen_there + table[:, cells] * looks[way]

    heard = torch.zeros_like(x)
    for which in range(2):
        matrix = weights.object[which * WIDTH : (which + 1) * WIDTH]
        for number in np.unique(case.labels[which]):
            cells = torch.from_numpy(case.labels[which] == number)
            means = x[:, cells].mean(1) @ matrix  # of each colour
            heard = heard + cells[:, :, None] * means[:, None, None]
    mean, high = x.mean((1, 2)), x.amax((1, 2))
    whole = mean.mean(0, keepdim=True).expand_as(mean)
    said = gated(torch.cat((mean, high, whole), -1) @ weights.grid_enter) @ weights.grid_leave
    heard = heard + said[:, None, None]
    heard = heard + torch.cat((x.mean(0), x.amax(0)), -1) @ weights.cell

    y = norm(x + torch.cat((near, seen_along, seen_there), -1) @ weights.leave + heard)
    return norm(y + gated(y @ weights.up) @ weights.down)


SHAPES = [(4, 4), (3, 5), (5, 4), (1, 4)]
BLOCKS = [
    (2, 5, np.array([[[[0, 1], [5, 6]], [[3, 4], [8, 9]]]])),  # two in a row, a line between
    (5, 6, np.add.outer([[0, 2, 4], [18, 20, 22]], [[0, 1], [6, 7]])),  # two rows of three
]


@pytest.mark.parametrize("layout", [*SHAPES, *BLOCKS])
def test_the_layer_and_its_gradient_are_those_of_plain_operations(layout: tuple[Any, ...]) -> None:
    one = case(*layout)
    result, expected = one.apply(), plain(one)
    torch.testing.assert_close(result, expected, atol=1e-10, rtol=1e-10)
    into = torch.randn_like(expected)
    by_hand = torch.autograd.grad(result, one.inputs, into)
    by_autograd = torch.autograd.grad(expected, one.inputs, into)
    for mine, theirs in zip(by_hand, by_autograd, strict=True):
        assert theirs.abs().max() > 1e-3
        torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=1e-9)


def test_the_question_is_added_in_every_pass() -> None:
    one = case(4, 4)
    question = torch.randn_like(one.x).requires_grad_()
    result, expected = one.apply(question, passes=3), plain(one, question, passes=3)
    torch.testing.assert_close(result, expected, atol=1e-9, rtol=1e-9)
    into = torch.randn_like(expected)
    inputs = [question, *one.inputs]
    by_hand = torch.autograd.grad(result, inputs, into)
    for mine, theirs in zip(by_hand, torch.autograd.grad(expected, inputs, into), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5)])
def test_single_precision_gives_the_same_and_needs_no_record(shape: tuple[int, int]) -> None:
    """Neighbours are summed in another way in float32."""
    one = case(*shape)
    result, expected = one.to(torch.float32).apply(), plain(one)
    torch.testing.assert_close(result.double(), expected, atol=1e-4, rtol=1e-4)
    into = torch.randn_like(expected)
    quick = one.to(torch.float32)
    by_hand = torch.autograd.grad(quick.apply(), quick.inputs, into.float())
    for mine, theirs in zip(by_hand, torch.autograd.grad(expected, one.inputs, into), strict=True):
        torch.testing.assert_close(mine.double(), theirs, atol=1e-3, rtol=1e-3)
    with torch.no_grad():
        torch.testing.assert_close(quick.apply(), result.detach())


def test_equal_maxima_share_the_gradient() -> None:
    one = case(4, 4)
    one = one._replace(x=torch.zeros_like(one.x).requires_grad_())
    (gradient,) = torch.autograd.grad(one.apply(), one.x, torch.ones_like(one.x))
    (expected,) = torch.autograd.grad(plain(one), one.x, torch.ones_like(one.x))
    torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=1e-9)
