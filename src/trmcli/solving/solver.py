"""``Pool.step``: the one place where recursion runs for inference.

A :class:`Solver` holds an engine and a task. A :class:`Pool` holds the
puzzles that are worked on together: they come between supervision steps, and go as soon as a round of a step
has the answer, so that none waits for another. ``Solver.steps`` is a pool that is filled once. Everything
that solves puzzles consumes the :class:`Step` that they give.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from trmcli import checks
from trmcli.errors import InputError
from trmcli.solving.choices import Halt, Within
from trmcli.solving.engine import Engine, Inner, Inputs, Output
from trmcli.tasks.base import Bools, Ints, Shape
from trmcli.tasks.guesses import OPEN
from trmcli.tasks.task import Givens, Task

Floats = npt.NDArray[np.float32]

_SAID = ("tokens", "probabilities", "halt", "checked")
"""What of a step a round says anew."""


@dataclass(frozen=True)
class Step:
    """The ``b`` puzzles of a pool after one supervision step.

    A puzzle whose answer the rules accept after one of the step's rounds has none of the rounds that follow.

    Attributes:
        rows: ``[b]`` the numbers that the puzzles were added under.
        number: ``[b]`` supervision steps that each of them has had, from 1; one that ended early is one.
        tokens: ``[b, L]`` most probable tokens.
        probabilities: ``[b, L, V]`` of all tokens.
        halt: ``[b]`` probability that the answer is exactly right, by the halting head.
        checked: ``[b]`` whether the rules accept the answer.
        done: ``[b]`` puzzles that leave the pool after this step; whoever consumes the steps may add to it.
        seconds: time that the pool has worked so far.
    """

    rows: Ints
    number: Ints
    tokens: Ints
    probabilities: Floats
    halt: Floats
    checked: Bools
    done: Bools
    seconds: float

    @cached_property
    def confidence(self) -> Floats:
        """``[b, L]`` probabilities of the tokens."""
        highest: Floats = self.probabilities.max(axis=2)
        return highest

    def of(self, places: Ints) -> Step:
        """Some of the puzzles."""
        arrays = {name: getattr(self, name)[places] for name in ("rows", "number", "done", *_SAID)}
        return replace(self, **arrays)

    def after(self, places: Ints, later: Step) -> Step:
        """The same, where some of the puzzles have had one more round, after which they are ``later``."""
        if len(places) == len(self.rows):
            return later
        arrays = {name: getattr(self, name).copy() for name in _SAID}
        for name, array in arrays.items():
            array[places] = getattr(later, name)
        return replace(self, **arrays)


@dataclass(frozen=True)
class Chance:
    """What is random in one try. The numbers come from its own generator, whatever else is in the pool.

    Attributes:
        rng: where the numbers come from.
        restart: whether the try begins with random states, as :meth:`trmcli.solving.engine.Engine.begin` has
            them but another in every cell.
        noise: deviation of the Gaussian noise that is added to the latent before every supervision step
            (PTRM, arXiv:2605.19943). The latent itself has a root mean square of one.
    """

    rng: np.random.Generator
    restart: bool = False
    noise: float = 0.0


COMMIT_FROM = 5
"""Supervision steps after which a try that commits begins to take its surest cells as given.

By then the answer hardly moves: of 128 of the forum's hardest, an earlier state of the default weights left
93 open after 6 steps without committing, and 89 after 16 (docs/experiments.md).
"""

SPARSE_UNTIL, SPARSE_STEP = 28 / 81, 6 / 81
"""How a try commits where a puzzle is *sparse* (:meth:`trmcli.tasks.task.Givens.sparse`).

There many answers are right: nothing is to be found out first, and one cell after another takes too long. So
after each step, from its first on, the try takes the second share of all cells as given, until the first
share is. Of 54 grids of 9x9 with 0 to 16 givens, one try of ``sudoku-16`` solves 22, 31, 44 and 49 with 2, 3,
4 and 6 cells a step until 28, and 47 with 6 until 36. Of 60 with 0 to 14 givens it solves 2 with one cell a
step, from the fifth on.
"""

SETTLED = 4
"""A try whose answer has stayed the same for so many steps, with nothing left to commit, is over.

