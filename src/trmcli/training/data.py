"""Examples for training: whole datasets in memory as token arrays, fresh symmetries for every draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from trmcli.errors import InputError
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Cells, Ints, Shape
from trmcli.tasks.task import Task
from trmcli.training.config import DataConfig, TrainConfig


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


def load_examples(
    task: Task,
    data: DataConfig,
    seed: int,
    split: str = "train",
    generated: Callable[[int, int], None] = lambda made, count: None,
) -> Examples:
    """Read or generate the examples of one source.

    Args:
        split: which ones, if it is a folder of the reference.
        generated: is told now and then how many are made, of how many.

    Raises:
        InputError: if the source holds puzzles without answers, of several shapes, or none at all.
    """
    from trmcli.training.reference_data import is_dataset, read_dataset

    stored = task.text.stored(Path(data.source), split)
    if stored is None and is_dataset(data.source, split):
        return read_dataset(Path(data.source), split, task)
    if data.source == "generated":
        if task.maker is None:
            raise InputError(f"the task {task.name} has no generator")
        questions, answers = task.maker.make(data.count, seed, data.options, generated)
    else:
        cells: list[tuple[Cells, Cells]] = []
        for puzzle in stored or (puzzle for _, puzzle in read_puzzles([data.source], task)):
            if puzzle.answer is None:
                raise InputError("has no answer: training needs puzzles with answers", puzzle.origin)
            if cells and puzzle.shape != cells[0][0].shape:
                raise InputError("differs in size from the puzzles before it", puzzle.origin)
            cells.append((puzzle.cells, puzzle.answer))
        if not cells:
            raise InputError("holds no puzzle", data.source)
        questions, answers = (np.stack(part) for part in zip(*cells, strict=True))
        if task.rules is None:  # what is held out must not be learned from as well
            once = np.sort(np.unique(questions.reshape(len(questions), -1), axis=0, return_index=True)[1])
            questions, answers = questions[once], answers[once]
    height, width = questions.shape[1:]
    return Examples(
        (height, width),
        task.codec.encode(questions).astype(np.uint8),
        task.codec.encode(answers).astype(np.uint8),
    )
