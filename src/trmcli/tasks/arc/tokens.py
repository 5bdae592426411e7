"""Grids as the paper's network sees them: 900 tokens of a canvas of 30x30, as the reference writes them.

A cell is its colour plus 2, 0 is the canvas around the grid, and a line of 1 runs along the grid's right and
lower edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.tasks.arc.task import LARGEST, ArcTask, Grid

SIDE = LARGEST
VOCAB_SIZE = 12
_AROUND, _EDGE, _FIRST = 0, 1, 2


def check_canvas(task: ArcTask) -> None:
    """Whether all grids of a task fit the canvas.

    Raises:
        InputError: one does not, for it is a single row or column.
    """
    grids = [*task.tests, *(task.answers or ())]
    grids += [side for pair in task.shown for side in (pair.question, pair.answer)]
    for height, width in (grid.shape for grid in grids):
        if max(height, width) > SIDE:
            message = f"has a grid of {height}x{width}: the paper's canvas has {SIDE}x{SIDE}"
            raise InputError(f"task {task.name}: {message}", task.origin)


def encode(grid: Grid, down: int = 0, across: int = 0) -> npt.NDArray[np.uint8]:
    """``[900]`` tokens of a grid, moved down and across."""
    height, width = grid.shape
    canvas = np.full((SIDE, SIDE), _AROUND, dtype=np.uint8)
    below, right = down + height, across + width
    canvas[down:below, across:right] = grid + _FIRST
    canvas[below : below + 1, across:right] = _EDGE
    canvas[down:below, right : right + 1] = _EDGE
    return canvas.ravel()


def decode(tokens: npt.NDArray[Any]) -> Grid:
    """The largest rectangle of colours at the upper left of ``[900]`` tokens; empty where there is none."""
    colours = (tokens >= _FIRST) & (tokens < VOCAB_SIZE)
    canvas = tokens.reshape(SIDE, SIDE)
    # How far each row is filled from the left, and all rows down to it.
    filled = np.minimum.accumulate(np.cumprod(colours.reshape(SIDE, SIDE), axis=1).sum(axis=1))
    height = int(np.argmax(filled * np.arange(1, SIDE + 1))) + 1
    width = int(filled[height - 1])
    return (canvas[: height if width else 0, :width] - _FIRST).astype(np.uint8)


def located(tokens: npt.NDArray[Any]) -> Grid:
    """The grid on a canvas that holds a whole one, wherever it lies."""
    colours = tokens.reshape(SIDE, SIDE) >= _FIRST
    rows, columns = (np.flatnonzero(colours.any(axis=axis)) for axis in (1, 0))
    down, across = (slice(lines[0], lines[-1] + 1) if len(lines) else slice(0) for lines in (rows, columns))
    return (tokens.reshape(SIDE, SIDE)[down, across] - _FIRST).astype(np.uint8)
