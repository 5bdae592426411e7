"""A puzzle kind is a table of parts: a :class:`Task`. A part that a kind does not have is None.

Every kind is read and written (:class:`Text`), becomes tokens (:class:`Codec`), is perhaps looked at from
several sides (:class:`Views`), and is drawn (:class:`Paint`). Some have rules that judge an answer
(:class:`Rules`), givens that a try may add to (:class:`Givens`), cells that belong together
(:class:`Structure`), or can be made (:class:`Maker`). Parts keep no state: one instance serves everybody.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.tasks import nested
from trmcli.tasks.base import (
    Bools,
    Cells,
    Ints,
    Look,
    Puzzle,
    Relation,
    Shape,
    Supposition,
    Symmetry,
    Verdict,
)
from trmcli.tasks.lines import Item, Reader, Skip, items


class Text(ABC):
    """How puzzles of the kind are read and written."""

    @abstractmethod
    def reader(self, name: str) -> Reader:
        """What turns the lines of an input of this name into puzzles."""

    def read(self, lines: Iterable[str], name: str, skip: Skip | None = None) -> Iterator[Puzzle]:
        """Read puzzles from text, one after another, as the lines arrive.

        Raises:
            InputError: naming file, line and column, and what would be right; with ``skip`` that is called
                instead, and reading goes on with the next puzzle.
        """
        return self.reader(name).read(self.items(lines, name, skip), skip)

    def items(self, lines: Iterable[str], name: str, skip: Skip | None = None) -> Iterator[Item]:
        """What the reader takes, of the lines of a text: by default lines, and the records of tables."""
        return items(lines, name, skip)

    def items_of(self, value: Any, name: str, skip: Skip | None = None) -> Iterator[Item]:
        """The same of a value of Python: lists, objects, text."""
        return nested.Reading(name, skip).items(value)

    def stored(self, path: Path, split: str = "test") -> Iterator[Puzzle] | None:
        """The puzzles of a file or a folder that is not a text; None if it is none that the kind knows."""
        return None

    def recognises(self, head: str, whole: bool) -> bool | None:
        """Whether a text that begins with these lines may be of this kind; None if more lines must tell,
        which is no answer if the text is ``whole``. By default such a text has to be named."""
        return False

    def is_argument(self, text: str) -> bool:
        """Whether one line, not blank, that stands where a file's name may stand is meant as a puzzle."""
        return False

    @abstractmethod
    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        """The text of an answer, in the form that ``puzzle`` came in (no newline at the end)."""


class Codec(ABC):
    """How cells become tokens and back. ``vocab_size`` is how many tokens there are, 0 for padding."""

    vocab_size: int

    @abstractmethod
    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        """``[B, height, width]`` cells to ``[B, L]`` tokens."""

    @abstractmethod
    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        """``[B, L]`` tokens to ``[B, height, width]`` cells; tokens that mean nothing become blank."""

    def undecided(self, question: Cells) -> Bools:
        """``[height, width]``: cells of the question that the answer decides; by default the blank ones."""
        blank: Bools = question == 0
        return blank


class Views:
    """From which sides a puzzle of the kind can be looked at; by default from one."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size

    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """``count`` symmetries drawn at random."""
        return Symmetry.identity(count, shape[0] * shape[1], self.vocab_size)

    def usual(self, puzzle: Puzzle) -> Symmetry:
        """The one symmetry (``B = 1``) that turns this puzzle's tokens into those of one with usual rules:
        a network knows no others. See :meth:`Task.of`."""
        return Symmetry.identity(1, puzzle.cells.size, self.vocab_size)


class Paint(ABC):
    """How cells are drawn."""

    @abstractmethod
    def symbol(self, value: int, shape: Shape) -> str:
        """How one cell's value is shown, one column wide where that is possible."""

    def look(self, value: int) -> Look:
        """How a view draws a cell of this value: by its symbol, as a solid block, as an empty place, or as a
        piece of a trail. Where 0 is an empty place, it is an answer as good as any, not a cell to be filled.
        """
        return "symbol"


