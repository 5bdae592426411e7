"""The layer with a gradient written by hand, against the same formulas in plain operations."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from trmcli.model.cells_layer import EPSILON, Kernels, Weights, apply_layers
from trmcli.model.looks import looks_of
from trmcli.model.sheet import Laid, Sheet

WIDTH, CODE = 6, 3
GRIDS, COLOURS, BACKGROUND = 2, 3, 0


class Case(NamedTuple):
    sheet: Sheet
    laid: list[Laid]
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


def case(*shapes: tuple[int, int]) -> Case:
    """Random numbers in float64, ``GRIDS`` grids of each shape."""
    random = np.random.default_rng(sum(shapes[0]))
    laid = []
    for height, width in shapes:
        views = random.integers(0, COLOURS, (GRIDS, 1, height, width))
        labels = random.integers(0, 4, (GRIDS, 2, height, width))
        labels[:, :, 0, :4] = np.arange(4)  # every number is there
        features = np.zeros((GRIDS, height, width, 1), np.float32)
        laid.append(Laid(views, labels, features, (height, width)))
    sheet = with_shares(Sheet.build(laid, BACKGROUND, COLOURS), torch.float64)
    torch.manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    half = WIDTH // 2
    kernels = Kernels(normal(9, WIDTH), normal(4, half), normal(22, half))
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
    return Case(sheet, laid, normal(sheet.rows, WIDTH), kernels, weights)


def norm(x: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + EPSILON).sqrt()


def gated(both: Tensor) -> Tensor:
    gate, up = both.chunk(2, -1)
    return F.silu(gate) * up


def plain(case: Case, question: Tensor | None = None, passes: int = 1) -> Tensor:
    """The layer, as its module describes it, grids of one shape after another."""
    cells = case.x.view(COLOURS, -1, WIDTH)
    asked = torch.zeros_like(cells) if question is None else question.view_as(cells)
    results = []
    first = 0
    for laid in case.laid:
        grids, _, height, width = laid.labels.shape
        part = slice(first, first + grids * height * width)
        first = part.stop
        shape = COLOURS, grids, height, width, WIDTH
        x = cells[:, part].view(shape).transpose(0, 1)
        for _ in range(passes):
            x = plain_layer(x + asked[:, part].view(shape).transpose(0, 1), laid, case)
        results.append(x.transpose(0, 1).reshape(COLOURS, -1, WIDTH))
    return torch.cat(results, 1).reshape(-1, WIDTH)


def plain_layer(x: Tensor, laid: Laid, case: Case) -> Tensor:
    """Of ``[B, C, H, W, D]``."""
    (taps, along, looks), weights = case.kernels, case.weights
    labels = laid.labels
    height, width = x.shape[2:4]
    half = WIDTH // 2
    sent, ray, look = torch.split(x @ weights.enter, [WIDTH, half, half], -1)

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

    ways_of = looks_of(laid.views[:, 0], labels[:, 1], laid.views[:, 0] == BACKGROUND)
    seen_there = torch.zeros_like(look)
    for grid, ways in enumerate(torch.from_numpy(ways_of)):
        table = F.pad(look[grid].flatten(1, 2), (0, 0, 0, 1))  # the last one is nothing
        seen = sum(
            (table[:, way] * vector for way, vector in zip(ways, looks, strict=False)), torch.zeros(())
        )
        seen_there = seen_there + F.pad(seen[None], (0, 0) * 4 + (grid, GRIDS - 1 - grid))

    heard = torch.zeros_like(x)
    for which in range(2):
        matrix = weights.object[which * WIDTH : (which + 1) * WIDTH]
        for grid in range(GRIDS):
            for number in np.unique(labels[grid, which]):
                cells = torch.from_numpy(labels[grid, which] == number)
                means = x[grid][:, cells].mean(1) @ matrix  # of each colour
                spread = torch.zeros_like(x)
                spread[grid] = cells[None, :, :, None] * means[:, None, None]
                heard = heard + spread
    mean, high = x.mean((2, 3)), x.amax((2, 3))
    whole = mean.mean(1, keepdim=True).expand_as(mean)
    said = gated(torch.cat((mean, high, whole), -1) @ weights.grid_enter) @ weights.grid_leave
    heard = heard + said[:, :, None, None]
    heard = heard + (torch.cat((x.mean(1), x.amax(1)), -1) @ weights.cell)[:, None]

    y = norm(x + torch.cat((near, seen_along, seen_there), -1) @ weights.leave + heard)
    return norm(y + gated(y @ weights.up) @ weights.down)


SHAPES = [((4, 4),), ((3, 5),), ((5, 4),), ((1, 4),), ((3, 5), (4, 4)), ((4, 4), (1, 4), (5, 5))]


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_layer_and_its_gradient_are_those_of_plain_operations(
    shapes: tuple[tuple[int, int], ...],
) -> None:
    one = case(*shapes)
    result, expected = one.apply(), plain(one)
    torch.testing.assert_close(result, expected, atol=1e-10, rtol=1e-10)
    into = torch.randn_like(expected)
    by_hand = torch.autograd.grad(result, one.inputs, into)
    by_autograd = torch.autograd.grad(expected, one.inputs, into)
    for mine, theirs in zip(by_hand, by_autograd, strict=True):
        assert theirs.abs().max() > 1e-3
        torch.testing.assert_close(mine, theirs, atol=1e-9, rtol=1e-9)


def test_the_question_is_added_in_every_pass() -> None:
    one = case((4, 4))
    question = torch.randn_like(one.x).requires_grad_()
    result, expected = one.apply(question, passes=3), plain(one, question, passes=3)
    torch.testing.assert_close(result, expected, atol=1e-9, rtol=1e-9)
    into = torch.randn_like(expected)
    inputs = [question, *one.inputs]
    by_hand = torch.autograd.grad(result, inputs, into)
    for mine, theirs in zip(by_hand, torch.autograd.grad(expected, inputs, into), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("shapes", [((4, 4),), ((3, 5), (4, 4))])
def test_single_precision_gives_the_same_and_needs_no_record(shapes: tuple[tuple[int, int], ...]) -> None:
    """Neighbours are summed in another way in float32."""
    one = case(*shapes)
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
    one = case((4, 4))
    one = one._replace(x=torch.zeros_like(one.x).requires_grad_())
    (gradient,) = torch.autograd.grad(one.apply(), one.x, torch.ones_like(one.x))
    (expected,) = torch.autograd.grad(plain(one), one.x, torch.ones_like(one.x))
    torch.testing.assert_close(gradient, expected, atol=1e-9, rtol=1e-9)
