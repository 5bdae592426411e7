"""Grids of several shapes as index tensors: which rows of a table each candidate hears, and the reverse.

A row of the state stands for a candidate; rows run over colours, then over the cells of all grids, one grid
after another. So grids of unequal shapes need no padding: most of what is computed asks for no shape, and
what does goes through the parts of a sheet, each with grids of one shape.

Means over the cells of an object, over a colour's whole grid and over a cell's colours are all the same
operation, a sum over given rows of a table; so is the way back from the table to the candidates, and what a
candidate hears from those that lie where a symmetry takes it. Both directions are kept, as each is the
other's gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
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
    """Who hears what: every candidate hears some rows of a table.

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
        """From ``[rows, k]`` rows of a table of ``table`` rows; -1 where nothing is heard."""
        there = heard >= 0
        flat = heard[there]
        counts = np.bincount(flat, minlength=table)
        order = np.nonzero(there)[0][np.argsort(flat, kind="stable")]
        share = 1 / np.maximum(counts, 1).astype(np.float32)
        return Links(
            Bags(torch.from_numpy(flat), _ends(there.sum(1))),
            Bags(torch.from_numpy(order), _ends(counts)),
            torch.from_numpy(share)[:, None],
        )


def _ends(counts: Integers) -> Tensor:
    return torch.from_numpy(np.concatenate(([0], np.cumsum(counts))))


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
class Laid:
    """B grids on canvases of one shape, H times W, as arrays.

    Attributes:
        views: ``[B, views, H, W]``: the input, laid out in one or several ways: numbers of colours; -1
            outside of the input.
        labels: ``[B, 2, H, W]``: objects of one colour, of any, numbered from 0 in each grid.
        features: ``[B, H, W, features]`` of the cell's object.
        out: height and width of the output.
        blocks: corners of equal blocks as large as the output, if the canvas is made of such.
        boxes: for each grid the corner of the box around what is not background, if it is as large as the
            output.
    """

    views: Integers
    labels: Integers
    features: npt.NDArray[np.float32]
    out: tuple[int, int]
    blocks: tuple[tuple[int, int], ...] = ()
    boxes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Part:
    """Grids of one shape in a sheet.

    Attributes:
        number: its first grid.
        first: its first cell.
        grids: how many there are.
        canvas: height and width.
    """

    number: int
    first: int
    grids: int
    canvas: tuple[int, int]

    @property
    def size(self) -> int:
        """Cells of all its grids."""
        return self.grids * self.canvas[0] * self.canvas[1]

    def of(self, rows: Tensor, colours: int) -> Tensor:
        """``[C, B, H, W, D]``: its rows of all rows ``[rows, D]``; a view."""
        cells = len(rows) // colours
        if self.size < cells:
            rows = rows.view(colours, cells, -1)[:, self.first : self.first + self.size]
        return rows.view(colours, self.grids, *self.canvas, -1)


@dataclass(frozen=True)
class Output(Part):
    """Grids of one shape whose outputs are read alike; the rest is as in :class:`Laid`."""

    out: tuple[int, int]
    blocks: tuple[tuple[int, int], ...]
    boxes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Mirrors:
    """Where the symmetries of each grid take its candidates.

    There are seven: left-right, up-down, the half turn and, for squares alone, transpose, anti-transpose and
    the quarter turns. Sheets without squares have the first three.

    Attributes:
        count: three or seven.
        seen: for each candidate those in whose place it sees itself through each symmetry, from a table
            ``[rows, count]``.
        back: the same for the reverse of each symmetry.
        shown: ``[count * rows]``: for each symmetry and row the one that sees it so, or, where there is none,
            the number of rows.
    """

    count: int
    seen: Bags
    back: Bags
    shown: Tensor

    @staticmethod
    def build(parts: Sequence[Part], colours: int) -> Mirrors:
        count = 7 if any(part.canvas[0] == part.canvas[1] for part in parts) else 3
        sources: list[Integers] = []
        reverse: list[Integers] = []
        for part in parts:
            cells = np.arange(part.canvas[0] * part.canvas[1]).reshape(part.canvas)
            views = [cells[:, ::-1], cells[::-1], cells[::-1, ::-1]]
            if part.canvas[0] == part.canvas[1]:
                views += [cells.T, cells.T[::-1, ::-1], cells.T[::-1], cells.T[:, ::-1]]
            taken = np.full((count, cells.size), _NOWHERE)
            taken[: len(views)] = np.stack([view.ravel() for view in views])
            back = np.where(taken == _NOWHERE, _NOWHERE, np.argsort(taken, axis=1))
            first = part.first + cells.size * np.arange(part.grids)[:, None, None]
            for into, one in ((sources, taken), (reverse, back)):
                into.append((one.T + first).reshape(-1, count))
        bags, rows = [], []
        for cells in (np.concatenate(sources), np.concatenate(reverse)):
            there = np.tile(cells >= 0, (colours, 1))
            rows.append((cells + len(cells) * np.arange(colours)[:, None, None]).reshape(-1, count))
            index = (rows[-1] * count + np.arange(count))[there]
            bags.append(Bags(torch.from_numpy(index), _ends(there.sum(1))))
        shown = np.where(there, rows[1], len(there))
        return Mirrors(count, bags[0], bags[1], torch.from_numpy(np.ascontiguousarray(shown.T).ravel()))


