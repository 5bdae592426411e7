"""A short replay that tests of pages and pictures share."""

from __future__ import annotations

import numpy as np

from trmcli.errors import Origin
from trmcli.solving.answers import Frame, settle
from trmcli.tasks import get_task
from trmcli.tasks.base import Cells, Puzzle
from trmcli.ui.replay import Replay

SUDOKU, MAZE = get_task("sudoku"), get_task("maze")
QUESTION = np.array([[1, 0, 0, 4], [0, 0, 1, 0], [0, 1, 0, 0], [2, 0, 0, 1]], dtype=np.uint8)
WRONG = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [4, 1, 3, 3], [2, 3, 4, 1]], dtype=np.uint8)
RIGHT = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [4, 1, 2, 3], [2, 3, 4, 1]], dtype=np.uint8)


def frame(cells: Cells, attempt: int, step: int, confidence: float = 0.5, checked: bool = False) -> Frame:
    sure = np.full(cells.shape, confidence, dtype=np.float32)
    seconds, supposed = 0.1 * (attempt + step), (1,) if attempt > 1 else ()
    return Frame(attempt, step, cells, sure, 0.25 * attempt, checked, seconds, supposed)


def two_tries(verdict: str, name: str) -> Replay:
    """Of a 4x4 Sudoku, which comes from an input of that name."""
    frames = [frame(WRONG, 1, 1), frame(WRONG, 1, 2, 0.75), frame(RIGHT, 2, 1, 1.0, True)]
    return Replay(SUDOKU, frames, settle(Puzzle(QUESTION, Origin(name)), frames), verdict)


def small_maze() -> Replay:
    """One try of a maze that has two rows."""
    question = Puzzle(np.array([[2, 0, 1], [0, 0, 3]], dtype=np.uint8), Origin("small"))
    answer = np.array([[2, 0, 1], [4, 4, 3]], dtype=np.uint8)
    frames = [frame(question.cells, 1, 1), frame(answer, 1, 2, 1.0, True)]
    return Replay(MAZE, frames, settle(question, frames), "solved and checked: step 2, try 1, 0.30 s", True)