class Rules(ABC):
    """What makes an answer right, whatever a network thinks of it."""

    @abstractmethod
    def check(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        """``[B]``: which answers (``[B, height, width]``) keep the givens and all rules. Vectorised."""

    @abstractmethod
    def verify(self, question: Cells, answer: Cells) -> Verdict:
        """The same for one answer (``[height, width]``), naming what is wrong."""

    def solutions(self, question: Cells, most_guesses: int | None = None) -> int | None:
        """How many solutions a question has: 0, 1, or 2 for several. None where that takes too long to tell:
        more than ``most_guesses`` of a plain search, by default what takes it a second or two."""
        return None

    def search(self, question: Cells) -> Cells | None:
        """A solution by plain search, without any network: used only where it is asked for."""
        return None


class Givens(ABC):
    """What can be done with cells that are given: a given is a cell of the question that holds the token of
    its value."""

    @abstractmethod
    def reveal(self, question: Ints, answer: Ints, count: Ints, rng: np.random.Generator) -> Ints:
        """Make puzzles easier: give away ``count[b]`` more cells of ``[B, L]`` questions. For training."""

    def sparse(self, questions: Ints) -> Bools:
        """``[B]``: which questions (``[B, L]`` tokens) have so few givens that there must be many solutions.

        A try of such a one makes up its mind sooner; see :data:`trmcli.solving.solver.SPARSE_UNTIL`.
        """
        return np.zeros(len(questions), dtype=np.bool_)

    @abstractmethod
    def commit(self, questions: Ints, answers: Ints, confidence: npt.NDArray[np.float32]) -> Ints:
        """Questions (``[B, L]`` tokens) with the surest of the doubtful cells of each answer taken as given.

        A try that commits makes up its mind where several answers look alike.
        """

    @abstractmethod
    def suppose(self, question: Ints, probabilities: npt.NDArray[np.float32]) -> list[Supposition]:
        """What may be supposed about the cell that is most in doubt: one question for each of its values.

        Args:
            question: ``[L]`` tokens, with what is supposed already.
            probabilities: ``[L, V]`` of each cell's tokens, as a try left them.

        Returns:
            Nothing if no cell is in doubt.
        """


@dataclass(frozen=True)
class News:
    """What cells learn that come to know by news from others, for each label.

    Attributes:
        learned: ``[V]``: the token that a cell with such a label says when it knows.
        needed: ``[V]``: whether an answer is wrong if such a cell is.
        undecided: ``[V, V]``: the probabilities of all tokens that it gives before.
    """

    learned: Ints
    needed: Bools
    undecided: npt.NDArray[np.float32]


class Structure(ABC):
    """Which cells belong together, and what each may hold.

    Attributes:
        relation_names: in the order of :meth:`relations`.
    """

    relation_names: tuple[str, ...]

    @abstractmethod
    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        """The relations between cells, in the order of ``relation_names``."""

    @abstractmethod
    def candidates(self, shape: Shape) -> Ints:
        """``[C]``: the tokens that a cell of an answer may hold."""

    def canonical(self, questions: Ints, answers: Ints, shape: Shape) -> Ints:
        """The answers (``[B, L]`` tokens) to learn. Where puzzles have several, a fixed rule picks one, so
        that what a symmetry makes of a puzzle has the same one whichever way it came about."""
        return answers

    def spread(self, labels: Ints, shape: Shape) -> tuple[Ints, Ints]:
        """What cells can come to know by news that go from neighbour to neighbour.

        Args:
            labels: ``[B, L]``, as :meth:`canonical` gives them.

        Returns:
            ``[B, L]`` the labels, 0 where no news ever come; and from how many cells away they come, 0 where
            a cell knows by itself.
        """
        return labels, np.zeros_like(labels)

    def news(self, vocab_size: int) -> News:
        """What cells make of their labels."""
        every = np.arange(vocab_size)
        return News(every, every >= 0, np.eye(vocab_size, dtype=np.float32))


class Maker(ABC):
    """Makes fresh puzzles."""

    @abstractmethod
    def make(
        self,
        count: int,
        seed: int,
        options: Mapping[str, Any],
        made: Callable[[int, int], None] = lambda done, count: None,
    ) -> tuple[Cells, Cells]:
        """Fresh puzzles and their answers, ``[count, height, width]`` each, for training.

        ``made`` is told how many are done, of how many.

        Raises:
            InputError: for an option that the kind does not know.
        """


USUAL_STEPS = 16
"""Most supervision steps of a try, as in training and in the paper."""


@dataclass(frozen=True)
class Task:
    """A puzzle kind.

    ``variant`` gives the kind with the rules of one puzzle, where puzzles bring rules of their own. ``steps``
    says how many supervision steps a try may take, unless its user does, of a puzzle of a size.
    """

    name: str
    text: Text
    codec: Codec
    views: Views
    paint: Paint
    rules: Rules | None = None
    givens: Givens | None = None
    structure: Structure | None = None
    maker: Maker | None = None
    variant: Callable[[Puzzle], Task] | None = None
    steps: Callable[[Shape], int] = lambda shape: USUAL_STEPS

    def of(self, puzzle: Puzzle) -> Task:
        """The task with this puzzle's own rules: another one where its boxes are not the usual ones.

        A network knows those only: see :meth:`Views.usual`.
        """
        return self if self.variant is None else self.variant(puzzle)

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        """Those of the structure; none without one."""
        return () if self.structure is None else self.structure.relations(shape)

    def candidates(self, shape: Shape) -> Ints:
        """Those of the structure; all tokens but padding without one."""
        if self.structure is None:
            return np.arange(1, self.codec.vocab_size)
        return self.structure.candidates(shape)

    def accepts(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        """``[B]``: which answers the rules accept; none where there are no rules."""
        if self.rules is None:
            return np.zeros(len(answers), dtype=np.bool_)
        return self.rules.check(questions, answers)
