"""Tries and selection: from supervision steps to one answer a puzzle.

The first try takes a puzzle as it stands. Every further one starts elsewhere, as the *strategy* says: from a
guess, as a person would (suppose that this is a 4, and see where it leads); under a random symmetry, which is
undone at the end; with noise on the latent; or from random states. In its later steps a try commits: step by
step it takes its surest doubtful cell as given, which settles puzzles that have several solutions and others
on which the network cannot make up its mind.

Guesses form a tree. A try that fails leaves behind the cell that it doubted most, and how probable it found
each of its values; each value is a branch, which takes it as given besides all that the try did. The network
is honest about its doubts, so the product of the probabilities on the way says how likely a branch is to hold
the solution, and the most likely one that is left is tried next. Most of these tries end where they would
commit, for a new branch costs no more steps and is likelier to be right. Tries 2, 4, 8, ... go on: where a
puzzle has many solutions, no guess is wrong, and depth is all it takes. Symmetries vary all of them as well.

Puzzles can be checked, so nobody has to guess which try was right: the first one, in the order of their
numbers, whose answer the rules accept wins. Random numbers come from (seed, number of the puzzle, try), so
the answers do not depend on what else is worked on at the same time.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, groupby

import numpy as np

from trmcli.solving.choices import Halt, Select, Strategy
from trmcli.solving.solver import COMMIT_FROM, Chance, Floats, Pool, Solver, Step
from trmcli.tasks.base import Bools, Cells, Ints, Judgement, Puzzle, Shape, Supposition, Symmetry
from trmcli.tasks.task import Task

NOISE = 0.3
"""Deviation of the noise on the latent in tries by noise.

