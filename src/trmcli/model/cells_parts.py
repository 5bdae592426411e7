"""What a layer of :class:`~trmcli.model.cells.CellsModel` does to a grid, and the ways back.

The grid comes as ``[C, H, W, D]``.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


def near(x: Tensor, filters: Tensor) -> Tensor:
    """The sum of a cell's 3x3 neighbours, each times its numbers of ``filters`` ``[D, 1, 3, 3]``.

    Nothing lies outside of the grid.
    """
    if not _convolved(x):
        return _Padded(x).weighed(_taps(filters))
    return F.conv2d(x.permute(0, 3, 1, 2), filters, padding=1, groups=x.shape[-1]).permute(0, 2, 3, 1)


def near_backward(gradient: Tensor, x: Tensor, filters: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of ``x`` and ``filters``."""
    if not _convolved(x):
        padded, back = _Padded(x), _Padded(gradient)
        middle = back.at(4)
        to_filters = torch.stack([(padded.at(n) * middle).sum(0) for n in range(9)]).T
        return back.weighed(_taps(filters).flip(0)), to_filters.view(filters.shape)
    to_x, to_filters, _ = torch.ops.aten.convolution_backward(
        gradient.permute(0, 3, 1, 2),
        x.permute(0, 3, 1, 2),
        filters,
        None,
        *([1, 1], [1, 1], [1, 1], False, [0, 0], x.shape[-1], [True, True, False]),
    )
    return to_x.permute(0, 2, 3, 1), to_filters


def _convolved(x: Tensor) -> bool:
    """Whether a convolution of each channel by itself is quick; elsewhere it is slower than nine sums."""
    return x.dtype == torch.float32 and _QUICK


_QUICK = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _taps(filters: Tensor) -> Tensor:
    return filters.flatten(1).T


class _Padded:
    """A grid with a column and rows of zeros around it, so that neighbours lie at fixed distances."""

    def __init__(self, x: Tensor) -> None:
        self.shape = x.shape
        colours, height, width, depth = x.shape
        pitch = width + 1
        self.length = colours * (height + 1) * pitch
        self.flat = x.new_zeros(self.length + 2 * (pitch + 1), depth)
        self.distances = [pitch + 1 + dy * pitch + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        self.inside(self.flat[pitch + 1 : pitch + 1 + self.length]).copy_(x)

    def inside(self, flat: Tensor) -> Tensor:
        colours, height, width, depth = self.shape
        return flat.view(colours, height + 1, width + 1, depth)[:, :height, :width]

    def at(self, neighbour: int) -> Tensor:
        first = self.distances[neighbour]
        return self.flat[first : first + self.length]

    def weighed(self, taps: Tensor) -> Tensor:
        total = self.at(0) * taps[0]
        for neighbour in range(1, 9):
            total.addcmul_(self.at(neighbour), taps[neighbour])
        return self.inside(total)


def along(x: Tensor, rays: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What lies before and after a cell in its column and its line.

    Args:
        rays: ``[5, D]``: what counts the sums up to and with the cell along its column and line, the cell
            itself, and the sums of its whole column and line. They tell of all four directions; see
            :func:`directions`.

    Returns: the result, and the sums along columns and lines.
    """
    columns, lines = x.cumsum(1), x.cumsum(2)
    result = columns * rays[0]
    result.addcmul_(lines, rays[1]).addcmul_(x, rays[2])
    result.addcmul_(columns[:, -1:], rays[3]).addcmul_(lines[:, :, -1:], rays[4])
    return result, columns, lines


def along_backward(
    gradient: Tensor, x: Tensor, columns: Tensor, lines: Tensor, rays: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradients of ``x`` and of the rays.

    What a cell hears of another one above, that one hears on the way back of the first one below: so ``rays``
    are those of the opposite directions.
    """
    to_x, to_columns, to_lines = along(gradient, rays)
    products = (
        columns * gradient,
        lines * gradient,
        x * gradient,
        columns[:, -1] * to_columns[:, -1],
        lines[:, :, -1] * to_lines[:, :, -1],
    )
    return to_x, torch.stack([product.view(-1, x.shape[-1]).sum(0) for product in products])


@lru_cache
def directions(height: int, width: int, dtype: torch.dtype) -> Tensor:
    """``[5, 4]``: the rays of :func:`along` from up, left, right and down.

    What lies before is the sum up to and with a cell, less the cell; what lies after, the whole less the sum.
    Sums along a column are divided by the root of the height, those along a line by the root of the width.
    """
    parts = [[1, 0, 0, -1], [0, 1, -1, 0], [-1, -1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    roots = torch.tensor([height, width, width, height], dtype=torch.float64).sqrt()
    return (torch.tensor(parts) / roots).to(dtype)
