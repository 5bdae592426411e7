"""An ARC task as batches of grids: what a member learns from and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model.picker import Choice
from trmcli.model.sheet import Laid, Sheet
from trmcli.tasks.arc.canvas import Canvas, colours_of, lay
from trmcli.tasks.arc.pieces import Pieces, demonstrates_pieces, pieces_of
from trmcli.tasks.arc.shapes import Shape, background_of, guess_shapes
from trmcli.tasks.arc.task import ArcTask, Grid
from trmcli.training.readings import Chosen, Painted, Reading

MOST_ROWS = 10_000
"""Candidates that an update looks at: beyond, more at once are not quicker and take memory."""


@dataclass(frozen=True)
class Batch:
    """Demonstrations that are looked at together.

    Attributes:
        sheet: the grids.
        reading: how their outputs are read, and what is right.
        pairs: for each output of the sheet the numbers of the demonstrations.
    """

    sheet: Sheet
    reading: Reading
    pairs: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Asked:
    """A test input.

    Attributes:
        sheet: the grid alone.
        reading: how its output is read.
    """

    sheet: Sheet
    reading: Reading


@dataclass(frozen=True)
class Problem:
    """A task, ready to be fitted.

    Attributes:
        colours: the colours by number.
        common: ``[C]``: which of them every demonstration shows.
        batches: the demonstrations.
        tests: the test inputs, or None where an output's size is not known.
    """

    colours: npt.NDArray[np.uint8]
    common: Tensor
    batches: tuple[Batch, ...]
    tests: tuple[Asked | None, ...]

    @property
    def rows(self) -> int:
        """Candidates of all demonstrations."""
        return sum(batch.sheet.rows for batch in self.batches)

    @property
    def pairs(self) -> int:
        """Demonstrations."""
        return sum(len(pairs) for batch in self.batches for pairs in batch.pairs)


def prepare(task: ArcTask, guess: int = 0, shapes: Sequence[Sequence[Shape]] | None = None) -> Problem:
    """Lay out a task.

    Args:
        task: its answers are not looked at.
        guess: which guess of the outputs' sizes to take, counted round where there are fewer.
        shapes: guesses for each test input instead of :func:`~trmcli.tasks.arc.shapes.guess_shapes`.
    """
    colours = colours_of(task)
    shows = [np.union1d(pair.question, pair.answer) for pair in task.shown]
    common = torch.from_numpy(np.all([np.isin(colours, seen) for seen in shows], axis=0))
    if shapes is None and demonstrates_pieces(task):
        return Problem(colours, common, *_to_choose(task, colours))
    return Problem(colours, common, *_to_paint(task, colours, guess, shapes or guess_shapes(task)))


_LaidOut = tuple[tuple[Batch, ...], tuple[Asked | None, ...]]


def _to_paint(
    task: ArcTask, colours: npt.NDArray[np.uint8], guess: int, shapes: Sequence[Sequence[Shape]]
) -> _LaidOut:
    """Every cell of an output gets a colour."""
    background, number = background_of(task), _number_of_background(task, colours)
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
        batches.append(Batch(sheet, Painted(colours, tuple(targets), tuple(weights)), pairs))
    tests: list[Asked | None] = []
    for question, guesses in zip(task.tests, shapes, strict=True):
        if guesses:
            canvas = lay(question, guesses[guess % len(guesses)], colours, background)
            tests.append(Asked(Sheet.build([_laid([canvas])], number, len(colours)), Painted(colours)))
        else:
            tests.append(None)
    return tuple(batches), tuple(tests)


def _to_choose(task: ArcTask, colours: npt.NDArray[np.uint8]) -> _LaidOut:
    """Outputs are pieces of inputs (:mod:`trmcli.tasks.arc.pieces`), which lie on the canvas as they are."""
    background, number = background_of(task), _number_of_background(task, colours)

    def laid(question: Grid) -> Canvas:
        return lay(question, (question.shape[0], question.shape[1]), colours, background)

    def asked(canvases: Sequence[Canvas], pieces: Sequence[Pieces]) -> tuple[Sheet, tuple[Choice, ...]]:
        sheet = Sheet.build([_laid([canvas]) for canvas in canvases], number, len(colours))
        cells = sheet.rows // len(colours)
        choices, first = [], 0
        for canvas, one in zip(canvases, pieces, strict=True):
            has = canvas.views[0].ravel()
            own = has * cells + first + np.arange(has.size)
            choices.append(Choice.build(own, canvas.out, one.boxes, one.features))
            first += has.size
        return sheet, tuple(choices)

    shown = [laid(pair.question) for pair in task.shown]
    batches = []
    for parts in _together(shown, len(colours)):
        pairs = [pair for part in parts for pair in part]
        pieces = [pieces_of(task.shown[pair].question, background) for pair in pairs]
        equal = [
            torch.from_numpy(one.equal(task.shown[pair].answer))
            for pair, one in zip(pairs, pieces, strict=True)
        ]
        sheet, choices = asked([shown[pair] for pair in pairs], pieces)
        reading = Chosen(choices, tuple(pieces), tuple(equal), 2 / len(shown))
        batches.append(Batch(sheet, reading, tuple((pair,) for pair in pairs)))
    tests = []
    for question in task.tests:
        pieces = [pieces_of(question, background)]
        sheet, choices = asked([laid(question)], pieces)
        tests.append(Asked(sheet, Chosen(choices, tuple(pieces))))
    return tuple(batches), tuple(tests)


def _number_of_background(task: ArcTask, colours: npt.NDArray[np.uint8]) -> int:
    background = background_of(task)
    return int(np.flatnonzero(colours == background)[0]) if background in colours else -1


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
