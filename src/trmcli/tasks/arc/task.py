"""An ARC task: a few pairs of grids that show a rule, and inputs to apply it to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trmcli.errors import Origin, shown

Grid = npt.NDArray[np.uint8]
"""``[height, width]`` colours from 0 to 9, of a size that :func:`is_size` allows."""

LARGEST = 30
"""Cells each way, at most."""
LONGEST = LARGEST**2
"""Cells of a single row or column, at most: tasks in one dimension (1D-ARC) have more than 30."""


def is_size(height: int, width: int) -> bool:
    """Whether a grid may be so large."""
    return min(height, width) >= 1 and max(height, width) <= (LONGEST if min(height, width) == 1 else LARGEST)


@dataclass(frozen=True)
class Pair:
    """An input and its output."""

    question: Grid
    answer: Grid


@dataclass(frozen=True)
class ArcTask:
    """One task.

    Attributes:
        name: as the collection calls it, or the file's name.
        shown: the demonstrations.
        tests: the inputs to be answered.
        answers: their outputs, where they are known: for scoring alone. No solver may look at them.
        origin: where it was read, for messages.
    """

    name: str
    shown: tuple[Pair, ...]
    tests: tuple[Grid, ...]
    answers: tuple[Grid, ...] | None
    origin: Origin

    @property
    def label(self) -> str:
        """The name as it is shown to people."""
        return shown(self.name)


def digest(grid: Grid) -> str:
    """Twelve characters that tell a grid from others."""
    import hashlib  # loads OpenSSL, which few commands need

    shape = bytes(min(side, 255) for side in grid.shape)  # longer lines are told apart by their cells
    return hashlib.sha256(shape + np.ascontiguousarray(grid).tobytes()).hexdigest()[:12]
