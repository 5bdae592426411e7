"""An ARC task as batches of grids: what a member learns from and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model.sheet import Laid, Sheet
from trmcli.tasks.arc.canvas import Canvas, colours_of, lay
from trmcli.tasks.arc.shapes import Shape, background_of, guess_shapes
from trmcli.tasks.arc.task import ArcTask, Grid

MOST_ROWS = 10_000
"""Candidates that an update looks at together: beyond, more at once are not quicker and take memory."""


@dataclass(frozen=True)
class Batch:
    """Demonstrations that are looked at together.

    Attributes:
        sheet: the grids.
        targets: for each output of the sheet ``[B, *out]`` numbers of colours.
        weights: for each output of the sheet ``[B, *out]``: what the cross entropy of each cell counts: an
            equal share of one over all cells, and of another one over the cells that differ from the input;
            divided by the task's demonstrations.
        pairs: for each output of the sheet the numbers of the demonstrations.
    """

    sheet: Sheet
    targets: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    pairs: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Problem:
    """A task, ready to be fitted.

    Attributes:
        colours: the colours by number.
        common: ``[C]``: which of them every demonstration shows.
        batches: the demonstrations.
        tests: for each test input a batch of one, or None where its output's size is not known.
    """

    colours: npt.NDArray[np.uint8]
    common: Tensor
    batches: tuple[Batch, ...]
    tests: tuple[Sheet | None, ...]

    @property
    def rows(self) -> int:
        """Candidates of all demonstrations."""
        return sum(batch.sheet.rows for batch in self.batches)

    @property
    def pairs(self) -> int:
        """Demonstrations."""
        return sum(len(pairs) for batch in self.batches for pairs in batch.pairs)

    def grid(self, numbers: Tensor) -> Grid:
        """Colours ``[height, width]`` from numbers of colours."""
        grid: Grid = self.colours[numbers.numpy()]
        return grid


def prepare(task: ArcTask, guess: int = 0, shapes: Sequence[Sequence[Shape]] | None = None) -> Problem:
    """Lay out a task.

    Args:
        task: its answers are not looked at.
        guess: which guess of the outputs' sizes to take, counted round where there are fewer.
        shapes: guesses for each test input instead of :func:`~trmcli.tasks.arc.shapes.guess_shapes`.
    """
    colours, background = colours_of(task), background_of(task)
    number = int(np.flatnonzero(colours == background)[0]) if background in colours else -1
    shown = [
        lay(pair.question, (pair.answer.shape[0], pair.answer.shape[1]), colours, background, pair.answer)
        for pair in task.shown
    ]
    batches = []
    for pairs in _together(shown, len(colours)):
        parts = [[shown[pair] for pair in part] for part in pairs]
        targets, weights = [], []
        for part in parts:
            target = np.stack([canvas.target for canvas in part if canvas.target is not None])
            changed = np.stack([canvas.changed for canvas in part]).astype(np.float32)
            weight = 1 / target[0].size + changed / np.maximum(changed.sum((1, 2), keepdims=True), 1)
            targets.append(torch.from_numpy(target))
            weights.append(torch.from_numpy(weight.astype(np.float32) / len(shown)))
        sheet = Sheet.build([_laid(part) for part in parts], number, len(colours))
        batches.append(Batch(sheet, tuple(targets), tuple(weights), pairs))
    tests: list[Sheet | None] = []
    for question, guesses in zip(task.tests, shapes or guess_shapes(task), strict=True):
        if guesses:
            canvas = lay(question, guesses[guess % len(guesses)], colours, background)
            tests.append(Sheet.build([_laid([canvas])], number, len(colours)))
        else:
            tests.append(None)
    shows = [np.union1d(pair.question, pair.answer) for pair in task.shown]
    common = np.all([np.isin(colours, seen) for seen in shows], axis=0)
    return Problem(colours, torch.from_numpy(common), tuple(batches), tuple(tests))


def _together(shown: Sequence[Canvas], colours: int) -> list[tuple[tuple[int, ...], ...]]:
    """Demonstrations for each batch, of one kind in each part, those of one shape beside each other.

    Batches are not too large.
    """
    pairs = sorted(range(len(shown)), key=lambda pair: shown[pair].key)
    batches: list[list[int]] = []
    rows = MOST_ROWS
    for pair in pairs:
        more = shown[pair].labels[0].size * colours
        if rows + more > MOST_ROWS:
            batches.append([])
            rows = 0
        batches[-1].append(pair)
        rows += more
    return [
        tuple(tuple(alike) for _, alike in groupby(batch, key=lambda pair: shown[pair].key))
        for batch in batches
    ]


def _laid(canvases: Sequence[Canvas]) -> Laid:
    return Laid(
        np.stack([canvas.views for canvas in canvases]),
        np.stack([canvas.labels for canvas in canvases]),
        np.stack([canvas.features for canvas in canvases]),
        canvases[0].out,
        canvases[0].blocks,
        tuple(canvas.box for canvas in canvases if canvas.box is not None),
    )
