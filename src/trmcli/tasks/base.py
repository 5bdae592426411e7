"""What a puzzle kind has to say of itself: reading, encoding, rules, relations, symmetries.

A task is one subclass of :class:`Task` in one file of this folder. Nothing here imports torch: puzzles are
small NumPy arrays, and the network sees only *tokens*, integers below ``Task.vocab_size``.

Terms: ``B`` puzzles in a batch, ``L`` cells of a puzzle (row-major), ``V`` the vocabulary's size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError, Origin

if TYPE_CHECKING:
    from trmcli.tasks.lines import Reader, Skip

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Shape = tuple[int, int]
Look = Literal["symbol", "solid", "empty", "trail"]

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
        solutions: how many it has, 2 meaning several, if that was counted; see :meth:`Task.solutions`.
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


class Task(ABC):
    """A puzzle kind. Stateless: one instance serves everybody."""

    name: ClassVar[str]
    vocab_size: ClassVar[int]
    relation_names: ClassVar[tuple[str, ...]]
    has_givens: ClassVar[bool] = False
    """Whether a cell of the question that holds its value's token is a given."""

    @abstractmethod
    def reader(self, name: str) -> Reader:
        """What turns the lines of an input of this name into puzzles."""

    def read(self, lines: Iterable[str], name: str, skip: Skip | None = None) -> Iterator[Puzzle]:
        """Read puzzles from text, one after another, as the lines arrive.

        Raises:
            InputError: naming file, line and column, and what would be right; with ``skip`` that is called
                instead, and reading goes on with the next puzzle.
        """
        from trmcli.tasks.lines import items

        return self.reader(name).read(items(lines, name, skip), skip)

    def of(self, puzzle: Puzzle) -> Task:
        """The task with this puzzle's own rules: another one where its boxes are not the usual ones.

        A network knows those only: see :meth:`usual`.
        """
        return self

    def usual(self, puzzle: Puzzle) -> Symmetry:
        """The one symmetry (``B = 1``) that turns this puzzle's tokens into those of one with usual rules."""
        return Symmetry.identity(1, puzzle.cells.size, self.vocab_size)

    @abstractmethod
    def recognises(self, head: str, whole: bool) -> bool | None:
        """Whether a text that begins with these lines may be of this kind; None if more lines must tell,
        which is no answer if the text is ``whole``."""

    def is_argument(self, text: str) -> bool:
        """Whether one line, not blank, that stands where a file's name may stand is meant as a puzzle."""
        return False

    @abstractmethod
    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        """The text of an answer, in the form that ``puzzle`` came in (no newline at the end)."""

    @abstractmethod
    def symbol(self, value: int, shape: Shape) -> str:
        """How one cell's value is shown, one column wide where that is possible."""

    def look(self, value: int) -> Look:
        """How a view draws a cell of this value: by its symbol, as a solid block, as an empty place, or as a
        piece of a trail. Where 0 is an empty place, it is an answer as good as any, not a cell to be filled.
        """
        return "symbol"

    @abstractmethod
    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        """``[B, height, width]`` cells to ``[B, L]`` tokens."""

    @abstractmethod
    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        """``[B, L]`` tokens to ``[B, height, width]`` cells; tokens that mean nothing become blank."""

    @abstractmethod
    def check(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        """``[B]``: which answers (``[B, height, width]``) keep the givens and all rules. Vectorised."""

    @abstractmethod
    def verify(self, question: Cells, answer: Cells) -> Verdict:
        """The same for one answer (``[height, width]``), naming what is wrong."""

    @abstractmethod
    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        """The relations between cells, in the order of ``relation_names``."""

    def candidates(self, shape: Shape) -> Ints:
        """``[C]``: the tokens that a cell of an answer may hold; by default all but padding."""
        return np.arange(1, self.vocab_size)

    @abstractmethod
    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """``count`` symmetries drawn at random."""

    @abstractmethod
    def reveal(self, question: Ints, answer: Ints, count: Ints, rng: np.random.Generator) -> Ints:
        """Make puzzles easier: give away ``count[b]`` more cells of ``[B, L]`` questions. For training."""

    def commit(self, questions: Ints, answers: Ints, confidence: npt.NDArray[np.float32]) -> Ints:
        """Questions (``[B, L]`` tokens) with the surest of the doubtful cells of each answer taken as given.

        A try that commits makes up its mind where several answers look alike. Tasks without givens change
        nothing.
        """
        return questions

    def suppose(self, question: Ints, probabilities: npt.NDArray[np.float32]) -> list[Supposition]:
        """What may be supposed about the cell that is most in doubt: one question for each of its values.

        Args:
            question: ``[L]`` tokens, with what is supposed already.
            probabilities: ``[L, V]`` of each cell's tokens, as a try left them.

        Returns:
            Nothing if no cell is in doubt, or if the task has no givens.
        """
        return []

    def canonical(self, questions: Ints, answers: Ints, shape: Shape) -> Ints:
        """The answers (``[B, L]`` tokens) to learn. Where puzzles have several, a fixed rule picks one, so
        that what a symmetry makes of a puzzle has the same one whichever way it came about."""
        return answers

    def solutions(self, question: Cells, most_guesses: int | None = None) -> int | None:
        """How many solutions a question has: 0, 1, or 2 for several. None where that takes too long to tell:
        more than ``most_guesses`` of a plain search, by default what takes it a second or two."""
        return None

    def search(self, question: Cells) -> Cells | None:
        """A solution by plain search, without any network: used only where it is asked for."""
        return None

    def generate(
        self,
        count: int,
        seed: int,
        options: Mapping[str, Any],
        generated: Callable[[int, int], None] = lambda made, count: None,
    ) -> tuple[Cells, Cells]:
        """Fresh puzzles and their answers, ``[count, height, width]`` each, for training.

        ``generated`` is told how many are made, of how many.

        Raises:
            InputError: for an option that the task does not know.
        """
        raise InputError(f"the task {self.name} has no generator")

    def stack(self, puzzles: Sequence[Puzzle]) -> Cells:
        """``[B, height, width]`` of puzzles of one shape."""
        return np.stack([puzzle.cells for puzzle in puzzles])
