"""An ARC task as batches of grids: what a member learns from and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model.sheet import Sheet
from trmcli.tasks.arc.canvas import Canvas, colours_of, lay
from trmcli.tasks.arc.shapes import Shape, background_of, guess_shapes
from trmcli.tasks.arc.task import ArcTask, Grid

MOST_ROWS = 10_000
"""Candidates that an update looks at together: beyond, more at once are not quicker and take memory."""


@dataclass(frozen=True)
class Batch:
    """Demonstrations of one shape.

    Attributes:
        sheet: the grids.
        target: ``[B, *out]`` numbers of colours.
        weight: ``[B, *out]``: what the cross entropy of each cell counts: an equal share of one over all
            cells, and of another one over the cells that differ from the input; divided by the task's
            demonstrations.
        pairs: numbers of the demonstrations.
    """

    sheet: Sheet
    target: Tensor
    weight: Tensor
    pairs: tuple[int, ...]


@dataclass(frozen=True)
class Problem:
    """A task, ready to be fitted.

    Attributes:
        colours: the colours by number.
        batches: the demonstrations.
        tests: for each test input a batch of one, or None where its output's size is not known.
    """

    colours: npt.NDArray[np.uint8]
    batches: tuple[Batch, ...]
    tests: tuple[Sheet | None, ...]

    @property
    def rows(self) -> int:
        """Candidates of all demonstrations."""
        return sum(batch.sheet.rows for batch in self.batches)

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
    groups: dict[tuple[object, ...], list[int]] = {}
    for pair, canvas in enumerate(shown):
        groups.setdefault(canvas.key, []).append(pair)
    batches = []
    for pairs in (part for group in groups.values() for part in _parts(group, shown, len(colours))):
        canvases = [shown[pair] for pair in pairs]
        targets = np.stack([canvas.target for canvas in canvases if canvas.target is not None])
        changed = np.stack([canvas.changed for canvas in canvases]).astype(np.float32)
        weight = 1 / targets[0].size + changed / np.maximum(changed.sum((1, 2), keepdims=True), 1)
        batches.append(
            Batch(
                _sheet(canvases, len(colours), number),
                torch.from_numpy(targets),
                torch.from_numpy(weight.astype(np.float32) / len(shown)),
                tuple(pairs),
            )
        )
    tests: list[Sheet | None] = []
    for question, guesses in zip(task.tests, shapes or guess_shapes(task), strict=True):
        if guesses:
            canvas = lay(question, guesses[guess % len(guesses)], colours, background)
            tests.append(_sheet([canvas], len(colours), number))
        else:
            tests.append(None)
    return Problem(colours, tuple(batches), tuple(tests))


def _parts(group: list[int], shown: Sequence[Canvas], colours: int) -> Iterator[list[int]]:
    """Demonstrations of one shape in batches that are not too large."""
    size = max(1, MOST_ROWS // (shown[group[0]].labels[0].size * colours))
    for first in range(0, len(group), size):
        yield group[first : first + size]


def _sheet(canvases: Sequence[Canvas], colours: int, background: int) -> Sheet:
    return Sheet.build(
        np.stack([canvas.views for canvas in canvases]),
        np.stack([canvas.labels for canvas in canvases]),
        np.stack([canvas.features for canvas in canvases]),
        background,
        colours,
        canvases[0].out,
        canvases[0].blocks,
        tuple(canvas.box for canvas in canvases if canvas.box is not None),
    )
