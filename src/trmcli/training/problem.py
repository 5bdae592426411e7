"""An ARC task as grids on canvases: what a member learns from and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model.picker import Choice
from trmcli.model.sheet import Output, Sheet
from trmcli.tasks.arc.canvas import Canvas, colours_of, lay
from trmcli.tasks.arc.pieces import Pieces, pieces_to_choose
from trmcli.tasks.arc.shapes import Shape, background_of, guess_shapes
from trmcli.tasks.arc.task import ArcTask, Grid
from trmcli.training.readings import Chosen, Painted, Reading


@dataclass(frozen=True)
class Shown:
    """A demonstration, or a test input whose output is to be found.

    Attributes:
        sheet: the grid alone.
        reading: how its output is read and, of a demonstration, what is right.
    """

    sheet: Sheet
    reading: Reading


@dataclass(frozen=True)
class Problem:
    """A task, ready to be fitted.

    Attributes:
        colours: the colours by number.
        common: ``[C]``: which of them every demonstration shows.
        shown: the demonstrations.
        tests: the test inputs, or None where an output's size is not known.
    """

    colours: npt.NDArray[np.uint8]
    common: Tensor
    shown: tuple[Shown, ...]
    tests: tuple[Shown | None, ...]

    @property
    def rows(self) -> int:
        """Candidates of all demonstrations."""
        return sum(one.sheet.rows for one in self.shown)


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
    if shapes is None and (pieces := pieces_to_choose(task)) is not None:
        return Problem(colours, common, *_to_choose(task, colours, *pieces))
    return Problem(colours, common, *_to_paint(task, colours, guess, shapes or guess_shapes(task)))


_LaidOut = tuple[tuple[Shown, ...], tuple[Shown | None, ...]]


def _to_paint(
    task: ArcTask, colours: npt.NDArray[np.uint8], guess: int, shapes: Sequence[Sequence[Shape]]
) -> _LaidOut:
    """Every cell of an output gets a colour."""
    background, number = background_of(task), _number_of_background(task, colours)

    def laid(question: Grid, out: Shape, answer: Grid | None = None) -> Shown:
        canvas = lay(question, out, colours, background, answer)
        sheet = _sheet(canvas, number, len(colours))
        if canvas.target is None:
            return Shown(sheet, Painted(colours))
        changed = canvas.changed.astype(np.float32)
        weight = (1 / canvas.target.size + changed / max(changed.sum(), 1)) / len(task.shown)
        target, share = torch.from_numpy(canvas.target), torch.from_numpy(weight.astype(np.float32))
        return Shown(sheet, Painted(colours, target, share))

    shown = [
        laid(pair.question, (pair.answer.shape[0], pair.answer.shape[1]), pair.answer) for pair in task.shown
    ]
    tests = [
        laid(question, guesses[guess % len(guesses)]) if guesses else None
        for question, guesses in zip(task.tests, shapes, strict=True)
    ]
    return tuple(shown), tuple(tests)


def _to_choose(
    task: ArcTask, colours: npt.NDArray[np.uint8], of_shown: Sequence[Pieces], of_tests: Sequence[Pieces]
) -> _LaidOut:
    """Outputs are pieces of inputs (:mod:`trmcli.tasks.arc.pieces`), which lie on the canvas as they are."""
    background, number = background_of(task), _number_of_background(task, colours)

    def laid(question: Grid, pieces: Pieces, answer: Grid | None = None) -> Shown:
        canvas = lay(question, (question.shape[0], question.shape[1]), colours, background)
        own = canvas.views[0].ravel() * question.size + np.arange(question.size)
        choice = Choice.build(own, canvas.out, pieces.boxes, pieces.features)
        equal = None if answer is None else torch.from_numpy(pieces.equal(answer))
        sheet = _sheet(canvas, number, len(colours))
        return Shown(sheet, Chosen(choice, pieces, equal, 2 / len(task.shown)))

    pairs = zip(task.shown, of_shown, strict=True)
    shown = tuple(laid(pair.question, pieces, pair.answer) for pair, pieces in pairs)
    return shown, tuple(map(laid, task.tests, of_tests))


def _number_of_background(task: ArcTask, colours: npt.NDArray[np.uint8]) -> int:
    background = background_of(task)
    return int(np.flatnonzero(colours == background)[0]) if background in colours else -1


def _sheet(canvas: Canvas, background: int, colours: int) -> Sheet:
    blocks, corners = canvas.blocks, []
    if blocks is not None and blocks.shape[2:] == canvas.out:
        corners = [divmod(corner, canvas.views.shape[2]) for corner in blocks[:, :, 0, 0].ravel().tolist()]
    output = Output(canvas.out, tuple(corners), canvas.box)
    return Sheet.build(canvas.views, canvas.labels, canvas.features, output, blocks, background, colours)
