"""How answers are read from what a network makes of a sheet: painted cell by cell, or chosen among pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from trmcli.model.cells import CellsModel, TaskCode
from trmcli.model.picker import Choice, Picker
from trmcli.model.sheet import Sheet
from trmcli.tasks.arc.pieces import Pieces
from trmcli.tasks.arc.task import Grid

Seen = tuple[Grid, npt.NDArray[np.float32]]
"""A grid, and for each cell the probability of what is shown."""


@dataclass(frozen=True)
class Network:
    """All that is fitted to a task: the network, what the task adds to it, and what chooses pieces."""

    model: CellsModel
    code: TaskCode
    picker: Picker


class Reading(Protocol):
    """Reads what is said of the grids of a sheet: a tensor for grids that are read alike, first those of its
    first output."""

    def said(self, network: Network, state: Tensor, sheet: Sheet) -> list[Tensor]:
        """Logits, one tensor ``[B, ...]`` for each output of the sheet."""
        ...

    def loss(self, said: Sequence[Tensor]) -> Tensor:
        """Of the demonstrations."""
        ...

    def right(self, said: Sequence[Tensor]) -> list[list[bool]]:
        """Which demonstrations are right, by output."""
        ...

    def seen(self, output: int, logits: Tensor) -> Seen:
        """The likeliest grid, by the logits of one grid of an output."""
        ...

    def votes(self, output: int, logits: Tensor) -> list[tuple[Grid, float]]:
        """Grids, and how much is for each of them."""
        ...


@dataclass(frozen=True)
class Painted:
    """Every cell has the likeliest colour.

    Attributes:
        colours: of the task, by number.
        targets: for each output of the sheet ``[B, *out]`` numbers of colours; none for a test.
        weights: for each output of the sheet ``[B, *out]``: what the cross entropy of each cell counts: an
            equal share of one over all cells, and of another one over the cells that differ from the input;
            divided by the task's demonstrations.
    """

    colours: npt.NDArray[np.uint8]
    targets: tuple[Tensor, ...] = ()
    weights: tuple[Tensor, ...] = ()

    def said(self, network: Network, state: Tensor, sheet: Sheet) -> list[Tensor]:
        return network.model.logits(state, sheet, network.code)

    def loss(self, said: Sequence[Tensor]) -> Tensor:
        losses = [
            (F.cross_entropy(one, target, reduction="none") * weight).sum()
            for one, target, weight in zip(said, self.targets, self.weights, strict=True)
        ]
        return torch.stack(losses).sum()

    def right(self, said: Sequence[Tensor]) -> list[list[bool]]:
        return [
            (one.argmax(1) == target).flatten(1).all(1).tolist()
            for one, target in zip(said, self.targets, strict=True)
        ]

    def seen(self, output: int, logits: Tensor) -> Seen:
        probability, number = logits.softmax(0).max(0)
        return self.colours[number.numpy()], probability.numpy()

    def votes(self, output: int, logits: Tensor) -> list[tuple[Grid, float]]:
        highest, number = logits.log_softmax(0).max(0)
        return [(self.colours[number.numpy()], float(highest.mean().exp()))]


@dataclass(frozen=True)
class Chosen:
    """The likeliest piece of the input. Every output of the sheet is a single grid.

    Attributes:
        choices, pieces: of each grid.
        equal: for each grid ``[K]``: which pieces are its output; none for a test.
        share: what a demonstration counts, two in all.
    """

    choices: tuple[Choice, ...]
    pieces: tuple[Pieces, ...]
    equal: tuple[Tensor, ...] = ()
    share: float = 0.0

    def said(self, network: Network, state: Tensor, sheet: Sheet) -> list[Tensor]:
        return network.picker.scores(state, self.choices)

    def loss(self, said: Sequence[Tensor]) -> Tensor:
        """Minus the logarithm of the probability of all pieces that are right."""
        pairs = zip(said, self.equal, strict=True)
        return (
            -self.share
            * torch.stack([one[0].log_softmax(0)[equal].logsumexp(0) for one, equal in pairs]).sum()
        )

    def right(self, said: Sequence[Tensor]) -> list[list[bool]]:
        return [[bool(equal[one[0].argmax()])] for one, equal in zip(said, self.equal, strict=True)]

    def seen(self, output: int, logits: Tensor) -> Seen:
        (grid, share), *_ = self.votes(output, logits)
        return grid, np.full(grid.shape, share, np.float32)

    def votes(self, output: int, logits: Tensor) -> list[tuple[Grid, float]]:
        """Equal pieces count together; the likeliest first, and none with less than a hundredth but that."""
        totals: dict[tuple[tuple[int, ...], bytes], float] = {}
        grids: dict[tuple[tuple[int, ...], bytes], Grid] = {}
        for grid, share in zip(self.pieces[output].contents, logits.softmax(0).tolist(), strict=True):
            key = grid.shape, grid.tobytes()
            grids.setdefault(key, grid)
            totals[key] = totals.get(key, 0.0) + share
        best, *others = sorted(totals, key=lambda key: -totals[key])
        kept = [best, *(key for key in others if totals[key] >= 0.01)]
        return [(grids[key], totals[key]) for key in kept]
