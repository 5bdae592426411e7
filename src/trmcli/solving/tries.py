"""What a try is: one start of a puzzle, and how guesses grow from those before it.

The first try takes a puzzle as it stands. Every further one starts elsewhere, as the *strategy* says: from a
guess, as a person would (suppose that this is a 4, and see where it leads); under a random symmetry, which is
undone at the end; with noise on the latent; or from random states. In its later steps a try commits: step by
step it takes its surest doubtful cell as given, which settles puzzles that have several solutions and others
on which the network cannot make up its mind.

Guesses form a tree. A try that fails leaves behind the cell that it doubted most, and how probable it found
each of its values; each value is a branch, which takes it as given besides all that the try did. The network
is honest about its doubts, so the product of the probabilities on the way says how likely a branch is to hold
the solution, and the most likely one that is left is tried next. Most of these tries have half of the steps
of the first: they commit a few times, and then a new branch is likelier to be right. Tries 9, 17, 33, ...
have all, and so has every try of a puzzle with so few givens that it must have many solutions: there no guess
is wrong, and depth is all it takes. Symmetries vary all of them as well. A tree may have its first branch
wrong, and then all that grows from it is. So now and then a try begins afresh (:func:`afresh`): it supposes
nothing, and starts from random states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import numpy as np

from trmcli.solving.answers import Frame
from trmcli.solving.choices import SearchConfig
from trmcli.solving.solver import COMMIT_FROM, Chance, Floats, Step
from trmcli.tasks.base import Ints, Puzzle, Supposition, Symmetry
from trmcli.tasks.task import Task

NOISE = 0.3
"""Deviation of the noise on the latent in tries by noise.

With 0.1, 0.3 and 0.6 the bundled weights solve 56, 58 and 61 of 80 puzzles of magictour within 16 tries: no
difference that the sample could tell.
"""

AFRESH = 8
"""Where tries guess, the second and every one that this divides begin afresh.

Of 2,989 of the forum's hardest Sudokus that ``sudoku-16`` had trained on, on a GPU, with at most 64 tries
(and before tries 3, 5, 9, ... went on):

| afresh | 2 tries | 8 | 16 | 32 | 64 | mean steps |
|---|---|---|---|---|---|---|
| none | 2,529 | 2,850 | 2,930 | 2,950 | 2,974 | 18.7 |
| 8, 16, ... | 2,529 | 2,867 | 2,934 | 2,959 | 2,980 | 18.2 |
| 2, 8, 16, ... | 2,541 | 2,867 | 2,937 | 2,978 | 2,987 | 17.0 |
| 4, 8, ... | 2,529 | 2,849 | 2,937 | 2,965 | 2,977 | 18.6 |
| 3, 6, ... | 2,529 | 2,886 | 2,943 | 2,964 | 2,979 | 20.6 |
| 16, 32, ... | 2,529 | 2,850 | 2,939 | 2,960 | 2,977 | 18.2 |
| 8, 16, ..., with noise instead | 2,529 | 2,862 | 2,929 | 2,959 | 2,978 | 18.5 |
"""


LEAST = 8
"""Supervision steps that a try which guesses has at least, if the first may have as many. It has half of the
first's.

