"""One layer of :class:`~trmcli.model.cells.CellsModel`, forward and backward by hand.

Fitting one task means thousands of small steps, in which keeping the record of every operation costs more
than the operations. So the gradient is written out, and sums go where they are needed in place.

For rows ``x`` of width D and R = D / 2, a layer computes::

    u = x @ enter                                        # D + R + R
    near   = 3x3 neighbours of u[:D], each times its tap
    ray    = sums of u[D:D+R] before and after, along columns and rows, each times its direction's vector
    mirror = u[D+R:] seen through each symmetry, times the symmetry's vector
    table  = what objects, the colour's whole grid and the cell's colours say, from their means (and maxima)
    y = norm(x + (near, ray, mirror) @ leave + what is heard of the table)
    z = norm(y + SwiGLU(y))
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

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
    """Vectors of directions: ``taps [9, D]``, ``rays [4, R]`` (up, left, right, down), ``mirrors [7, R]``."""

    taps: Tensor
    rays: Tensor
    mirrors: Tensor


def apply_layer(x: Tensor, weights: Weights, kernels: Kernels, sheet: Sheet) -> Tensor:
    """``[rows, D]`` from ``[rows, D]``."""
    result: Tensor = _Layer.apply(x, sheet, *kernels, *weights)  # type: ignore[no-untyped-call]
    return result


class _Padded:
    """Grids with a column and rows of zeros between them, so that neighbours lie at fixed distances."""

    def __init__(self, x: Tensor, images: int, height: int, width: int) -> None:
        self.shape = images, height, width, x.shape[-1]
        pitch = width + 1
        self.length = images * (height + 1) * pitch
        self.flat = x.new_zeros(self.length + 2 * (pitch + 1), x.shape[-1])
        self.distances = [pitch + 1 + dy * pitch + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        self.inside(self.flat[pitch + 1 : pitch + 1 + self.length]).copy_(x.view(self.shape))

    def inside(self, flat: Tensor) -> Tensor:
        images, height, width, depth = self.shape
        return flat.view(images, height + 1, width + 1, depth)[:, :height, :width]

    def at(self, neighbour: int) -> Tensor:
        first = self.distances[neighbour]
        return self.flat[first : first + self.length]

    def weighed(self, taps: Tensor) -> Tensor:
        """The sum of the nine neighbours, each times its tap, ``[images, height, width, D]``."""
        total = self.at(0) * taps[0]
        for neighbour in range(1, 9):
            total.addcmul_(self.at(neighbour), taps[neighbour])
        return self.inside(total)


def _norm(x: Tensor) -> tuple[Tensor, Tensor]:
    """``x`` over its root mean square, in place of ``x``; and one over that."""
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    scale = scale.square_().div_(x.shape[-1]).add_(EPSILON).rsqrt_()
    return x.mul_(scale), scale


def _norm_backward(gradient: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    along = (gradient * y).sum(-1, keepdim=True).div_(-y.shape[-1])
    return torch.addcmul(gradient, y, along).mul_(scale)


def _max_backward(gradient: Tensor, x: Tensor, highest: Tensor) -> Tensor:
    """Of a maximum over the last dimension but one; shared evenly among those that have it."""
    held = (x == highest.unsqueeze(-2)).to(x.dtype)
    return held.mul_((gradient / held.sum(-2)).unsqueeze(-2))


def _gate(both: Tensor) -> Tensor:
    gate, up = both.chunk(2, -1)
    return F.silu(gate).mul_(up)


def _gate_backward(gradient: Tensor, both: Tensor) -> Tensor:
    gate, up = both.chunk(2, -1)
    result = torch.empty_like(both)
    to_gate, to_up = result.chunk(2, -1)
    torch.mul(gradient, F.silu(gate), out=to_up)
    torch.ops.aten.silu_backward.grad_input(gradient * up, gate, grad_input=to_gate)
    return result


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        sheet: Sheet,
        taps: Tensor,
        rays: Tensor,
        mirrors: Tensor,
        enter: Tensor,
        leave: Tensor,
        grid_enter: Tensor,
        grid_leave: Tensor,
        cell: Tensor,
        object_: Tensor,
        up: Tensor,
        down: Tensor,
    ) -> Tensor:
        x = x.contiguous()
        rows, wide = x.shape
        half = wide // 2
        height, width = sheet.canvas
        images = sheet.grids * sheet.colours
        mixed = x.new_empty(rows, 2 * wide)

        padded = _Padded(x @ enter[:, :wide], images, height, width)
        mixed[:, :wide].view(images, height, width, wide).copy_(padded.weighed(taps))

        down_rays, across_rays = sheet.rays
        sent = x @ enter[:, wide : wide + half]
        columns = torch.matmul(down_rays, sent.view(images, height, width * half))
        lines = torch.matmul(across_rays, sent.view(images * height, width, half))
        columns, lines = columns.view(images, 2, -1, half), lines.view(images * height, 2, width, half)
        ray = mixed[:, wide : wide + half]
        ray_columns, ray_lines = ray.view(images, -1, half), ray.view(images * height, width, half)
        torch.mul(columns[:, 0], rays[0], out=ray_columns)
        ray_columns.addcmul_(columns[:, 1], rays[3])
        ray_lines.addcmul_(lines[:, 0], rays[1]).addcmul_(lines[:, 1], rays[2])

        seen = (x @ enter[:, wide + half :]).index_select(0, sheet.mirrors[0]).view(-1, rows, half)
        torch.sum(seen * mirrors[: len(seen), None], 0, out=mixed[:, wide + half :])

        means = sheet.heard.back.sum(x).mul_(sheet.heard.share)
        table = torch.empty_like(means)
        one, any_ = sheet.objects
        grid, cells = slice(one + any_, one + any_ + images), slice(one + any_ + images, None)
        torch.mm(means[:one], object_[:wide], out=table[:one])
        torch.mm(means[one : one + any_], object_[wide:], out=table[one : one + any_])
        grid_high = x.view(images, -1, wide).amax(1)
        whole = means[grid].view(sheet.grids, sheet.colours, wide).mean(1, keepdim=True)
        whole = whole.expand(-1, sheet.colours, -1).reshape(images, wide)
        grid_in = torch.cat((means[grid], grid_high, whole), 1)
        grid_both = grid_in @ grid_enter
        grid_gated = _gate(grid_both)
        torch.mm(grid_gated, grid_leave, out=table[grid])
        cell_high = x.view(sheet.grids, sheet.colours, -1, wide).amax(1).view(-1, wide)
        cell_in = torch.cat((means[cells], cell_high), 1)
        torch.mm(cell_in, cell, out=table[cells])

        y = torch.addmm(x, mixed, leave).add_(sheet.heard.out.sum(table))
        y, y_scale = _norm(y)
        both = y @ up
        gated = _gate(both)
        z, z_scale = _norm(torch.addmm(y, gated, down))
        ctx.sheet, ctx.padded = sheet, padded
        ctx.save_for_backward(
            *(x, y, y_scale, z, z_scale, both, gated, mixed, columns, lines, seen, means, grid_in, grid_both),
            *(grid_gated, cell_in, taps, rays, mirrors, enter, leave, grid_enter, grid_leave, cell, object_),
            *(up, down),
        )
        return z

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (
            x,
            y,
            y_scale,
            z,
            z_scale,
            both,
            gated,
            mixed,
            columns,
            lines,
            seen,
            means,
            grid_in,
            grid_both,
            *rest,
        ) = ctx.saved_tensors
        (
            grid_gated,
            cell_in,
            taps,
            rays,
            mirrors,
            enter,
            leave,
            grid_enter,
            grid_leave,
            cell,
            object_,
            *rest,
        ) = rest
        up, down = rest
        sheet: Sheet = ctx.sheet
        padded: _Padded = ctx.padded
        rows, wide = x.shape
        half = wide // 2
        height, width = sheet.canvas
        images = sheet.grids * sheet.colours

        into = _norm_backward(gradient, z, z_scale)
        to_down = gated.T @ into
        to_both = _gate_backward(into @ down.T, both)
        to_up = y.T @ to_both
        into = _norm_backward(into.addmm_(to_both, up.T), y, y_scale)
        to_leave = mixed.T @ into
        to_mixed = into @ leave.T
        to_x = into.clone()

        to_table = sheet.heard.back.sum(into)
        to_means = torch.empty_like(means)
        one, any_ = sheet.objects
        first, second = slice(one), slice(one, one + any_)
        grid, cells = slice(one + any_, one + any_ + images), slice(one + any_ + images, None)
        to_object = torch.empty_like(object_)
        torch.mm(means[first].T, to_table[first], out=to_object[:wide])
        torch.mm(means[second].T, to_table[second], out=to_object[wide:])
        torch.mm(to_table[first], object_[:wide].T, out=to_means[first])
        torch.mm(to_table[second], object_[wide:].T, out=to_means[second])
        to_grid_leave = grid_gated.T @ to_table[grid]
        to_grid_both = _gate_backward(to_table[grid] @ grid_leave.T, grid_both)
        to_grid_enter = grid_in.T @ to_grid_both
        to_grid_in = to_grid_both @ grid_enter.T
        to_whole = to_grid_in[:, 2 * wide :].view(sheet.grids, sheet.colours, wide).mean(1, keepdim=True)
        to_means[grid].view(sheet.grids, sheet.colours, wide).copy_(
            to_grid_in[:, :wide].reshape(sheet.grids, sheet.colours, wide) + to_whole
        )
        to_cell = cell_in.T @ to_table[cells]
        to_cell_in = to_table[cells] @ cell.T
        to_means[cells] = to_cell_in[:, :wide]
        to_x += sheet.heard.out.sum(to_means.mul_(sheet.heard.share))
        to_x.view(images, -1, wide).add_(
            _max_backward(
                to_grid_in[:, wide : 2 * wide], x.view(images, -1, wide), grid_in[:, wide : 2 * wide]
            )
        )
        by_cell = x.view(sheet.grids, sheet.colours, -1, wide)
        held = (by_cell == cell_in[:, wide:].view(sheet.grids, 1, -1, wide)).to(x.dtype)
        to_high = to_cell_in[:, wide:].view(sheet.grids, 1, -1, wide) / held.sum(1, keepdim=True)
        to_x.view_as(held).addcmul_(held, to_high)

        to_u = torch.empty_like(mixed)
        to_mirror = to_mixed[:, wide + half :].contiguous()
        to_mirrors = torch.zeros_like(mirrors)
        torch.sum(seen * to_mirror, 1, out=to_mirrors[: len(seen)])
        back = to_mirror.index_select(0, sheet.mirrors[1]).view(-1, rows, half)
        torch.sum(back.mul_(mirrors[: len(seen), None]), 0, out=to_u[:, wide + half :])

        to_ray = to_mixed[:, wide : wide + half]
        down_rays, across_rays = sheet.rays
        to_columns, to_lines = torch.empty_like(columns), torch.empty_like(lines)
        in_columns, in_lines = to_ray.reshape(images, -1, half), to_ray.reshape(images * height, width, half)
        to_rays = torch.stack(
            (
                (columns[:, 0] * in_columns).sum((0, 1)),
                (lines[:, 0] * in_lines).sum((0, 1)),
                (lines[:, 1] * in_lines).sum((0, 1)),
                (columns[:, 1] * in_columns).sum((0, 1)),
            )
        )
        torch.mul(in_columns, rays[0], out=to_columns[:, 0])
        torch.mul(in_columns, rays[3], out=to_columns[:, 1])
        torch.mul(in_lines, rays[1], out=to_lines[:, 0])
        torch.mul(in_lines, rays[2], out=to_lines[:, 1])
        sent = torch.matmul(down_rays.T, to_columns.view(images, 2 * height, width * half)).view(rows, half)
        sent += torch.matmul(across_rays.T, to_lines.view(images * height, 2 * width, half)).view(rows, half)
        to_u[:, wide : wide + half] = sent

        padded_back = _Padded(to_mixed[:, :wide].contiguous(), images, height, width)
        to_u[:, :wide].view(images, height, width, wide).copy_(padded_back.weighed(taps.flip(0)))
        middle = padded_back.at(4)
        to_taps = torch.stack([(padded.at(n) * middle).sum(0) for n in range(9)])

        to_x.addmm_(to_u, enter.T)
        return (
            *(to_x, None, to_taps, to_rays, to_mirrors, x.T @ to_u, to_leave, to_grid_enter, to_grid_leave),
            *(to_cell, to_object, to_up, to_down),
        )