_NOWHERE = -(10**9)
"""In place of a cell that there is none of."""


@dataclass(frozen=True)
class Sheet:
    """Grids as the network needs them.

    Attributes:
        parts: grids of one shape each; B grids in all.
        outputs: the same grids, apart where their outputs are read in different ways.
        colours, views: C, the colours of the task; the most ways in which an input is laid out.
        said: links from the table of the question; see :meth:`trmcli.model.cells.CellsModel.question`.
        heard: links from the table of means: objects of one colour, objects of any colour, grids, cells.
        mirrors: links from a table with one row for every candidate and symmetry.
        table: rows of the table of means for objects of one colour, of any, for grids and for cells.
        features: ``[cells, features]`` of the cell's object.
        edges: ``[cells, 4]``: 1 in the first row, first column, last column, last row.
        background: ``[C]``: 1 for the background.
    """

    parts: tuple[Part, ...]
    outputs: tuple[Output, ...]
    colours: int
    views: int
    said: Links
    heard: Links
    mirrors: Mirrors
    table: list[int]
    features: Tensor
    edges: Tensor
    background: Tensor

    @property
    def grids(self) -> int:
        return self.parts[-1].number + self.parts[-1].grids

    @property
    def rows(self) -> int:
        return self.colours * len(self.features)

    @staticmethod
    def build(laid: Sequence[Laid], background: int, colours: int) -> Sheet:
        """Put grids of several shapes together.

        Args:
            laid: the grids; those of one shape beside each other.
            background: number of the background's colour, -1 if it is none of them.
            colours: C.
        """
        views = max(one.views.shape[1] for one in laid)
        outputs: list[Output] = []
        seen, labels, features, grids, edges = [], [], [], [], []
        objects = np.zeros(2, np.int64)
        number = first = 0
        for one in laid:
            count, ways, height, width = one.views.shape
            outputs.append(Output(number, first, count, (height, width), one.out, one.blocks, one.boxes))
            unseen = np.full((count, views - ways, height, width), _NO_VIEW)
            seen.append(_by_cell(np.concatenate((one.views, unseen), 1)))
            counts = one.labels.max((2, 3)) + 1
            before = objects + np.cumsum(counts, 0) - counts
            labels.append(_by_cell(one.labels + before[:, :, None, None]))
            objects += counts.sum(0)
            features.append(one.features.reshape(count * height * width, -1))
            grids.append(np.repeat(np.arange(number, number + count), height * width))
            edges.append(np.tile(_edges(height, width), (count, 1)))
            number, first = number + count, first + count * height * width
        parts = []
        for canvas, alike in groupby(outputs, key=lambda output: output.canvas):
            head, *tail = alike
            grids_alike = head.grids + sum(output.grids for output in tail)
            parts.append(Part(head.number, head.first, grids_alike, canvas))
        colour, cell = np.indices((colours, first)).reshape(2, -1)
        said = []
        for view, value in enumerate(np.concatenate(seen)[cell].T):
            kind = np.where(value < 0, colours + 1, np.where(value == colour, colour, colours))
            said.append(np.where(value == _NO_VIEW, -1, view * (colours + 2) + kind))
        start = views * (colours + 2)
        said += [start + colour, start + colours + cell]
        heard, start = [], 0
        for which, label in enumerate(np.concatenate(labels)[cell].T):
            heard.append(start + label * colours + colour)
            start += int(objects[which]) * colours
        heard.append(start + colour * number + np.concatenate(grids)[cell])
        heard.append(start + colours * number + cell)
        return Sheet(
            tuple(parts),
            tuple(outputs),
            colours,
            views,
            Links.build(np.stack(said, 1), views * (colours + 2) + colours + first),
            Links.build(np.stack(heard, 1), start + colours * number + first),
            Mirrors.build(parts, colours),
            [int(objects[0]) * colours, int(objects[1]) * colours, number * colours, first],
            torch.from_numpy(
                np.concatenate([one.features.reshape(-1, one.features.shape[-1]) for one in laid])
            ),
            torch.from_numpy(np.concatenate(edges)),
            torch.from_numpy((np.arange(colours) == background).astype(np.float32)),
        )


_NO_VIEW = -2
"""In place of a colour's number where the input is not laid out in this way."""


def _by_cell(arrays: Integers) -> Integers:
    """``[B * H * W, k]`` from ``[B, k, H, W]``."""
    return np.moveaxis(arrays, 1, -1).reshape(-1, arrays.shape[1])


def _edges(height: int, width: int) -> npt.NDArray[np.float32]:
    edges = np.zeros((height, width, 4), np.float32)
    edges[0, :, 0] = edges[:, 0, 1] = edges[:, -1, 2] = edges[-1, :, 3] = 1
    return edges.reshape(-1, 4)
