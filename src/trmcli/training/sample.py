"""One held-out puzzle, always the same: how the averaged weights leave it at an evaluation.

It is the first of those that are evaluated anyway, so that to show it costs nothing and changes nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trmcli.tasks.base import Bools, Cells, Ints, Shape
    from trmcli.tasks.task import Task

MOST_CELLS = 32 * 32
"""Of larger puzzles no sample is kept: they are not drawn, and every evaluation would add them to the log."""


@dataclass(frozen=True)
class Sample:
    """A puzzle and an answer to it, cell by cell in row-major order, as the log keeps them.

    Attributes:
        shape: height and width.
        question: the kind's own values.
        answer: the same of the answer.
        wrong: indices of cells that are not as they should be; none if the rules accept the answer.
        steps: supervision steps that it took.
    """

    shape: Shape
    question: tuple[int, ...]
    answer: tuple[int, ...]
    wrong: tuple[int, ...]
    steps: int

    @property
    def grids(self) -> tuple[Cells, Cells]:
        """Question and answer, ``[height, width]`` each."""
        import numpy as np

        question, answer = (np.array(one, dtype=np.uint8) for one in (self.question, self.answer))
        return question.reshape(self.shape), answer.reshape(self.shape)

    @staticmethod
    def of(
        task: Task, shape: Shape, question: Ints, known: Ints, answer: Ints, right: bool, steps: int
    ) -> Sample | None:
        """From ``[L]`` tokens of question, known answer (0 where nobody knows) and present answer; None if
        the puzzle is too large."""
        import numpy as np

        if question.size > MOST_CELLS:
            return None
        # Several tokens may stand for one value, as in mazes.
        asked, wanted, given = task.codec.decode(np.stack([question, known, answer]), shape).reshape(3, -1)
        wrong: Bools = (given != wanted) & (known != 0) & (not right)
        return Sample(
            shape,
            tuple(asked.tolist()),
            tuple(given.tolist()),
            tuple(np.flatnonzero(wrong).tolist()),
            steps,
        )

    @staticmethod
    def read(values: Any) -> Sample | None:
        """From a line of the log; None if it holds none, or none that is whole."""
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            height, width = map(int, values["shape"])
            cells = height * width
            question, answer, wrong = (
                tuple(map(int, values[key])) for key in ("question", "answer", "wrong")
            )
            whole = min(height, width) > 0 and cells <= MOST_CELLS
            whole &= len(question) == len(answer) == cells and all(0 <= cell < cells for cell in wrong)
            if whole and all(0 <= value < 256 for value in (*question, *answer)):
                return Sample((height, width), question, answer, wrong, int(values["steps"]))
        return None
