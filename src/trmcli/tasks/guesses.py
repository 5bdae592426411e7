"""What may be done with open cells: told, taken as given by a try, or supposed. Token 1 is an open cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trmcli.tasks.base import SURE, Bools, Ints, Supposition

OPEN = 1
"""The token of an open cell; those of values come after it."""

_UNLIKELY = 1e-3
"""Values that are less probable are not supposed."""


def reveal(question: Ints, answer: Ints, count: Ints, rng: np.random.Generator) -> Ints:
    """See :meth:`trmcli.tasks.task.Givens.reveal`."""
    order = np.where(question == OPEN, rng.random(question.shape), 2.0).argsort(axis=1).argsort(axis=1)
    return np.where((question == OPEN) & (order < count[:, None]), answer, question)


def commit(
    questions: Ints, answers: Ints, confidence: npt.NDArray[np.float32], refuted: Bools | None = None
) -> Ints:
    """See :meth:`trmcli.tasks.task.Givens.commit`. What the givens refute (``[B, L]``) is not committed."""
    doubtful = (questions == OPEN) & (answers > OPEN) & (confidence < SURE)
    if refuted is not None:
        doubtful &= ~refuted
    rows = np.flatnonzero(doubtful.any(axis=1))
    chosen = np.where(doubtful, confidence, -1.0).argmax(axis=1)[rows]
    committed: Ints = questions.copy()
    committed[rows, chosen] = answers[rows, chosen]
    return committed


def suppose(question: Ints, likely: npt.NDArray[np.float32]) -> list[Supposition]:
    """See :meth:`trmcli.tasks.task.Givens.suppose`. What the givens refute is not ``likely``."""
    likely = likely.copy()
    likely[:, : OPEN + 1] = 0.0
    # Of all open cells the one whose second value is the most probable halves the doubt best.
    second = np.where(question == OPEN, np.partition(likely, -2, axis=1)[:, -2], 0.0)
    cell = int(second.argmax())
    if second[cell] < _UNLIKELY:
        return []
    supposed = []
    for value in np.flatnonzero(likely[cell] >= _UNLIKELY):
        with_it = question.copy()
        with_it[cell] = value
        supposed.append(Supposition(with_it, float(likely[cell, value])))
    return supposed