With 0.1, 0.3 and 0.6 the bundled weights solve 56, 58 and 61 of 80 puzzles of magictour within 16 tries: no
difference that the sample could tell.
"""

MANY_TRIES = 10_000
"""Most tries of a puzzle that is to be tried until it is solved."""

LOOK_AHEAD = 8
"""Puzzles begun or waiting to be written, in batches: so far may finished ones run ahead of a hard one."""


@dataclass(frozen=True)
class SearchConfig:
    """How much compute a puzzle may have, and how it is spent.

    Attributes:
        max_steps: most supervision steps of a try.
        tries: most tries of a puzzle.
        halt: when a try ends; see :class:`trmcli.solving.solver.Pool`.
        commit: whether a try takes guesses as given in its later steps.
        batch_size: most tries that are worked on at once.
        seed: of everything random.
        strategy: what makes a try differ from the first: a random ``symmetry``; the same and a ``guess`` in
            doubtful cells (:class:`Guesses`); ``noise`` of deviation :data:`NOISE` on the latent; a
            ``restart`` from random states; or symmetry, noise and restart in turn (``mixed``).
        select: which answer counts when the rules accept none: the one that the halting head trusts most
            (``halt``), or the most frequent one (``vote``, the head breaks ties).
        budget: most seconds of computing that a puzzle may have; tries that share a step share its time.
    """

    max_steps: int = 16
    tries: int = 1
    halt: Halt = "checked"
    commit: bool = True
    batch_size: int = 64
    seed: int = 0
    strategy: Strategy = "guess"
    select: Select = "halt"
    budget: float = math.inf


@dataclass(frozen=True)
class Frame:
    """One puzzle after one supervision step, in the puzzle's own orientation: what a view shows.

    Attributes:
        attempt: which try, from 1.
        step: which supervision step of the try, from 1.
        cells: ``[height, width]`` the answer so far.
        confidence: ``[height, width]`` probability of each cell's value.
        halt: the halting head's probability that the answer is right.
        checked: whether the rules accept it.
        seconds: since the first step of the first try, without the time that the consumer took.
        supposed: flat indices of the cells that the try takes as given from its start.
        ruled: whether there are rules that can accept an answer.
    """

    attempt: int
    step: int
    cells: Cells
    confidence: Floats
    halt: float
    checked: bool
    seconds: float
    supposed: tuple[int, ...] = ()
    ruled: bool = True

    def right(self, puzzle: Puzzle) -> bool:
        """Whether the rules accept the answer; without rules, whether it is the known one."""
        known = None if self.ruled else puzzle.answer
        return self.checked if known is None else np.array_equal(known, self.cells)


@dataclass(frozen=True)
class Answer:
    """What became of one puzzle.

    Attributes:
        puzzle: the question.
        cells: ``[height, width]`` the checked answer, or the most trusted one if none was accepted.
        confidence: ``[height, width]`` probability of each cell's value.
        checked: whether the rules accept ``cells``.
        tries: the number of the try that solved it; if none did, how many there were.
        steps: supervision steps of these tries together.
        halt: the halting head's probability for ``cells``.
        seconds: from the first step of its first try until the answer was settled.
        trace_halt: ``[S]`` the halting head's probability after each supervision step of the first try.
        trace_checked: ``[S]`` whether the answer was right there; see :meth:`Frame.right`.
        method: ``model``, ``search`` if the fallback solved it, or ``count`` if there was nothing to solve.
        try_steps: supervision steps of each of the tries.
        ruled: whether there are rules that can accept an answer.
    """

    puzzle: Puzzle
    cells: Cells
    confidence: Floats
    checked: bool
    tries: int
    steps: int
    halt: float
    seconds: float
    trace_halt: Floats
    trace_checked: Bools
    method: str = "model"
    try_steps: tuple[int, ...] = ()
    ruled: bool = True

    @property
    def verified(self) -> bool | None:
        """Whether the answer is right; None if nothing can tell."""
        return {"right": True, "wrong": False, "unknown": None}[self.judgement]

    @property
    def judgement(self) -> Judgement:
        """By the rules; without rules by the known answer, if there is one."""
        if self.ruled:
            return "right" if self.checked else "wrong"
        if self.puzzle.answer is None:
            return "unknown"
        return "right" if np.array_equal(self.cells, self.puzzle.answer) else "wrong"


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
        """The most probable branch that this try may know of, if there is one."""
        while self.known < needs(attempt):
            self.known += 1
            for branch in self.found.pop(self.known, ()):
                heappush(self.left, (-branch.probability, next(self.order), branch.question))
        if not self.left:
            return None
        probability, _, question = heappop(self.left)
        return Supposition(question, -probability)

    def note(self, start: Try, step: Step, place: int, task: Task) -> None:
        """Keep what a try leaves behind: its doubts before it commits, or earlier if it is over."""
        number = int(step.number[place])
        if number == COMMIT_FROM or (number < COMMIT_FROM and start.over(step, place)):
            supposed = start.supposed
            givens, doubts = task.of(start.puzzle).givens, start.undone(step.probabilities[place])
            branches = [] if givens is None else givens.suppose(supposed.question, doubts)
            self.found[start.attempt] = [
                Supposition(branch.question, branch.probability * supposed.probability) for branch in branches
            ]


def needs(attempt: int) -> int:
    """How many of the first tries must have ended before this one begins: at most half of all run at once."""
    return attempt // 2


@dataclass(frozen=True)
class Try:
    """One start of a puzzle: what it supposes, the same under a symmetry, and what is random on the way."""

    puzzle: Puzzle
    attempt: int
    supposed: Supposition
    tokens: Ints
    undo: Symmetry
    chance: Chance | None
    max_steps: int

    @staticmethod
    def start(
        solver: Solver,
        puzzle: Puzzle,
        number: int,
        attempt: int,
        config: SearchConfig,
        guesses: Guesses | None = None,
    ) -> Try:
        """Try ``attempt`` (from 1) of the puzzle with this number."""
        task, turns = solver.task, ("symmetry", "noise", "restart")
        branch = guesses.take(attempt) if guesses is not None else None
        supposed = branch or Supposition(task.codec.encode(puzzle.cells[None])[0], 1.0)
        kind = turns[(attempt - 2) % 3] if config.strategy == "mixed" else config.strategy
        symmetry = Symmetry.identity(1, puzzle.cells.size, task.codec.vocab_size)
        chance = None
        if attempt > 1:
            rng = np.random.default_rng((config.seed, number, attempt))
            if kind in ("symmetry", "guess"):
                symmetry = task.views.symmetries(puzzle.shape, 1, rng)
            elif kind == "noise":
                chance = Chance(rng, noise=NOISE)
            else:
                chance = Chance(rng, restart=True)
        symmetry = task.views.usual(puzzle).then(symmetry)
        tokens = symmetry.apply(supposed.question[None])
        short = branch is not None and attempt & (attempt - 1) != 0
        max_steps = min(config.max_steps, COMMIT_FROM) if short else config.max_steps
        return Try(puzzle, attempt, supposed, tokens, symmetry.inverse(), chance, max_steps)

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

    def frame(self, solver: Solver, step: Step, place: int, seconds: float) -> Frame:
        """Row ``place`` of a step, turned back into the puzzle's own orientation."""
        one, task, shape = slice(place, place + 1), solver.task, self.puzzle.shape
        supposed = task.codec.decode(self.supposed.question[None], shape)[0] != self.puzzle.cells
        return Frame(
            self.attempt,
            int(step.number[place]),
            task.codec.decode(self.undo.apply(step.tokens[one]), shape)[0],
            np.take_along_axis(step.confidence[one], self.undo.cells, 1)[0].reshape(shape),
            float(step.halt[place]),
            bool(step.checked[place]),
            seconds,
            tuple(np.flatnonzero(supposed).tolist()),
            task.rules is not None,
        )


