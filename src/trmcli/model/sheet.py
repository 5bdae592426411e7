"""Grids of several shapes as index tensors: which rows of a table each candidate hears, and the reverse.

A row of the state stands for a candidate; rows run over colours, then over the cells of all grids, one grid
after another. So grids of unequal shapes need no padding: most of what is computed asks for no shape, and
what does goes through the parts of a sheet, each with grids of one shape.

What candidates hear is in :mod:`trmcli.model.links`, what they see in :mod:`trmcli.model.looks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model.links import Integers, Links
from trmcli.model.looks import Looks, looks_of


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
class Sheet:
    """Grids as the network needs them.

    Attributes:
        parts: grids of one shape each; B grids in all.
        outputs: the same grids, apart where their outputs are read in different ways.
        colours, views: C, the colours of the task; the most ways in which an input is laid out.
        said: links from the table of the question; see :meth:`trmcli.model.cells.CellsModel.question`.
        heard: links from the table of means: objects of one colour, objects of any colour, grids, cells.
        looks: what the candidates see.
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
    looks: Looks
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
        parts, looks = [], []
        for canvas, alike in groupby(outputs, key=lambda output: output.canvas):
            head, *tail = alike
            grids_alike = head.grids + sum(output.grids for output in tail)
            parts.append(Part(head.number, head.first, grids_alike, canvas))
            numbers, things = (
                np.concatenate(
                    [array for array, output in zip(arrays, outputs, strict=True) if output.canvas == canvas]
                )
                for arrays in ([one.views[:, 0] for one in laid], [one.labels[:, 1] for one in laid])
            )
            looks.append(looks_of(numbers, things, numbers == background))
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
            Looks.build(looks, colours),
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