Of 500 of the forum's hardest Sudokus that ``sudoku-16`` had trained on, with T = 3 and at most 64 tries, 498
are solved, in 16.1 steps in the mean. Before, most of these tries ended where they would commit, after 5
steps, and those that began afresh and tries 3, 5, 9, ... had all 16: 497, in 18.3 steps. Of 127 tries that
began afresh and had come to their tenth step, 7 were solved in that one and the six that followed; of 106 of
the others, 2.
"""


@dataclass(frozen=True)
class Question:
    """A puzzle that is asked: as a grid, and as the tokens that it becomes once.

    Attributes:
        number: the puzzle's, for the random numbers.
        tokens: ``[L]``.
    """

    puzzle: Puzzle
    number: int
    tokens: Ints

    @staticmethod
    def of(task: Task, puzzle: Puzzle, number: int) -> Question:
        return Question(puzzle, number, task.codec.encode(puzzle.cells[None])[0])


@dataclass
class Guesses:
    """The branches of one puzzle that are left to try.

    Which branch a try gets must not depend on how many tries run side by side. So a try knows only what the
    first half of those before it have left behind, and those have ended before it begins: see
    :func:`needs`.

    Attributes:
        found: what each try left behind that later ones may not know yet.
        left: a heap of (minus the probability, order of discovery, question).
        known: how many tries' branches are in the heap or have been.
    """

    found: dict[int, list[Supposition]] = field(default_factory=dict)
    left: list[tuple[float, int, Ints]] = field(default_factory=list)
    known: int = 0
    order: Iterator[int] = field(default_factory=count)

    @staticmethod
    def of(config: SearchConfig) -> Guesses | None:
        """Those of a fresh puzzle; None if its tries do not guess."""
        return Guesses() if config.strategy == "guess" else None

    def take(self, attempt: int) -> Supposition | None:
        """The most probable branch that this try may know of; none for one that begins afresh."""
        if afresh(attempt):
            return None
        while self.known < needs(attempt):
            self.known += 1
            for branch in self.found.pop(self.known, ()):
                heappush(self.left, (-branch.probability, next(self.order), branch.question))
        if not self.left:
            return None
        probability, _, question = heappop(self.left)
        return Supposition(question, -probability)

    def note(self, start: Try, step: Step, place: int) -> None:
        """Keep what a try leaves behind: its doubts after :data:`COMMIT_FROM` steps, or at its end."""
        number = int(step.number[place])
        if afresh(start.attempt):  # its doubts are of what others have grown from already
            return
        if number == COMMIT_FROM or (number < COMMIT_FROM and start.over(step, place)):
            supposed = start.supposed
            givens = start.task.of(start.question.puzzle).givens
            doubts = start.undone(step.probabilities[place])
            branches = [] if givens is None else givens.suppose(supposed.question, doubts)
            self.found[start.attempt] = [
                Supposition(branch.question, branch.probability * supposed.probability) for branch in branches
            ]


def whole(attempt: int) -> bool:
    """Whether this try, from 1, may take all steps, where the others guess: 1, 9, 17, 33, 65 and so on."""
    return attempt == 1 or (attempt > AFRESH and (attempt - 1) & (attempt - 2) == 0)


def afresh(attempt: int) -> bool:
    """Whether this try, from 1, supposes nothing, where the others guess."""
    return attempt == 2 or attempt % AFRESH == 0


def needs(attempt: int) -> int:
    """How many of the first tries must have ended before this one begins: at most half of all run at once."""
    return attempt // 2


@dataclass(frozen=True)
class Try:
    """One start of a puzzle.

    Attributes:
        task: the puzzle's kind.
        question: the puzzle as it stands.
        attempt: which try, from 1.
        supposed: the question with what the try supposes.
        given: flat indices of the cells that are supposed.
        tokens: ``[1, L]`` the same as the network sees it: under a symmetry.
        undo: turns what the network says back into the puzzle's own orientation.
        chance: what is random on the way.
        max_steps: most supervision steps.
    """

    task: Task
    question: Question
    attempt: int
    supposed: Supposition
    given: tuple[int, ...]
    tokens: Ints
    undo: Symmetry
    chance: Chance | None
    max_steps: int

    @staticmethod
    def start(
        task: Task, question: Question, attempt: int, config: SearchConfig, guesses: Guesses | None = None
    ) -> Try:
        """Try ``attempt`` (from 1) of a question."""
        puzzle, turns = question.puzzle, ("symmetry", "noise", "restart")
        branch, given = guesses.take(attempt) if guesses is not None else None, tuple[int, ...]()
        if branch is not None:
            cells = task.codec.decode(branch.question[None], puzzle.shape)[0]
            given = tuple(np.flatnonzero(cells != puzzle.cells).tolist())
        supposed = branch or Supposition(question.tokens, 1.0)
        kind = turns[(attempt - 2) % 3] if config.strategy == "mixed" else config.strategy
        symmetry = Symmetry.identity(1, puzzle.cells.size, task.codec.vocab_size)
        chance = None
        if attempt > 1:
            rng = np.random.default_rng((config.seed, question.number, attempt))
            if kind in ("symmetry", "guess"):
                symmetry = task.views.symmetries(puzzle.shape, 1, rng)
                if kind == "guess" and afresh(attempt) and task.givens is not None:
                    chance = Chance(rng, restart=True)
            elif kind == "noise":
                chance = Chance(rng, noise=NOISE)
            else:
                chance = Chance(rng, restart=True)
        symmetry = task.views.usual(puzzle).then(symmetry)
        tokens = symmetry.apply(supposed.question[None])
        max_steps = config.steps(task, puzzle.shape)
        givens = task.givens if kind == "guess" else None
        if givens is not None and not whole(attempt) and not givens.sparse(question.tokens[None])[0]:
            max_steps = min(max_steps, max(LEAST, max_steps // 2))
        undo = symmetry.inverse()
        return Try(task, question, attempt, supposed, given, tokens, undo, chance, max_steps)

    def over(self, step: Step, place: int) -> bool:
        """Whether row ``place`` of a step is the last of this try."""
        return bool(step.done[place]) or int(step.number[place]) >= self.max_steps

    def undone(self, probabilities: Floats) -> Floats:
        """``[L, V]`` probabilities of a step, turned back into the puzzle's own orientation.

        A model may know fewer tokens than the task; the others have no probability.
        """
        cells, values = self.undo.cells[0], self.undo.values[0]
        back = np.zeros((len(cells), len(values)), dtype=np.float32)
        back[:, values[: probabilities.shape[1]]] = probabilities[cells]
        return back

    def frame(self, step: Step, place: int, seconds: float) -> Frame:
        """Row ``place`` of a step, turned back into the puzzle's own orientation."""
        one, shape = slice(place, place + 1), self.question.puzzle.shape
        return Frame(
            self.attempt,
            int(step.number[place]),
            self.task.codec.decode(self.undo.apply(step.tokens[one]), shape)[0],
            np.take_along_axis(step.confidence[one], self.undo.cells, 1)[0].reshape(shape),
            float(step.halt[place]),
            bool(step.checked[place]),
            seconds,
            self.given,
            self.task.rules is not None,
            self.question.number,
        )