def watch(solver: Solver, puzzle: Puzzle, config: SearchConfig, number: int = 0) -> Iterator[Frame]:
    """Solve one puzzle, one try after another, and show every supervision step.

    The answer is what :func:`settle` makes of the frames. ``number`` is the puzzle's among those that are
    solved with it, for the random numbers. Of a puzzle that is known to have no solution nothing is shown.
    """
    if puzzle.solutions == 0:
        return
    seconds, resumed = 0.0, time.perf_counter()
    guesses = Guesses.of(config)
    for attempt in range(1, config.tries + 1):
        one = Try.start(solver, puzzle, number, attempt, config, guesses)
        for step in solver.steps(
            one.tokens,
            puzzle.shape,
            max_steps=config.max_steps,
            halt=config.halt,
            commit=config.commit,
            chances=[one.chance],
            identifiers=[puzzle.identifier],
        ):
            # The viewer's time, spent between two frames, does not count.
            seconds += time.perf_counter() - resumed
            yield one.frame(solver, step, 0, seconds)
            resumed = time.perf_counter()
            if seconds > config.budget:
                return
            step.done[0] = one.over(step, 0)
            if guesses is not None:
                guesses.note(one, step, 0, solver.task)
        if step.checked[0]:
            return


def choose(endings: Iterable[Frame], select: Select = "halt") -> Frame:
    """The first try that the rules accept; without one, what ``select`` says."""
    endings = list(endings)
    accepted = [frame for frame in endings if frame.checked]
    if accepted:
        return min(accepted, key=lambda frame: frame.attempt)
    votes = Counter(frame.cells.tobytes() for frame in endings if select == "vote")
    return max(endings, key=lambda frame: (votes[frame.cells.tobytes()], frame.halt, -frame.attempt))


def settle(puzzle: Puzzle, frames: Sequence[Frame], select: Select = "halt") -> Answer:
    """What :func:`watch` came to, from all of its frames."""
    if not frames:
        return _untried(puzzle)
    endings = {frame.attempt: frame for frame in frames}
    first = [(frame.halt, frame.right(puzzle)) for frame in frames if frame.attempt == 1]
    steps = [frame.step for frame in endings.values()]
    return _answer(puzzle, choose(endings.values(), select), steps, first, frames[-1].seconds)


def _untried(puzzle: Puzzle) -> Answer:
    """Of a puzzle without solution: the question as it stands."""
    nowhere, nothing = np.zeros(puzzle.shape, dtype=np.float32), np.zeros(0, dtype=np.float32)
    never = np.zeros(0, dtype=np.bool_)
    return Answer(puzzle, puzzle.cells, nowhere, False, 0, 0, 0.0, 0.0, nothing, never, method="count")


