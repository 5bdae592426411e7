"""A grid as index tensors: which rows of a table each candidate hears, and the reverse.

A row of the state stands for a candidate; rows run over colours, then over the cells of the grid.

What candidates hear is in :mod:`trmcli.model.links`, what they see in :mod:`trmcli.model.looks`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model.links import Integers, Links
from trmcli.model.looks import Looks, in_blocks, looks_of

BLOCKS = 9
"""Blocks that are told apart by number, at most. Where there are more, none are."""


@dataclass(frozen=True)
class Output:
    """Where the output lies on the canvas.

    Attributes:
        shape: height and width.
        blocks: corners of the blocks that the canvas is made of, if they are as large as the output.
        box: the corner of the box around what is not background, if it is as large as the output.
    """

    shape: tuple[int, int]
    blocks: tuple[tuple[int, int], ...] = ()
    box: tuple[int, int] | None = None


@dataclass(frozen=True)
class Sheet:
    """A grid on its canvas, H times W, as the network needs it.

    Attributes:
        canvas: H and W.
        output: where the output is read.
        colours, views: C, the colours of the task; the ways in which the input is laid out.
        said: links from the table of the question; see :meth:`trmcli.model.cells.CellsModel.question`.
        heard: links from the table of means: objects of one colour, objects of any colour, the grid, cells.
        looks: what the candidates see.
        table: rows of the table of means for objects of one colour, of any, for the grid and for cells.
        features: ``[H * W, features]`` of the cell's object.
        edges: ``[H * W, 4]``: 1 in the first row, first column, last column, last row.
        background: ``[C]``: 1 for the background.
    """

    canvas: tuple[int, int]
    output: Output
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
    def rows(self) -> int:
        return self.colours * len(self.features)

    def grid(self, rows: Tensor) -> Tensor:
        """``[C, H, W, D]`` from ``[rows, D]``; a view."""
        return rows.view(self.colours, *self.canvas, -1)

    @staticmethod
    def build(
        views: Integers,
        labels: Integers,
        features: npt.NDArray[np.float32],
        output: Output,
        blocks: Integers | None,
        background: int,
        colours: int,
    ) -> Sheet:
        """Lay out a grid.

        Args:
            views: ``[views, H, W]``: the input, laid out in one or several ways: numbers of colours; -1
                outside of the input.
            labels: ``[2, H, W]``: objects of one colour, of any, numbered from 0.
            features: ``[H, W, features]`` of the cell's object.
            output: where the output lies.
            blocks: ``[rows, columns, height, width]``: the cells of each of the equal blocks that the canvas
                is made of, if it is made of such.
            background: number of the background's colour, -1 if it is none of them.
            colours: C.
        """
        ways, height, width = views.shape
        cells = height * width
        colour, cell = np.indices((colours, cells)).reshape(2, -1)
        said = []
        for view, seen in enumerate(views.reshape(ways, cells)[:, cell]):
            kind = np.where(seen < 0, colours + 1, np.where(seen == colour, colour, colours))
            said.append(view * (colours + 2) + kind)
        start = ways * (colours + 2)
        said += [start + colour, start + colours + cell]
        table = [int(number) * colours for number in labels.max((1, 2)) + 1] + [colours, cells]
        same, any_ = labels.reshape(2, cells)[:, cell] * colours + colour
        starts = np.cumsum([0, *table[:-1]])
        heard = np.stack((same, any_, colour, cell), 1) + starts
        block, between = np.full(cells, -1), None
        if blocks is not None:
            between = in_blocks((height, width), blocks)
            down, across = blocks.shape[:2]
            if down * across <= BLOCKS:
                number = np.arange(down * across).reshape(down, across, 1, 1)
                block[blocks] = start + colours + cells + number
        said.append(block[cell])
        looks = looks_of(views[0], labels[1], views[0] == background, between)
        return Sheet(
            (height, width),
            output,
            colours,
            ways,
            Links.build(np.stack(said, 1), start + colours + cells + BLOCKS),
            Links.build(heard, sum(table)),
            Looks.build(*looks, colours),
            table,
            torch.from_numpy(features.reshape(cells, -1)),
            torch.from_numpy(_edges(height, width)),
            torch.from_numpy((np.arange(colours) == background).astype(np.float32)),
        )


def _edges(height: int, width: int) -> npt.NDArray[np.float32]:
    edges = np.zeros((height, width, 4), np.float32)
    edges[0, :, 0] = edges[:, 0, 1] = edges[:, -1, 2] = edges[-1, :, 3] = 1
    return edges.reshape(-1, 4)
