"""Givens that a try takes upon itself: the surest doubtful cell, or a supposition."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trmcli.tasks.base import SURE, Ints, Shape, Supposition
from trmcli.tasks.sudoku.grid import peers

_UNLIKELY = 1e-3
"""Digits that are less probable are not supposed."""


def commit(
    questions: Ints, answers: Ints, confidence: npt.NDArray[np.float32], boxes: Shape | None = None
) -> Ints:
    """See :meth:`trmcli.tasks.task.Givens.commit`."""
    size = round(questions.shape[1] ** 0.5)
    same = (answers[:, :, None] == questions[:, None, :]) & peers(size, boxes)
    doubtful = (questions == 1) & (answers > 1) & (confidence < SURE) & ~same.any(axis=2)
    rows = np.flatnonzero(doubtful.any(axis=1))
    chosen = np.where(doubtful, confidence, -1.0).argmax(axis=1)[rows]
    committed: Ints = questions.copy()
    committed[rows, chosen] = answers[rows, chosen]
    return committed


def suppose(
    question: Ints, probabilities: npt.NDArray[np.float32], boxes: Shape | None = None
) -> list[Supposition]:
    """See :meth:`trmcli.tasks.task.Givens.suppose`."""
    size = round(len(question) ** 0.5)
    together = peers(size, boxes)[:, :, None]
    taken = (question[None, :, None] == np.arange(probabilities.shape[1])) & together
    likely = np.where(taken.any(axis=1), 0.0, probabilities)
    likely[:, :2] = likely[:, size + 2 :] = 0.0  # it must be a digit of this size
    # Of all blank cells the one whose second digit is the most probable halves the doubt best.
    second = np.where(question == 1, np.partition(likely, -2, axis=1)[:, -2], 0.0)
    cell = int(second.argmax())
    if second[cell] < _UNLIKELY:
        return []
    supposed = []
    for digit in np.flatnonzero(likely[cell] >= _UNLIKELY):
        with_it = question.copy()
        with_it[cell] = digit
        supposed.append(Supposition(with_it, float(likely[cell, digit])))
    return supposed