def _answer(
    puzzle: Puzzle, best: Frame, steps: Sequence[int], trace: Sequence[tuple[float, bool]], seconds: float
) -> Answer:
    halt, checked = zip(*trace, strict=True)
    return Answer(
        puzzle,
        best.cells,
        best.confidence,
        best.checked,
        len(steps),
        sum(steps),
        best.halt,
        seconds,
        np.array(halt, dtype=np.float32),
        np.array(checked, dtype=np.bool_),
        try_steps=tuple(steps),
        ruled=best.ruled,
    )


def solve_many(
    solver: Solver,
    puzzles: Iterable[Puzzle],
    config: SearchConfig,
    numbers: Iterable[int] | None = None,
    ready: Callable[[], bool] = lambda: True,
) -> Iterator[Answer]:
    """Solve a stream of puzzles; one answer each, in order, as soon as those before it are settled.

    One :class:`Pool` of ``batch_size`` places works on all of them. A place that becomes free goes to the
    next puzzle while fewer than ``batch_size`` are open, and else to the lowest try that an open puzzle
    still may have, if enough of those before it have failed (:func:`needs`). The lowest one that is accepted
    wins, and what ran after it is not counted. Puzzles of another shape begin when all before
    them are done. A puzzle that is known to have no solution gets no try.

    Args:
        numbers: of the puzzles, for the random numbers; by default 0, 1, 2, ...
        ready: whether the next puzzle, or the end of them, is there already. As long as there is something to
            work on, nothing waits for a puzzle that has not come.
    """
    numbered = zip(count() if numbers is None else numbers, puzzles, strict=False)
    for shape, group in groupby(numbered, key=lambda pair: pair[1].shape):
        yield from _Search(solver, shape, group, config, ready).answers()


@dataclass
class _Open:
    """A puzzle on its way.

    Attributes:
        since: seconds on the pool's clock when it was begun.
        last: the last try that counts.
        steps: supervision steps of each try so far.
        running: tries that have not ended.
        endings: what ended tries came to; only the best of them where that is enough.
        trace: halting probability and verdict after each step of the first try.
        guesses: what its tries may suppose.
        waiting: whether its next try waits for a place.
        spent: seconds of computing.
        answer: as soon as it is settled.
    """

    number: int
    puzzle: Puzzle
    since: float
    last: int
    steps: list[int] = field(default_factory=list)
    running: set[int] = field(default_factory=set)
    endings: list[Frame] = field(default_factory=list)
    trace: list[tuple[float, bool]] = field(default_factory=list)
    guesses: Guesses | None = None
    waiting: bool = False
    spent: float = 0.0
    answer: Answer | None = None

    def end(self, frame: Frame, select: Select) -> None:
        """A try is over; settle the answer if no other one that counts is left."""
        self.running.discard(frame.attempt)
        self.endings.append(frame)
        if frame.checked:
            self.last = min(self.last, frame.attempt)
        if self.last <= len(self.steps) and all(attempt > self.last for attempt in self.running):
            best, seconds = choose(self.endings, select), frame.seconds
            self.answer = _answer(self.puzzle, best, self.steps[: self.last], self.trace, seconds)
        elif select == "halt" or frame.checked:
            self.endings = [choose(self.endings)]


