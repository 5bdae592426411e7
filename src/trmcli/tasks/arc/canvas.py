"""A pair of grids laid on one canvas, in numbers of the task's colours: what a network is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trmcli.tasks.arc.objects import connected, object_features
from trmcli.tasks.arc.shapes import Shape
from trmcli.tasks.arc.task import ArcTask, Grid

Numbers = npt.NDArray[np.int64]

_OUTSIDE = 10
"""What stands for cells that the input does not have; not a colour."""


@dataclass(frozen=True)
class Canvas:
    """An input, and the output that it has, should have or may have. H and W are the larger sides of both.

    Attributes:
        views: ``[1 or 3, H, W]``: the input as it is; if the canvas is larger, also scaled to it and tiled
            over it. Numbers of colours, -1 outside of the input.
        labels: ``[2, H, W]``: objects of one colour, and of any but the background, by number.
        features: ``[H, W, 10]``, see :func:`~trmcli.tasks.arc.objects.object_features`.
        out: height and width of the output.
        blocks: ``[rows, columns, height, width]``: the cells of at least two equal blocks that make up the
            canvas, perhaps with lines between: those of the output's size if there are such, else those that
            lines of one colour leave, which go through the whole input; or None.
        box: corner of the box around what is not background, if it is of the output's size.
        target: ``[*out]`` numbers of colours, or None.
        changed: ``[*out]``: where the target differs from the input; everywhere if their sizes do.
    """

    views: Numbers
    labels: Numbers
    features: npt.NDArray[np.float32]
    out: Shape
    blocks: Numbers | None
    box: tuple[int, int] | None
    target: Numbers | None
    changed: npt.NDArray[np.bool_]


def colours_of(task: ArcTask) -> npt.NDArray[np.uint8]:
    """The colours of the demonstrations and of the test inputs, in order."""
    grids = [grid for pair in task.shown for grid in (pair.question, pair.answer)] + list(task.tests)
    return np.unique(np.concatenate([grid.ravel() for grid in grids])).astype(np.uint8)


def lay(
    question: Grid, out: Shape, colours: npt.NDArray[np.uint8], background: int, answer: Grid | None = None
) -> Canvas:
    """Lay an input, and the output if it is known, on a canvas."""
    height, width = question.shape
    tall, wide = max(height, out[0]), max(width, out[1])
    numbers = np.full(_OUTSIDE + 1, -1)
    numbers[colours] = np.arange(len(colours))
    as_it_is = np.full((tall, wide), _OUTSIDE)
    as_it_is[:height, :width] = question
    rows, columns = np.arange(tall), np.arange(wide)
    scaled = question[np.ix_(rows * height // tall, columns * width // wide)]
    views = [as_it_is]
    if (tall, wide) != (height, width):
        views += [scaled, question[np.ix_(rows % height, columns % width)]]
    source = scaled if tall % height == 0 and wide % width == 0 else as_it_is
    target = None if answer is None else numbers[answer]
    changed = np.ones(out, bool) if answer is None or out != (height, width) else answer != question
    blocks = None if out == (tall, wide) else _blocks_of_size(tall, wide, out)
    if blocks is None and (tall, wide) == (height, width):
        blocks = _blocks_between_lines(question)
    return Canvas(
        numbers[np.stack(views)],
        np.stack((connected(source, True), connected((source != background).astype(np.int64), True))),
        object_features(source, background),
        out,
        blocks,
        None if out == (tall, wide) else _box(question != background, out),
        target,
        changed,
    )


def _blocks_of_size(height: int, width: int, size: Shape) -> Numbers | None:
    for line in (0, 1):
        (down, over), (across, beyond) = (
            divmod(height + line, size[0] + line),
            divmod(width + line, size[1] + line),
        )
        if over == beyond == 0 and down * across > 1:
            tops, lefts = range(0, height, size[0] + line), range(0, width, size[1] + line)
            return _cells(tops, lefts, size, width)
    return None


def _blocks_between_lines(grid: Grid) -> Numbers | None:
    for colour in np.unique(grid):
        (tops, heights), (lefts, widths) = (_between((grid == colour).all(axis)) for axis in (1, 0))
        if len(heights) == len(widths) == 1 and len(tops) * len(lefts) > 1:
            size = heights.pop(), widths.pop()
            if size != (1, 1):
                return _cells(tops, lefts, size, grid.shape[1])
    return None


def _cells(tops: Sequence[int], lefts: Sequence[int], size: Shape, width: int) -> Numbers:
    """The cells of blocks of this size, from their first rows and columns on a canvas so wide."""
    rows = np.array(tops)[:, None] + np.arange(size[0])
    columns = np.array(lefts)[:, None] + np.arange(size[1])
    return rows[:, None, :, None] * width + columns[:, None]


def _between(lines: npt.NDArray[np.bool_]) -> tuple[tuple[int, ...], set[int]]:
    """Where the runs of what is no line begin, and their lengths."""
    steps = np.diff(np.concatenate(([True], lines, [True])).astype(np.int8))
    first, end = np.flatnonzero(steps == -1), np.flatnonzero(steps == 1)
    return tuple(first.tolist()), set((end - first).tolist())


def _box(lit: npt.NDArray[np.bool_], out: Shape) -> tuple[int, int] | None:
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    if len(rows) and (np.ptp(rows) + 1, np.ptp(columns) + 1) == out:
        return int(rows[0]), int(columns[0])
    return None
