"""Puzzles, and what kinds say of them: verdicts, relations, symmetries.

Nothing here imports torch: puzzles are small NumPy arrays, and the network sees only *tokens*, integers below
``Codec.vocab_size``.

Terms: ``B`` puzzles in a batch, ``L`` cells of a puzzle (row-major), ``V`` the vocabulary's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trmcli.errors import Origin

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Shape = tuple[int, int]
Look = Literal["symbol", "solid", "empty", "trail"]
Judgement = Literal["right", "wrong", "unknown"]

SURE = 0.9
"""Cells whose value has at least this probability are not in doubt."""


@dataclass(frozen=True)
class Puzzle:
    """One puzzle as it was read.

    Attributes:
        cells: ``[height, width]`` uint8, the task's own values (Sudoku: 0 is blank, 1..N the digits).
        origin: file and line, for messages.
        layout: the form it came in, so that the answer can be printed in the same form.
        answer: the known solution, ``[height, width]``, if the input named one.
        source: what the input says of its origin (the ``source`` column of a CSV).
        solutions: how many it has, 2 meaning several, if that was counted; see
            :meth:`trmcli.tasks.task.Rules.solutions`.
        identifier: its row in a model's table of puzzle embeddings, if it is one that was trained on.
        boxes: rows and columns of its boxes, where the input tells them.
    """

    cells: Cells
    origin: Origin
    layout: str = "line"
    answer: Cells | None = None
    source: str = ""
    solutions: int | None = None
    identifier: int | None = None
    boxes: Shape | None = None

    @property
    def shape(self) -> Shape:
        height, width = self.cells.shape
        return height, width


@dataclass(frozen=True)
class Problem:
    """One broken rule: a sentence, and the flat indices of the cells that break it."""

    message: str
    cells: tuple[int, ...]


@dataclass(frozen=True)
class Verdict:
    """What the rules say of an answer; it is right when no problem is named."""

    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        return "; ".join(problem.message for problem in self.problems) or "follows the rules"


@dataclass(frozen=True)
class Relation:
    """Which cells belong together, for the ``relation`` mixer.

    ``groups``: ``index`` is ``[groups, size]``, a partition of the cells into groups of equal size.
    ``neighbours``: ``index`` is ``[L, 1]``, the neighbour in one direction, -1 for none.
    """

    name: str
    kind: Literal["groups", "neighbours"]
    index: Ints


@dataclass(frozen=True)
class Symmetry:
    """A batch of rearrangements that turn puzzles into puzzles and answers into their answers.

    ``apply(x)[b, i] = values[b, x[b, cells[b, i]]]``: cells are permuted, then tokens renamed.

    Attributes:
        cells: ``[B, L]``, each row a permutation of the cells.
        values: ``[B, V]``, each row a permutation of the tokens.
    """

    cells: Ints
    values: Ints

    def apply(self, tokens: Ints) -> Ints:
        """Rearrange ``[B, L]`` tokens."""
        return np.take_along_axis(self.values, np.take_along_axis(tokens, self.cells, 1), 1)

    def inverse(self) -> Symmetry:
        """The symmetries that undo these, exactly."""
        return Symmetry(np.argsort(self.cells, axis=1), np.argsort(self.values, axis=1))

    def __getitem__(self, rows: Ints | slice) -> Symmetry:
        return Symmetry(self.cells[rows], self.values[rows])

    def __len__(self) -> int:
        return len(self.cells)

    def then(self, other: Symmetry) -> Symmetry:
        """These symmetries, and then the others."""
        return Symmetry(
            np.take_along_axis(self.cells, other.cells, 1), np.take_along_axis(other.values, self.values, 1)
        )

    @staticmethod
    def identity(count: int, length: int, vocab_size: int) -> Symmetry:
        return Symmetry(np.tile(np.arange(length), (count, 1)), np.tile(np.arange(vocab_size), (count, 1)))


@dataclass(frozen=True)
class Supposition:
    """A question (``[L]`` tokens) in which one more cell is taken as given, and the probability of that."""

    question: Ints
    probability: float
