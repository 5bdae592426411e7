"""Examples for training: whole datasets in memory as token arrays, fresh symmetries for every draw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trmcli.tasks.base import Ints, Shape
from trmcli.tasks.task import Task
from trmcli.training.config import TrainConfig


@dataclass(frozen=True)
class Examples:
    """Puzzles of one shape with their answers: ``[N, L]`` tokens each, kept as uint8.

    ``identifiers`` is ``[N]``, the row of each in the table of puzzle embeddings; None where the source does
    not number its puzzles, so that all share row 0.
    """

    shape: Shape
    questions: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
    answers: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
    identifiers: Ints | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def num_puzzles(self) -> int:
        """Rows of the table of puzzle embeddings that these examples need."""
        return 1 if self.identifiers is None else 1 + int(self.identifiers.max(initial=0))

    def rows(self, rows: Ints) -> Examples:
        """Some of the examples."""
        identifiers = None if self.identifiers is None else self.identifiers[rows]
        return Examples(self.shape, self.questions[rows], self.answers[rows], identifiers=identifiers)

    def split(self, count: int, seed: int) -> tuple[Examples, Examples]:
        """Two parts without overlap: all but ``count`` random examples, and those."""
        order = np.random.default_rng(seed).permutation(len(self))
        held, kept = np.sort(order[:count]), np.sort(order[count:])
        return self.rows(kept), self.rows(held)

    def draw(
        self, task: Task, slots: Ints, step: int, config: TrainConfig, rng: np.random.Generator
    ) -> tuple[Ints, Ints, Ints]:
        """Random examples under random symmetries, some made easier, for these places of a batch.

        Returns:
            Tokens and labels, ``[len(slots), L]`` each, and ``[len(slots)]`` identifiers of the puzzles.
        """
        count = len(slots)
        rows = rng.integers(len(self), size=count)
        questions, answers = self.questions[rows].astype(np.int64), self.answers[rows].astype(np.int64)
        symmetry = task.views.symmetries(self.shape, count, rng)
        questions, answers = symmetry.apply(questions), symmetry.apply(answers)
        if task.structure is not None:
            answers = task.structure.canonical(questions, answers, self.shape)
        if config.reveal_max:
            revealed = rng.integers(config.reveal_max + 1, size=count)
            revealed[rng.random(count) >= config.reveal_share] = 0
            if task.givens is not None:
                questions = task.givens.reveal(questions, answers, revealed, rng)
        shared = np.zeros(count, dtype=np.int64)
        return questions, answers, shared if self.identifiers is None else self.identifiers[rows]
