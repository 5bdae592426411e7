"""The layers of :class:`~trmcli.model.cells.CellsModel`, forward and backward by hand.

Fitting one task means thousands of small steps, in which keeping the record of every operation costs more
than the operations. So the gradient is written out, sums go where they are needed in place, and what the
passes of a step have in common is made once.

For rows ``x`` of width D and R = D / 2, a layer computes::

    u = x @ enter                                        # D + R + R
    near   = 3x3 neighbours of u[:D], each times its tap
    ray    = sums of u[D:D+R] before and after, along columns and rows, each times its direction's vector
    look   = u[D+R:] of the candidates that it sees, each times the vector of that way to look
    table  = what objects, the colour's whole grid and the cell's colours say, from their means (and maxima)
    y = norm(x + (near, ray, look) @ leave + what is heard of the table)
    z = norm(y + SwiGLU(y))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from trmcli.model.cells_parts import along, along_backward, directions, near, near_backward
from trmcli.model.sheet import Sheet

EPSILON = 1e-5


class Weights(NamedTuple):
    """A layer's matrices, as in :class:`~trmcli.model.cells.CellsLayer`."""

    enter: Tensor
    leave: Tensor
    grid_enter: Tensor
    grid_leave: Tensor
    cell: Tensor
    object: Tensor
    up: Tensor
    down: Tensor


class Kernels(NamedTuple):
    """Vectors of directions: ``taps [9, D]``; ``rays [4, R]``: up, left, right, down; ``looks [26, R]``:
    the first thing up, left, right, down and along the diagonals, the symmetries of objects and of the grid,
    and the blocks above, to the left, to the right and below."""

    taps: Tensor
    rays: Tensor
    looks: Tensor


def apply_layers(
    x: Tensor, question: Tensor, layers: Sequence[tuple[Weights, Kernels]], passes: int, sheet: Sheet
) -> Tensor:
    """``[rows, D]`` from ``[rows, D]``: in each pass ``question`` is added, and all layers follow."""
    if not torch.is_grad_enabled():
        return _forward(x, question, [_Layer(*layer, sheet) for layer in layers], passes, None)
    tensors = [tensor for layer in layers for part in layer for tensor in part]
    result: Tensor = _Passes.apply(x, question, sheet, passes, *tensors)  # type: ignore[no-untyped-call]
    return result


class _Passes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, question: Tensor, sheet: Sheet, passes: int, *tensors: Tensor) -> Tensor:
        each = len(Weights._fields) + len(Kernels._fields)
        ctx.layers = []
        for first in range(0, len(tensors), each):
            weights = Weights(*tensors[first : first + len(Weights._fields)])
            kernels = Kernels(*tensors[first + len(Weights._fields) : first + each])
            ctx.layers.append(_Layer(weights, kernels, sheet))
        ctx.kept = []
        # A tensor that is kept must not lead back to what keeps it.
        return _forward(x, question, ctx.layers, passes, ctx.kept).detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        to_question = torch.zeros_like(gradient)
        while ctx.kept:
            for layer in reversed(ctx.layers):
                gradient = layer.backward(gradient, *ctx.kept.pop())
            to_question += gradient
        gradients = [tensor for layer in ctx.layers for tensor in layer.gradients()]
        return gradient, to_question, None, None, *gradients


def _forward(
    x: Tensor, question: Tensor, layers: Sequence[_Layer], passes: int, kept: list[tuple[Tensor, ...]] | None
) -> Tensor:
    for _ in range(passes):
        x = x + question
        for layer in layers:
            x, needed = layer.forward(x)
            if kept is not None:
                kept.append(needed)
    return x


def _norm(x: Tensor) -> tuple[Tensor, Tensor]:
    """``x`` over its root mean square, in place of ``x``; and one over that."""
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    scale = scale.square_().div_(x.shape[-1]).add_(EPSILON).rsqrt_()
    return x.mul_(scale), scale


