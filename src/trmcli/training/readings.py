"""How an answer is read from what a network makes of a grid: painted cell by cell, or chosen among pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor

from trmcli.model.cells import CellsModel, TaskCode
from trmcli.model.picker import Choice, Picker
from trmcli.model.sheet import Sheet
from trmcli.tasks.arc.pieces import Pieces
from trmcli.tasks.arc.tally import Tally
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
    """Reads what a network makes of one grid."""

    def said(self, network: Network, state: Tensor, sheet: Sheet) -> Tensor:
        """Logits."""
        ...

    def loss(self, said: Tensor) -> Tensor:
        """Of a demonstration: its part of two, shared evenly among the task's."""
        ...

    def right(self, said: Tensor) -> bool:
        """Whether a demonstration's output is the likeliest."""
        ...

    def seen(self, said: Tensor) -> Seen:
        """The likeliest grid."""
        ...

    def votes(self, said: Tensor) -> list[tuple[Grid, float]]:
        """Grids, and how much is for each of them; the likeliest first."""
        ...


@dataclass(frozen=True)
class Painted:
    """Every cell has the likeliest colour; logits are ``[C, *out]``.

    Attributes:
        colours: of the task, by number.
        target: ``[*out]`` numbers of colours; None of a test.
        weight: ``[*out]``: what the cross entropy of each cell counts: an equal share of one over all
            cells, and of another one over the cells that differ from the input; divided by the number of the
            task's demonstrations.
    """

    colours: npt.NDArray[np.uint8]
    target: Tensor | None = None
    weight: Tensor | None = None

    def said(self, network: Network, state: Tensor, sheet: Sheet) -> Tensor:
        return network.model.logits(state, sheet, network.code)

    def loss(self, said: Tensor) -> Tensor:
        assert self.target is not None and self.weight is not None
        return (F.cross_entropy(said[None], self.target[None], reduction="none")[0] * self.weight).sum()

    def right(self, said: Tensor) -> bool:
        assert self.target is not None
        return bool((said.argmax(0) == self.target).all())

    def seen(self, said: Tensor) -> Seen:
        probability, number = said.softmax(0).max(0)
        return self.colours[number.numpy()], probability.numpy()

    def votes(self, said: Tensor) -> list[tuple[Grid, float]]:
        highest, number = said.log_softmax(0).max(0)
        return [(self.colours[number.numpy()], float(highest.mean().exp()))]


@dataclass(frozen=True)
class Chosen:
    """The likeliest of the K pieces of the input; logits are ``[K]``.

    Attributes:
        choice, pieces: of the grid.
        equal: ``[K]``: which pieces are its output; None of a test.
        share: what a demonstration counts.
    """

    choice: Choice
    pieces: Pieces
    equal: Tensor | None
    share: float

    def said(self, network: Network, state: Tensor, sheet: Sheet) -> Tensor:
        return network.picker.scores(state, self.choice)

    def loss(self, said: Tensor) -> Tensor:
        """Minus the logarithm of the probability of all pieces that are right."""
        assert self.equal is not None
        return -self.share * said.log_softmax(0)[self.equal].logsumexp(0)

    def right(self, said: Tensor) -> bool:
        assert self.equal is not None
        return bool(self.equal[said.argmax()])

    def seen(self, said: Tensor) -> Seen:
        (grid, share), *_ = self.votes(said)
        return grid, np.full(grid.shape, share, np.float32)

    def votes(self, said: Tensor) -> list[tuple[Grid, float]]:
        """Equal pieces count together; others than the best are left out with less than a hundredth."""
        tally = Tally()
        for grid, share in zip(self.pieces.contents, said.softmax(0).tolist(), strict=True):
            tally.add(grid, share)
        best, *others = tally.best()
        return [best, *(other for other in others if other[1] >= 0.01)]
