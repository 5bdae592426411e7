"""An ARC task: a few pairs of grids that show a rule, and inputs to apply it to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trmcli.errors import Origin

Grid = npt.NDArray[np.uint8]
"""``[height, width]`` colours from 0 to 9; 1 to 30 cells each way."""


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


def digest(grid: Grid) -> str:
    """Twelve characters that tell a grid from others."""
    import hashlib  # loads OpenSSL, which few commands need

    return hashlib.sha256(bytes(grid.shape) + np.ascontiguousarray(grid).tobytes()).hexdigest()[:12]