def _norm_backward(gradient: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    along = (gradient * y).sum(-1, keepdim=True)
    return torch.addcmul(gradient, y, along, value=-1 / y.shape[-1]).mul_(scale)


def _add_max_backward(to_x: Tensor, gradient: Tensor, x: Tensor, highest: Tensor, dim: int) -> None:
    """Of a maximum over ``dim``, shared evenly among those that have it."""
    held = torch.eq(x, highest, out=torch.empty_like(x))
    to_x.addcmul_(held, gradient / held.sum(dim, keepdim=True))


def _gate(both: Tensor) -> tuple[Tensor, Tensor]:
    """SwiGLU's product, and its first factor."""
    gate, up = both.chunk(2, -1)
    opened = F.silu(gate)
    return opened * up, opened


def _gate_backward(gradient: Tensor, both: Tensor, opened: Tensor) -> Tensor:
    gate, up = both.chunk(2, -1)
    result = torch.empty_like(both)
    to_gate, to_up = result.chunk(2, -1)
    torch.mul(gradient, opened, out=to_up)
    torch.ops.aten.silu_backward.grad_input(gradient * up, gate, grad_input=to_gate)
    return result


class _Layer:
    """A layer, ready for all passes of a step over one sheet."""

    def __init__(self, weights: Weights, kernels: Kernels, sheet: Sheet) -> None:
        self.sheet, self.weights = sheet, weights
        wide = weights.enter.shape[0]
        self.widths = [wide, wide // 2, wide // 2]
        self.enter = torch.split(weights.enter, self.widths, 1)
        self.same, self.any = weights.object.chunk(2)
        self.filters = kernels.taps.T.reshape(wide, 1, 3, 3)
        self.directions = directions(*sheet.canvas, kernels.rays.dtype)
        self.rays = self.directions @ kernels.rays
        self.looks = kernels.looks[sheet.looks.ways]
        self.kernels = kernels

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The result, and what the way back needs."""
        sheet, weights = self.sheet, self.weights
        rows, wide = x.shape
        half, colours = wide // 2, sheet.colours
        around, sent, seen = (x @ enter for enter in self.enter)
        mixed = x.new_empty(rows, 2 * wide)
        to_near, to_ray, to_look = torch.split(mixed, self.widths, 1)
        sheet.grid(to_near).copy_(near(sheet.grid(around), self.filters))
        ray, columns, lines = along(sheet.grid(sent), self.rays)
        sheet.grid(to_ray).copy_(ray)
        to_look.copy_(sheet.looks.seen.sum((seen[:, None] * self.looks).view(-1, half)))

        means = sheet.heard.back.sum(x).mul_(sheet.heard.share)
        table = torch.empty_like(means)
        same, any_, grid, cells = torch.split(means, sheet.table)
        to_same, to_any, to_grid, to_cell = torch.split(table, sheet.table)
        torch.mm(same, self.same, out=to_same)
        torch.mm(any_, self.any, out=to_any)
        by_cell = x.view(colours, -1, wide)
        grid_in = torch.cat((grid, by_cell.amax(1), grid.mean(0).expand_as(grid)), 1)
        grid_both = grid_in @ weights.grid_enter
        grid_gated, grid_opened = _gate(grid_both)
        torch.mm(grid_gated, weights.grid_leave, out=to_grid)
        cell_in = torch.cat((cells, by_cell.amax(0)), 1)
        torch.mm(cell_in, weights.cell, out=to_cell)

        y = torch.addmm(x, mixed, weights.leave).add_(sheet.heard.out.sum(table))
        y, y_scale = _norm(y)
        both = y @ weights.up
        gated, opened = _gate(both)
        z, z_scale = _norm(torch.addmm(y, gated, weights.down))
        return z, (
            *(x, y, y_scale, z, z_scale, both, opened, gated, mixed, around, sent, seen, means, grid_in),
            *(grid_both, grid_opened, grid_gated, cell_in, columns, lines),
        )

    def zero(self) -> None:
        """Begin the way back."""
        self.to_weights = Weights(*map(torch.zeros_like, self.weights))
        self.to_filters = torch.zeros_like(self.filters)
        self.to_rays = torch.zeros_like(self.rays)
        self.to_looks = torch.zeros_like(self.kernels.looks)
        self.back_rays = self.directions @ self.kernels.rays.flip(0)
        self.leave = torch.split(self.weights.leave.T, self.widths, 1)

    def gradients(self) -> tuple[Tensor, ...]:
        """Of all weights and kernels."""
        to_taps = self.to_filters.view(-1, 9).T
        return *self.to_weights, to_taps, self.directions.T @ self.to_rays, self.to_looks

    def backward(
        self,
        gradient: Tensor,
        x: Tensor,
        y: Tensor,
        y_scale: Tensor,
        z: Tensor,
        z_scale: Tensor,
        both: Tensor,
        opened: Tensor,
        gated: Tensor,
        mixed: Tensor,
        around: Tensor,
        sent: Tensor,
        seen: Tensor,
        means: Tensor,
        grid_in: Tensor,
        grid_both: Tensor,
        grid_opened: Tensor,
        grid_gated: Tensor,
        cell_in: Tensor,
        columns: Tensor,
        lines: Tensor,
    ) -> Tensor:
        """The gradient of ``x``; those of the weights and kernels are added to what there is."""
        if not hasattr(self, "to_weights"):
            self.zero()
        sheet, weights, to = self.sheet, self.weights, self.to_weights
        rows, wide = x.shape
        half, colours = wide // 2, sheet.colours

        into = _norm_backward(gradient, z, z_scale)
        to.down.addmm_(gated.T, into)
        to_both = _gate_backward(into @ weights.down.T, both, opened)
        to.up.addmm_(y.T, to_both)
        into = _norm_backward(into.addmm_(to_both, weights.up.T), y, y_scale)
        to.leave.addmm_(mixed.T, into)
        to_near, to_ray, to_look = (into @ leave for leave in self.leave)

        same, any_, _, _ = torch.split(means, sheet.table)
        to_same, to_any, to_grid, to_cell = torch.split(sheet.heard.back.sum(into), sheet.table)
        to_means = torch.empty_like(means)
        to_mean_same, to_mean_any, to_mean_grid, to_mean_cell = torch.split(to_means, sheet.table)
        to.object[:wide].addmm_(same.T, to_same)
        to.object[wide:].addmm_(any_.T, to_any)
        torch.mm(to_same, self.same.T, out=to_mean_same)
        torch.mm(to_any, self.any.T, out=to_mean_any)
        to.grid_leave.addmm_(grid_gated.T, to_grid)
        to_grid_both = _gate_backward(to_grid @ weights.grid_leave.T, grid_both, grid_opened)
        to.grid_enter.addmm_(grid_in.T, to_grid_both)
        to_grid_mean, to_grid_high, to_whole = (to_grid_both @ weights.grid_enter.T).chunk(3, -1)
        torch.add(to_grid_mean, to_whole.mean(0), out=to_mean_grid)
        to.cell.addmm_(cell_in.T, to_cell)
        to_cell_mean, to_cell_high = (to_cell @ weights.cell.T).chunk(2, -1)
        to_mean_cell.copy_(to_cell_mean)
        to_x = sheet.heard.out.sum(to_means.mul_(sheet.heard.share)).add_(into)
        by_cell = x.view(colours, -1, wide)
        high = grid_in[:, None, wide : 2 * wide]
        _add_max_backward(to_x.view_as(by_cell), to_grid_high[:, None], by_cell, high, 1)
        _add_max_backward(to_x.view_as(by_cell), to_cell_high, by_cell, cell_in[:, wide:], 0)

        to_u = torch.empty_like(mixed)
        to_around, to_sent, to_seen = torch.split(to_u, self.widths, 1)
        back, to_filters = near_backward(sheet.grid(to_near), sheet.grid(around), self.filters)
        sheet.grid(to_around).copy_(back)
        self.to_filters += to_filters
        back, to_rays = along_backward(sheet.grid(to_ray), sheet.grid(sent), columns, lines, self.back_rays)
        sheet.grid(to_sent).copy_(back)
        self.to_rays += to_rays
        to_seen.copy_(sheet.looks.back.sum((to_look[:, None] * self.looks).view(-1, half)))
        taken = F.pad(seen, (0, 0, 0, 1)).index_select(0, sheet.looks.taken).view(-1, rows, half)
        self.to_looks.index_add_(0, sheet.looks.ways, taken.mul_(to_look).sum(1))
        to.enter.addmm_(x.T, to_u)
        return to_x.addmm_(to_u, weights.enter.T)