Of 350 hard puzzles without committing, 52 tries stood still for four steps with a wrong answer; 21 moved
again within 16 steps, and none became right.
"""


class Solver:
    """An engine that is ready to solve puzzles of its task.

    Attributes:
        engine: a model that runs supervision steps.
        task: how puzzles become tokens and back, and what the rules are.
    """

    def __init__(self, engine: Engine[Any]) -> None:
        checks.instance(
            "engine", getattr(engine, "task", engine), Task, "an engine, as trmcli.load(NAME).engine is"
        )
        self.engine, self.task = engine, engine.task

    def steps(
        self,
        tokens: Ints,
        shape: Shape,
        *,
        max_steps: int = 16,
        halt: Halt = "checked",
        commit: bool = False,
        chances: Sequence[Chance | None] | None = None,
        identifiers: Sequence[int | None] | None = None,
    ) -> Iterator[Step]:
        """Refine the answers to a batch of questions, one supervision step after another.

        Args:
            tokens: ``[B, L]`` encoded questions of one shape; their rows are numbered from 0.
            shape: height and width of the puzzles.
            max_steps, halt, commit: see :class:`Pool`.
            chances: what is random, for each question; by default nothing.
            identifiers: which puzzle each question is; see :meth:`inputs`.
        """
        pool = Pool(self, shape, max_steps=max_steps, halt=halt, commit=commit)
        pool.add(np.arange(len(tokens)), tokens, chances, identifiers)
        while len(pool):
            yield pool.step()

    def inputs(self, tokens: Ints, shape: Shape, identifiers: Sequence[int | None] | None = None) -> Inputs:
        """What the engine is asked: ``[B, L]`` tokens of puzzles of this shape.

        Args:
            identifiers: the row of each puzzle in the table of puzzle embeddings. They may be left out where
                all puzzles share one row.

        Raises:
            InputError: the model tells puzzles apart, and one has no number, or one that the model lacks.
        """
        rows = self.engine.config.num_puzzles
        if rows <= 1:
            return Inputs(tokens, shape)
        numbers = []
        for number in [None] * len(tokens) if identifiers is None else identifiers:
            if number is None:
                raise InputError(
                    f"the model has a vector for each of {rows} puzzles, and nothing says which of them "
                    "this one is"
                )
            if not 0 <= number < rows:
                raise InputError(f"the puzzle has number {number}, and the model vectors 0 to {rows - 1}")
            numbers.append(number)
        return Inputs(tokens, shape, np.array(numbers, dtype=np.int64))


class Pool:
    """Puzzles of one shape that are worked on together; they come and go between supervision steps.

    Args:
        solver: does the work.
        shape: height and width of the puzzles.
        max_steps: most supervision steps of a puzzle.
        halt: when a puzzle leaves: ``checked``, as soon as the rules accept its answer, which they are shown
            after every round; ``head``, when the halting head says so after a step; both also when the answer
            has settled (:data:`SETTLED`). Where there are no rules, both ask for the head's word, and for an
            answer that has stood for a step. ``never``: only after ``max_steps``.
        commit: after each step from :data:`COMMIT_FROM` on, take the surest doubtful cell of each answer as
            given (:meth:`trmcli.tasks.task.Givens.commit`); sooner, and more, where few are
            (:data:`SPARSE_UNTIL`).
        within: what is kept of the inside of a step as well: the answers of its rounds before the last, or
            those of updates, too.

    Attributes:
        inside: what could be read within the last step.
    """

    def __init__(
        self,
        solver: Solver,
        shape: Shape,
        *,
        max_steps: int = 16,
        halt: Halt = "checked",
        commit: bool = False,
        within: Within = "nothing",
    ) -> None:
        checks.whole("max_steps", max_steps, 1)
        checks.choice("halt", halt, get_args(Halt))
        self.solver, self.shape, self.within = solver, shape, within
        self.inside: list[tuple[Inner, Step]] = []
        self.max_steps, self.halt, self.commit = max_steps, halt, commit
        self.seconds = 0.0
        length = shape[0] * shape[1]
        self._places = np.zeros(
            0,
            dtype=[
                ("row", np.int64),
                ("number", np.int64),  # supervision steps done
                ("same", np.int64),  # how many of the last ones changed nothing
                ("cells", np.uint8, shape),
                ("tokens", np.int64, length),  # the question, with what was committed
                ("answer", np.int64, length),
                ("chance", object),
                ("identifier", object),
                ("sparse", np.bool_),
            ],
        )
        nothing = solver.inputs(np.zeros((0, length), dtype=np.int64), shape)
        with solver.engine.working():
            self._state = solver.engine.begin(nothing)
        self._under_way: Ints = np.zeros(0, dtype=np.int64)  # the places that the rows of the state are of
        self._last: Step | None = None

    def __len__(self) -> int:
        """Puzzles that the next step works on."""
        return len(self._places) - (0 if self._last is None else int(self._last.done.sum()))

    def add(
        self,
        rows: Ints,
        tokens: Ints,
        chances: Sequence[Chance | None] | None = None,
        identifiers: Sequence[int | None] | None = None,
    ) -> None:
        """Take in puzzles.

        Args:
            rows: ``[n]`` what they are called in :class:`Step`.
            tokens: ``[n, L]`` encoded questions.
            chances: what is random, for each; by default nothing.
            identifiers: which puzzle each is; see :meth:`Solver.embed`.
        """
        start = time.perf_counter()
        inputs = self.solver.inputs(tokens, self.shape, identifiers)
        new = np.zeros(len(rows), dtype=self._places.dtype)
        new["row"], new["tokens"], new["answer"], new["chance"] = rows, tokens, -1, chances
        new["identifier"] = identifiers
        new["cells"] = self.solver.task.codec.decode(tokens, self.shape)
        if self.solver.task.givens is not None:
            new["sparse"] = self.solver.task.givens.sparse(tokens)
        engine = self.solver.engine
        with engine.working():
            self._release()
            self._places = np.concatenate((self._places, new))
            self._state = engine.join((self._state, engine.begin(inputs)))
            for place in range(len(self._places) - len(rows), len(self._places)):
                chance = self._places["chance"][place]
                if chance is not None and chance.restart:
                    self._state.answer[place] = self._drawn(chance)
                    self._state.latent[place] = self._drawn(chance)
        self.seconds += time.perf_counter() - start

    def step(self) -> Step:
        """One supervision step of all puzzles."""
        start = time.perf_counter()
        with self.solver.engine.working():
            self._release()
            for place, chance in enumerate(self._places["chance"]):
                if chance is not None and chance.noise:
                    self._state.latent[place] += chance.noise * self._drawn(chance)
            said = self._rounds()
        places = self._places
        unchanged = (said.tokens == places["answer"]).all(axis=1)
        places["number"] += 1
        places["same"] = np.where(unchanged, places["same"] + 1, 0)
        places["answer"] = said.tokens
        done = places["number"] >= self.max_steps
        if self.halt != "never":
            settled = (places["same"] >= SETTLED) & (places["number"] > (COMMIT_FROM if self.commit else 0))
            trusted = (said.halt > 0.5) & (unchanged | (self.solver.task.rules is not None))
            done |= settled | (said.checked if self._at_once else trusted)
        self.seconds += time.perf_counter() - start
        self._last = replace(said, number=places["number"].copy(), done=done, seconds=self.seconds)
        return self._last

    @property
    def _at_once(self) -> bool:
        """Whether a puzzle leaves as soon as the rules accept its answer."""
        return self.halt == "checked" and self.solver.task.rules is not None

    def _rounds(self) -> Step:
        """The rounds of a step, and what is known after them."""
        engine, self._under_way = self.solver.engine, np.arange(len(self._places))
        said: Step | None = None
        self.inside.clear()
        for number in range(1, engine.rounds + 1):
            seen = [partial(self._see, number)] if self.within == "updates" else []
            self._state, output = engine.round(self._state, *seen)
            if number < engine.rounds and not self._at_once and self.within == "nothing":
                continue
            one = self._read(output)
            said = one if said is None else said.after(self._under_way, one)
            if number == engine.rounds:
                break
            left = np.flatnonzero(~one.checked | (not self._at_once))
            if not len(left):
                break
            if self.within != "nothing":
                self._keep(number, engine.config.updates, one.of(left))
            if len(left) < len(self._under_way):
                self._state, self._under_way = engine.take(self._state, left), self._under_way[left]
        assert said is not None, "a step has rounds"
        return said

    def _read(self, output: Output) -> Step:
        """What the puzzles that are under way have come to."""
        places, task = self._places[self._under_way], self.solver.task
        probabilities: Floats = output.probabilities.astype(np.float32, copy=False)
        halt: Floats = output.halt.astype(np.float32, copy=False)
        answers: Ints = probabilities.argmax(axis=-1)
        checked = task.accepts(places["cells"], task.codec.decode(answers, self.shape))
        rows, number, nobody = places["row"], places["number"] + 1, np.zeros(len(places), np.bool_)
        return Step(rows, number, answers, probabilities, halt, checked, nobody, self.seconds)

    def _see(self, number: int, update: int, output: Output) -> None:
        """Read what there is within a round."""
        self._keep(number, update, self._read(output))

    def _keep(self, number: int, update: int, one: Step) -> None:
        engine = self.solver.engine
        self.inside.append((Inner(number, engine.rounds, update, engine.config.updates), one))

    def _drawn(self, chance: Chance) -> Any:
        """``[P + L, D]`` normal numbers, as the engine's array."""
        numbers = chance.rng.standard_normal(self._state.latent.shape[1:], dtype=np.float32)
        return self.solver.engine.array(numbers)

    def _release(self) -> None:
        """After a step, let go of what is done, and commit in what stays."""
        if self._last is None:
            return
        last, left = self._last, np.flatnonzero(~self._last.done)
        if len(left) < len(self._places):
            self._places = self._places[left]
        stay = np.flatnonzero(~last.done[self._under_way])
        if len(stay) < len(self._under_way):
            self._state = self.solver.engine.take(self._state, stay)
        self._last = None
        if self.commit and self.solver.task.givens is not None:
            self._commit(self.solver.task.givens, last, left)

    def _commit(self, givens: Givens, last: Step, left: Ints) -> None:
        """Take cells as given where that is due. What stays are the rows ``left`` of the last step."""
        places, length = self._places, self.shape[0] * self.shape[1]
        late = places["number"] >= COMMIT_FROM
        due = np.flatnonzero(late | places["sparse"])
        if not len(due):
            return
        rows, tokens = left[due], places["tokens"][due]
        answers, confidence, committed = last.tokens[rows], last.confidence[rows], tokens.copy()
        for number in range(max(1, round(SPARSE_STEP * length))):
            given = (committed > OPEN).sum(axis=1)
            one = places["sparse"][due] & (given < SPARSE_UNTIL * length)
            one |= late[due] & (number == 0)
            if not one.any():
                break
            committed[one] = givens.commit(committed[one], answers[one], confidence[one])
        changed = (committed != tokens).any(axis=1)
        due, committed = due[changed], committed[changed]
        places["tokens"][due] = committed
        places["same"][due] = 0
        inputs = self.solver.inputs(committed, self.shape, places["identifier"][due].tolist())
        self._state.question[due] = self.solver.engine.begin(inputs).question
