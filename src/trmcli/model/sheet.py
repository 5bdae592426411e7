"""Grids of one shape as index tensors: which rows of a table each candidate hears, and the reverse.

A row of the state stands for a candidate; rows run over grids, then colours, then cells. Means over the cells
of an object, over a colour's whole grid and over a cell's colours are all the same operation, a sum over
given rows of a table; so is the way back from the table to the candidates. Both directions are kept, as each
is the other's gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bags:
    """Sums over given rows of a table: ``result[i] = sum of table[index[offset[i]:offset[i + 1]]]``."""

    index: Tensor
    offset: Tensor

    def sum(self, table: Tensor) -> Tensor:
        """``[bags, D]`` from a contiguous ``[rows, D]``; gives no gradient."""
        sums: Tensor = torch.ops.aten._embedding_bag_forward_only(
            table, self.index, self.offset, False, 0, False, None, True
        )[0]
        return sums


@dataclass(frozen=True)
class Links:
    """Who hears what: every candidate hears as many rows of a table as any other.

    Attributes:
        out: from the table to the candidates.
        back: from the candidates to the table.
        share: ``[table rows, 1]``: one over the number of candidates that hear a row.
    """

    out: Bags
    back: Bags
    share: Tensor

    @staticmethod
    def build(heard: Integers, table: int) -> Links:
        """From ``[rows, k]`` rows of a table of ``table`` rows."""
        rows, each = heard.shape
        flat = heard.ravel()
        counts = np.bincount(flat, minlength=table)
        order = np.argsort(flat, kind="stable") // each
        ends = np.concatenate(([0], np.cumsum(counts)))
        out = Bags(torch.from_numpy(flat.copy()), torch.arange(0, rows * each + 1, each))
        back = Bags(torch.from_numpy(order), torch.from_numpy(ends))
        share = 1 / np.maximum(counts, 1).astype(np.float32)
        return Links(out, back, torch.from_numpy(share)[:, None])


class _Hear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, links: Links) -> Tensor:
        ctx.links = links
        return links.out.sum(table)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.links.back.sum(gradient.contiguous()), None


def hear(table: Tensor, links: Links) -> Tensor:
    """``[rows, D]``: for every candidate the sum of the rows of ``table`` that it hears."""
    result: Tensor = _Hear.apply(table, links)  # type: ignore[no-untyped-call]
    return result


@dataclass(frozen=True)
class Sheet:
    """A batch of B grids on canvases of one shape, as the network needs them.

    Attributes:
        grids, colours, views: B; C, the colours of the task; ways in which the input is laid out.
        canvas, out: height and width of the canvas and of the output.
        said: links from the table of the question; see :meth:`trmcli.model.cells.CellsModel.question`.
        heard: links from the table of means: objects of one colour, objects of any colour, grids, cells.
        objects: rows of the table of means that are objects of one colour, and of any.
        features: ``[B * cells, features]`` of the cell's object.
        edges: ``[B * cells, 4]``: 1 in the first row, first column, last column, last row.
        background: ``[C]``: 1 for the background.
        blocks: corners of equal blocks as large as the output, if the canvas is made of such.
        boxes: for each grid the corner of the box around what is not background, if it is as large as the
            output.
    """

    grids: int
    colours: int
    views: int
    canvas: tuple[int, int]
    out: tuple[int, int]
    said: Links
    heard: Links
    objects: tuple[int, int]
    features: Tensor
    edges: Tensor
    background: Tensor
    blocks: tuple[tuple[int, int], ...]
    boxes: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> int:
        return self.grids * self.colours * self.canvas[0] * self.canvas[1]

    @cached_property
    def rays(self) -> tuple[Tensor, Tensor]:
        """``[2 * height, height]`` and ``[2 * width, width]``: sums of what comes before, and after."""
        return _before_and_after(self.canvas[0]), _before_and_after(self.canvas[1])

    @cached_property
    def mirrors(self) -> tuple[Tensor, Tensor]:
        """Row numbers ``[symmetries * rows]``: where each symmetry takes a row's value from, and to.

        Seven symmetries, or three where the canvas is not square.
        """
        height, width = self.canvas
        cells = np.arange(height * width).reshape(height, width)
        seen = [cells[:, ::-1], cells[::-1], cells[::-1, ::-1]]
        if height == width:
            seen += [cells.T, cells.T[::-1, ::-1], cells.T[::-1], cells.T[:, ::-1]]
        first = np.arange(self.grids * self.colours)[:, None] * cells.size
        sources = np.stack([(first + view.ravel()).ravel() for view in seen])
        targets = np.argsort(sources, axis=1)
        return torch.from_numpy(sources.ravel()), torch.from_numpy(targets.ravel())

    @staticmethod
    def build(
        laid: Integers,
        labels: Integers,
        features: npt.NDArray[np.float32],
        background: int,
        colours: int,
        out: tuple[int, int],
        blocks: tuple[tuple[int, int], ...] = (),
        boxes: tuple[tuple[int, int], ...] = (),
    ) -> Sheet:
        """From arrays.

        Args:
            laid: ``[B, views, H, W]``: numbers of colours; -1 outside of the input.
            labels: ``[B, 2, H, W]``: objects of one colour, of any, numbered from 0 in each grid.
            features: ``[B, H, W, features]``.
            background: number of the background's colour, -1 if it is none of them.
            colours: C.
            out, blocks, boxes: see above.
        """
        grids, views, height, width = laid.shape
        size = height * width
        grid, colour, cell = np.indices((grids, colours, size)).reshape(3, -1)
        flat = laid.reshape(grids, views, size)
        said = []
        for view in range(views):
            value = flat[grid, view, cell]
            kind = np.where(value < 0, colours + 1, np.where(value == colour, colour, colours))
            said.append(view * (colours + 2) + kind)
        start = views * (colours + 2)
        said += [start + colour, start + colours + grid * size + cell]
        heard = []
        objects = []
        start = 0
        for which in range(2):
            label = labels[:, which].reshape(grids, size)
            counts = label.max(1) + 1
            first = np.concatenate(([0], np.cumsum(counts)))
            heard.append(start + (first[grid] + label[grid, cell]) * colours + colour)
            objects.append(int(first[-1]) * colours)
            start += objects[-1]
        heard += [start + grid * colours + colour, start + grids * colours + grid * size + cell]
        edges = np.zeros((grids, height, width, 4), np.float32)
        edges[:, 0, :, 0] = edges[:, :, 0, 1] = edges[:, :, -1, 2] = edges[:, -1, :, 3] = 1
        return Sheet(
            grids,
            colours,
            views,
            (height, width),
            out,
            Links.build(np.stack(said, 1), views * (colours + 2) + colours + grids * size),
            Links.build(np.stack(heard, 1), start + grids * colours + grids * size),
            (objects[0], objects[1]),
            torch.from_numpy(features.reshape(grids * size, -1)),
            torch.from_numpy(edges.reshape(grids * size, 4)),
            torch.from_numpy((np.arange(colours) == background).astype(np.float32)),
            blocks,
            boxes,
        )


def _before_and_after(length: int) -> Tensor:
    before = torch.tril(torch.ones(length, length), -1) / length**0.5
    return torch.cat((before, before.T))
