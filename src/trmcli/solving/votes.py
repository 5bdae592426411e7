"""The reference's vote over the views of ARC tasks, and its score (``evaluators/arc.py``).

Every prediction is brought back from its view. Equal grids for one test input are counted; the more frequent
come first, and of equally frequent ones those with the higher mean halting probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trmcli.tasks.arc.tally import Key, key_of
from trmcli.tasks.arc.task import Grid
from trmcli.tasks.arc.tokens import decode
from trmcli.tasks.arc.views import parse

PASSES = (1, 2, 5, 10, 100, 1000)
"""Numbers of attempts for which the reference tells the score."""


@dataclass(frozen=True)
class Vote:
    """What became of one grid.

    Attributes:
        count: predictions that give it.
        halt: their mean halting probability.
    """

    grid: Grid
    count: int
    halt: float


class Votes:
    """Gathers predictions, and puts the grids of each test input in order."""

    def __init__(self) -> None:
        self._grids: dict[Key, Grid] = {}
        self._cast: dict[tuple[str, Key], dict[Key, list[float]]] = {}

    def add(
        self,
        name: str,
        question: npt.NDArray[np.integer],
        answer: npt.NDArray[np.integer],
        halt: float,
    ) -> None:
        """Count one prediction.

        Args:
            name: the task's, in a view.
            question, answer: ``[900]`` tokens of the view.
            halt: the halting probability.

        Raises:
            InputError: the name is not that of a view.
        """
        task, view = parse(name)
        grid = view.back(decode(answer))
        self._grids.setdefault(key_of(grid), grid)
        votes = self._cast.setdefault((task, key_of(view.back(decode(question)))), {})
        votes.setdefault(key_of(grid), []).append(halt)

    def of(self, task: str, question: Grid) -> list[Vote]:
        """The grids that were predicted for a test input of a task, best first."""
        cast = self._cast.get((task, key_of(question)), {})
        votes = [Vote(self._grids[key], len(halts), sum(halts) / len(halts)) for key, halts in cast.items()]
        return sorted(votes, key=lambda vote: (vote.count, vote.halt), reverse=True)


def scores(
    votes: Votes, tests: Mapping[str, Sequence[tuple[Grid, Grid]]], passes: Iterable[int] = PASSES
) -> dict[int, float]:
    """pass@k by k: of each task the share of its tests that the first k grids answer, averaged over tasks.

    Args:
        tests: the test inputs and their outputs, by the task's name.
    """
    right = dict.fromkeys(passes, 0.0)
    for task, pairs in tests.items():
        for question, answer in pairs:
            order = [key_of(vote.grid) for vote in votes.of(task, question)]
            for k in right:
                right[k] += (key_of(answer) in order[:k]) / len(pairs)
    return {k: total / max(1, len(tests)) for k, total in right.items()}
