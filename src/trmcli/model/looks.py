"""Where a cell looks: at the first thing each way, its images in its object and in the grid, and the same
place in other blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model.links import Bags, Integers, ends

WAYS = ((-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
"""Rows and columns that one step goes: up, left, right, down, and along the diagonals."""


def sights(numbers: Integers) -> Integers:
    """What is met each way: the nearest cell of another colour than one's own.

    Args:
        numbers: ``[H, W]``, numbers of colours.

    Returns:
        ``[8, H, W]``: the cell's number in the grid, in the order of :data:`WAYS`; -1 where there is none up
        to the border.
    """
    cells = np.arange(numbers.size).reshape(numbers.shape)
    return np.stack([_sight(numbers, cells, *way) for way in WAYS])


def _sight(numbers: Integers, cells: Integers, down: int, right: int) -> Integers:
    def beyond(array: Integers) -> Integers:
        """``array`` as the cells see it that are one step before."""
        height, width = array.shape
        padded = np.pad(array, 1, constant_values=_NOTHING)
        return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]

    other = beyond(numbers) != numbers
    seen = np.where(other, beyond(cells), _NOTHING)
    while not np.array_equal(seen, further := np.where(other, seen, beyond(seen))):
        seen = further  # a cell sees what the next one sees, if that is of its own colour
    return np.maximum(seen, -1)


_NOTHING = -(10**9)
"""Outside of a grid, in place of a colour and of a cell."""


def images(height: int, width: int) -> Integers:
    """``[3 or 7, H * W]``: the cells that lie where each symmetry of the grid takes one's own.

    They are left-right, up-down, the half turn and, for squares alone, transpose, anti-transpose and the
    quarter turns.
    """
    cells = np.arange(height * width).reshape(height, width)
    views = [cells[:, ::-1], cells[::-1], cells[::-1, ::-1]]
    if height == width:
        views += [cells.T, cells.T[::-1, ::-1], cells.T[::-1], cells.T[:, ::-1]]
    return np.stack([view.ravel() for view in views])


def images_within(objects: Integers, blank: npt.NDArray[np.bool_]) -> Integers:
    """The images in the box around an object: the smallest box that one's own cell is in.

    Args:
        objects: ``[H, W]``: objects by number. Those of one cell have no box.
        blank: ``[H, W]``: what is background and no object.

    Returns:
        ``[7, H, W]``: as :func:`images`; -1 outside of all boxes, and where the box is no square.
    """
    seen = np.full((7, *objects.shape), -1)
    cells = np.arange(objects.size).reshape(objects.shape)
    slices = []
    for number in np.unique(objects[~blank]):
        rows, columns = np.nonzero(objects == number)
        if len(rows) > 1:
            slices.append(np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    for box in sorted(slices, key=lambda box: -cells[box].size):
        inside = cells[box]
        through = inside.ravel()[images(*inside.shape)]
        of_box = seen[:, box[0], box[1]]
        of_box[:] = -1
        of_box[: len(through)] = through.reshape(-1, *inside.shape)
    return seen


def in_blocks(canvas: tuple[int, int], cells: Integers) -> Integers:
    """The same place in the block above, to the left, to the right and below; the last follows the first.

    Args:
        canvas: H and W.
        cells: ``[rows, columns, height, width]``: the cells of each block.

    Returns:
        ``[4, H, W]``; -1 outside of all blocks. Where there are two blocks in a column or a row, a cell looks
        at the other one once, not twice; where there is one, not at all.
    """
    seen = np.full((4, canvas[0] * canvas[1]), -1)
    for way, (axis, shift) in enumerate(((0, 1), (1, 1), (1, -1), (0, -1))):
        if cells.shape[axis] > (2 if shift > 0 else 1):
            seen[way, cells] = np.roll(cells, shift, axis)
    return seen.reshape(4, *canvas)


def looks_of(
    numbers: Integers, objects: Integers, blank: npt.NDArray[np.bool_], between: Integers | None = None
) -> tuple[Integers, Integers]:
    """All that a cell looks at.

    Args:
        between: of :func:`in_blocks`, if there are blocks.

    Returns:
        ``[ways, H, W]``: numbers of cells in the grid, -1 where nothing is; and ``[ways]``: which ways they
        are, of those in which something is. Of all 26, 8 are sights, 7 images in the box of an object, 7
        images in the grid, and 4 lead to other blocks.
    """
    seen = np.full((26, *numbers.shape), -1)
    through = images(*numbers.shape)
    seen[:8], seen[8:15] = sights(numbers), images_within(objects, blank)
    seen[15 : 15 + len(through)] = through.reshape(-1, *numbers.shape)
    if between is not None:
        seen[22:] = between
    ways = np.flatnonzero((seen >= 0).any((1, 2)))
    return seen[ways], ways


@dataclass(frozen=True)
class Looks:
    """What the candidates of a sheet see: those of their own colour in the cells that their cell looks at.

    Attributes:
        count: ways to look.
        ways: ``[count]``: which they are.
        seen: for each candidate those that it sees, from a table ``[rows, count]`` of what a candidate is to
            those that see it in each way.
        back: for each candidate those that see it, from a table ``[rows, count]`` of what it is told by
            those in each way.
        taken: ``[count * rows]``: for each way and row the row that is seen, or else the number of rows.
    """

    count: int
    ways: Tensor
    seen: Bags
    back: Bags
    taken: Tensor

    @staticmethod
    def build(looks: Integers, ways: Integers, colours: int) -> Looks:
        """From :func:`looks_of` the grid."""
        count = len(looks)
        cells = looks.reshape(count, -1).T
        shift = len(cells) * np.arange(colours)[:, None, None]
        rows = np.where(cells < 0, -1, cells + shift).reshape(-1, count)
        there = rows >= 0
        seen = (rows * count + np.arange(count))[there]
        order = np.flatnonzero(there)[np.argsort(rows[there], kind="stable")]
        taken = np.where(there, rows, len(rows)).T
        return Looks(
            count,
            torch.from_numpy(ways),
            Bags(torch.from_numpy(seen), ends(there.sum(1))),
            Bags(torch.from_numpy(order), ends(np.bincount(rows[there], minlength=len(rows)))),
            torch.from_numpy(np.ascontiguousarray(taken).ravel()),
        )