class _Search:
    """Solves puzzles of one shape; see :func:`solve_many`."""

    def __init__(
        self,
        solver: Solver,
        shape: Shape,
        puzzles: Iterator[tuple[int, Puzzle]],
        config: SearchConfig,
        ready: Callable[[], bool],
    ) -> None:
        self.solver, self.puzzles, self.config, self.ready = solver, puzzles, config, ready
        self.pool = Pool(solver, shape, max_steps=config.max_steps, halt=config.halt, commit=config.commit)
        self.window: deque[_Open] = deque()  # in input order: open puzzles, and settled ones behind them
        self.open = 0
        self.waiting: list[tuple[int, int, _Open]] = []  # a heap of (next try, number of the puzzle, puzzle)
        self.working: dict[int, tuple[_Open, Try]] = {}  # by row of the pool
        self.rows = count()

    def answers(self) -> Iterator[Answer]:
        while self._fill() or self.window:
            if self.working:
                self._step()
            while self.window and self.window[0].answer is not None:
                answer = self.window.popleft().answer
                assert answer is not None
                yield answer

    def _fill(self) -> bool:
        """Give free places away; returns whether any place is taken."""
        begun: list[tuple[_Open, Try]] = []
        for _ in range(self.config.batch_size - len(self.working)):
            one, attempt = self._next()
            if one is None:
                break
            one.steps.append(0)
            one.running.add(attempt)
            self._offer(one)
            start = Try.start(self.solver, one.puzzle, one.number, attempt, self.config, one.guesses)
            begun.append((one, start))
        if begun:
            rows = [next(self.rows) for _ in begun]
            self.working.update(zip(rows, begun, strict=True))
            tokens = np.concatenate([start.tokens for _, start in begun])
            chances = [start.chance for _, start in begun]
            self.pool.add(np.array(rows), tokens, chances, [one.puzzle.identifier for one, _ in begun])
        return bool(self.working)

    def _next(self) -> tuple[_Open | None, int]:
        """What to begin next: a puzzle and the number of a try."""
        while self._has_room() and (not self.window or self.ready()):
            number, puzzle = next(self.puzzles, (0, None))
            if puzzle is None:
                break
            config, since = self.config, self.pool.seconds
            one = _Open(number, puzzle, since, config.tries, guesses=Guesses.of(config))
            self.window.append(one)
            if puzzle.solutions != 0:
                self.open += 1
                return one, 1
            one.answer = _untried(puzzle)
        while self.waiting:
            attempt, _, one = heappop(self.waiting)
            one.waiting = False
            if attempt <= one.last:
                return one, attempt
        return None, 0

    def _has_room(self) -> bool:
        """Whether one more puzzle may begin."""
        size = self.config.batch_size
        return self.open < size and len(self.window) < LOOK_AHEAD * size

    def _offer(self, one: _Open) -> None:
        """Let a puzzle wait for a place if it may have another try now."""
        following = len(one.steps) + 1
        ended = min(one.running, default=following) - 1  # all before the lowest that runs
        if not one.waiting and following <= one.last and needs(following) <= ended:
            one.waiting = True
            heappush(self.waiting, (following, one.number, one))

    def _step(self) -> None:
        """One supervision step, and what follows from it."""
        before = self.pool.seconds
        step = self.pool.step()
        share = (step.seconds - before) / len(step.rows)
        tries = [self.working[row] for row in step.rows.tolist()]
        for place, (one, start) in enumerate(tries):
            one.spent += share
            one.steps[start.attempt - 1] += 1
            if start.attempt == 1:
                ruled = self.solver.task.rules is not None
                right = (
                    step.checked[place] if ruled else self._frame(one, start, step, place).right(one.puzzle)
                )
                one.trace.append((float(step.halt[place]), bool(right)))
        for one, _ in tries:
            if one.spent > self.config.budget:
                one.last = min(one.last, len(one.steps))
        for place, (one, start) in enumerate(tries):
            over = start.over(step, place) or one.spent > self.config.budget
            if one.guesses is not None:
                one.guesses.note(start, step, place, self.solver.task)
            if over and one.answer is None and start.attempt <= one.last:
                one.end(self._frame(one, start, step, place), self.config.select)
                self.open -= one.answer is not None
                self._offer(one)
            step.done[place] = over
        for place, (row, (one, start)) in enumerate(zip(step.rows.tolist(), tries, strict=True)):
            step.done[place] |= start.attempt > one.last or one.answer is not None
            if step.done[place]:
                del self.working[row]

    def _frame(self, one: _Open, start: Try, step: Step, place: int) -> Frame:
        return start.frame(self.solver, step, place, step.seconds - one.since)
