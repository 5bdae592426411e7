"""A Tiny Recursive Model with a vector for every (cell, colour) of a grid, small enough to be fitted to one
task.

Its weights know neither colours nor directions: a colour permuted, a grid mirrored or turned gives an answer
permuted, mirrored or turned. What a task needs to tell apart is in its *code*, a few hundred numbers that
begin at zero: a vector for each colour, and what sets apart each direction and each symmetry of the grid.

The state has one row for each candidate: ``[colours, cells]`` of them, one after another. A grid lies on a
canvas, the larger of input and output each way; see :mod:`trmcli.model.sheet`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trmcli.model.cells_config import CellsConfig
from trmcli.model.cells_layer import Kernels, Weights, apply_layers
from trmcli.model.links import hear
from trmcli.model.sheet import BLOCKS, Sheet

FEATURES = 10
"""Numbers that tell of the object that a cell belongs to."""

VIEWS = 3
"""Ways to lay the input on the canvas: as it is; and where the canvas is larger, scaled and tiled."""


def normal(*shape: int, scale: float) -> nn.Parameter:
    """A parameter of normal numbers with standard deviation ``scale``."""
    return nn.Parameter(torch.randn(*shape) * scale)


def matrix(rows: int, columns: int, scale: float = 1.0) -> nn.Parameter:
    """A matrix to multiply rows with: standard deviation ``scale / sqrt(rows)``."""
    return normal(rows, columns, scale=scale / math.sqrt(rows))


class TaskCode(nn.Module):
    """What one task adds to the weights that all tasks share; all zeros at first.

    Args:
        own: ``[C]``: the colours that have vectors of their own; all of them without it.

    Attributes:
        colour, here: ``[C, D]``: a colour's vector everywhere, and where the input has that colour.
        task: ``[1, D]``: heard by every candidate.
        straight, slanted: ``[4, code]``: up, left, right, down; and the diagonals.
        symmetry: ``[7, code]``: left-right, up-down, half turn, transpose, anti-transpose, quarter turns.
        edge: ``[4, D]``: up, left, right, down. These four stay zeros where directions are not told apart.
        block: ``[BLOCKS, D]``: the block that a cell lies in, where the canvas is made of such.
        readout: ``[4]``: ways to read an output smaller than the canvas, see :meth:`CellsModel.logits`.
    """

    own: Tensor
    straight: Tensor
    slanted: Tensor
    symmetry: Tensor
    edge: Tensor

    def __init__(self, colours: int, config: CellsConfig, own: Tensor | None = None) -> None:
        super().__init__()
        width, code = config.width, config.code
        own = torch.ones(colours, dtype=torch.bool) if own is None else own
        self.register_buffer("own", own[:, None].float())
        self.colour = nn.Parameter(torch.zeros(colours, width))
        self.here = nn.Parameter(torch.zeros(colours, width))
        self.task = nn.Parameter(torch.zeros(1, width))
        apart = {"straight": (4, code), "slanted": (4, code), "symmetry": (7, code), "edge": (4, width)}
        for name, shape in apart.items():
            if "directions" in config.deaf:
                self.register_buffer(name, torch.zeros(shape))
            else:
                self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        self.block = nn.Parameter(torch.zeros(BLOCKS, width))
        self.readout = nn.Parameter(torch.zeros(4))


class CellsLayer(nn.Module):
    """The weights of one layer; what they do is in :mod:`trmcli.model.cells_layer`."""

    heard: Tensor

    def __init__(self, config: CellsConfig) -> None:
        super().__init__()
        width, code, half = config.width, config.code, config.width // 2
        self.deaf = config.deaf
        parts = (("near", width), ("rays", half))
        heard = [torch.full((rows, 1), float(part not in config.deaf)) for part, rows in parts]
        self.register_buffer("heard", torch.cat((*heard, torch.ones(half, 1))))
        self.enter = matrix(width, 2 * width)
        self.leave = matrix(2 * width, width, 0.7)
        self.near = normal(3, width, scale=0.3)  # the cell itself, its four neighbours, the diagonal ones
        self.straight = matrix(code, width)
        self.slanted = matrix(code, width)
        self.ray = normal(half, scale=0.5)
        self.ray_code = matrix(code, half)
        self.sight = normal(2, half, scale=0.3)  # straight, along a diagonal
        self.sight_code = matrix(code, half)
        self.inner = nn.Parameter(torch.zeros(4, half))  # in the box of an object: as below
        self.inner_code = matrix(code, half)
        self.mirror = nn.Parameter(torch.zeros(4, half))  # mirrors, half turn, transposes, quarter turns
        self.mirror_code = matrix(code, half)
        self.grid_enter = matrix(3 * width, 2 * width)
        self.grid_leave = matrix(width, width, 0.7)
        self.cell = matrix(2 * width, width, 0.7)
        self.object = matrix(2 * width, width, 0.7)
        self.up = matrix(width, 2 * config.expansion * width)
        self.down = matrix(config.expansion * width, width, 0.7)
        self.between = nn.Parameter(torch.full((4, half), 0.3))  # the blocks above, left, right, below

    def kernels(self, code: TaskCode) -> Kernels:
        """What the code makes of directions and symmetries in this layer."""
        straight, slanted = code.straight @ self.straight, code.slanted @ self.slanted
        taps = torch.cat((torch.zeros_like(straight[:1]), straight, slanted)) + self.near[_TAP_KIND]
        sights = torch.cat((code.straight, code.slanted)) @ self.sight_code + self.sight[_SIGHT_KIND]
        inner = code.symmetry @ self.inner_code + self.inner[_MIRROR_KIND]
        single = torch.cat((sights, inner))
        mirrors = code.symmetry @ self.mirror_code + self.mirror[_MIRROR_KIND]
        rays = code.straight @ self.ray_code + self.ray
        looks = (("sights", single), ("looks", mirrors), ("blocks", self.between))
        heard = torch.cat([self._unless(part, looked) for part, looked in looks])
        return Kernels(taps[_TAP_ORDER], rays, heard)

    def weights(self) -> Weights:
        """The matrices, with zeros for what is not heard."""
        return Weights(
            self.enter,
            self.leave * self.heard if self.deaf else self.leave,
            self.grid_enter,
            self._unless("grid", self.grid_leave),
            self._unless("cell", self.cell),
            self._unless("objects", self.object),
            self.up,
            self.down,
        )

    def _unless(self, part: str, matrix: Tensor) -> Tensor:
        return matrix * 0 if part in self.deaf else matrix


_TAP_KIND = torch.tensor([0, 1, 1, 1, 1, 2, 2, 2, 2])
_TAP_ORDER = torch.tensor([5, 1, 6, 2, 0, 3, 7, 4, 8])
"""The rows of a 3x3 window among: the middle; up, left, right, down; the diagonals."""
_SIGHT_KIND = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
_MIRROR_KIND = torch.tensor([0, 0, 1, 2, 2, 3, 3])


class CellsModel(nn.Module):
    """The network without the code of a task."""

    start: Tensor

    def __init__(self, config: CellsConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.layers = nn.ModuleList(CellsLayer(config) for _ in range(config.layers))
        self.kind = normal(VIEWS, 3, width, scale=1.0)  # here, another colour, outside
        self.background = normal(width, scale=0.5)
        self.edge = normal(width, scale=0.5)
        self.colour = matrix(width, width)
        self.feature = normal(FEATURES, width, scale=0.3)
        self.register_buffer("start", torch.randn(width))
        self.head = matrix(width, 1, 0.5)

    def question(self, sheet: Sheet, code: TaskCode) -> Tensor:
        """``[rows, D]``: what is said to every candidate at the start of each pass."""
        other, outside = self.kind[:, 1], self.kind[:, 2]
        here = self.kind[:, :1] + code.here * code.own  # [views, C, D]
        seen = torch.cat((here, other[:, None], outside[:, None]), 1)[: sheet.views].flatten(0, 1)
        colours = code.colour * code.own @ self.colour + code.task
        colours = colours + sheet.background[:, None] * self.background
        feature = self.feature * ("features" not in self.config.deaf)
        edge = self.edge * (1 + code.edge) * ("edges" not in self.config.deaf)
        cells = sheet.features @ feature + sheet.edges @ edge
        block = code.block * ("blocks" not in self.config.deaf)
        return hear(torch.cat((seen, colours, cells, block)), sheet.said)

    def kernels(self, code: TaskCode) -> list[Kernels]:
        """What every layer makes of the code: the same for all sheets of a task."""
        return [layer.kernels(code) for layer in self.layers]  # type: ignore[operator]

    def initial(self, sheet: Sheet) -> Tensor:
        """``[rows, D]``: the state before the first step."""
        return self.start.expand(sheet.rows, -1)

    def step(self, state: Tensor, question: Tensor, kernels: list[Kernels], sheet: Sheet) -> Tensor:
        """One supervision step: the state after all passes."""
        weights = [layer.weights() for layer in self.layers]  # type: ignore[operator]
        layers = list(zip(weights, kernels, strict=True))
        return apply_layers(state, question, layers, self.config.passes, sheet)

    def logits(self, state: Tensor, sheet: Sheet, code: TaskCode) -> Tensor:
        """Of the output ``[C, height, width]``, before the softmax over colours.

        An output smaller than the canvas is a mixture, weighted by the code, of ways to read it: the top left
        corner, the average over areas, over equal blocks of the input, and the box around what is not
        background.
        """
        logits, output, readout = sheet.grid(state @ self.head)[..., 0], sheet.output, code.readout
        if output.shape == sheet.canvas:
            return logits
        tall, wide = output.shape
        ways = [logits[:, :tall, :wide], F.adaptive_avg_pool2d(logits, output.shape)]
        weights = [readout[0], readout[1]]
        if output.blocks:
            blocks = [logits[:, y : y + tall, x : x + wide] for y, x in output.blocks]
            ways.append(torch.stack(blocks).mean(0))
            weights.append(readout[2] + 1)
        if output.box is not None:
            y, x = output.box
            ways.append(logits[:, y : y + tall, x : x + wide])
            weights.append(readout[3] + 1)
        shares = torch.softmax(torch.stack(weights) * 3, 0)
        return (torch.stack(ways) * shares[:, None, None, None]).sum(0)
