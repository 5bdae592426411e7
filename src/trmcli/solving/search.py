"""Puzzles to answers: :meth:`Search.run`, the one driver of tries.

It gives tries to free places of a pool of supervision steps, and yields what becomes of them: frames, for who
wants to see every step, and one answer a puzzle. The live view, saved replays, batches, evaluations and the
Python API consume it. What a try is, and what makes one differ from another, says
:mod:`trmcli.solving.tries`.

Puzzles can be checked, so nobody has to guess which try was right: the first one, in the order of their
numbers, whose answer the rules accept wins. Random numbers come from (seed, number of the puzzle, try), so
the answers do not depend on what else is worked on at the same time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count, groupby

import numpy as np

from trmcli import checks
from trmcli.solving.answers import Answer, Frame, choose, concluded, settle, untried
from trmcli.solving.choices import SearchConfig, Select, Within
from trmcli.solving.solver import Pool, Solver
from trmcli.solving.tries import Guesses, Question, Try, needs
from trmcli.tasks.base import Puzzle
from trmcli.tasks.fit import check_fit

__all__ = ["Answer", "Frame", "Search", "SearchConfig", "settle", "solve_many", "watch"]

LOOK_AHEAD = 8
"""Puzzles begun or waiting to be written, in batches: so far may finished ones run ahead of a hard one."""


def check_solver(solver: object) -> None:
    """Raise InputError for what is not a solver."""
    checks.instance("solver", solver, Solver, "a Solver, as trmcli.load(NAME) gives it")


def watch(
    solver: Solver, puzzle: Puzzle, config: SearchConfig, number: int = 0, inner: bool = False
) -> Iterator[Frame]:
    """Solve one puzzle, one try after another, and show every supervision step.

    With ``inner`` there is a frame for each update within a step as well, before that of the whole step.

    The answer is what :func:`trmcli.solving.answers.settle` makes of the frames. ``number`` is the puzzle's
    among those that are solved with it, for the random numbers. Of a puzzle that is known to have no solution
    nothing is shown.

    Raises:
        InputError: one of them is something else, or the puzzle is not for this solver.
    """
    check_solver(solver)
    checks.instance("puzzle", puzzle, Puzzle, "a Puzzle, the second of each pair of trmcli.read_puzzles")
    checks.instance("config", config, SearchConfig, "a trmcli.SearchConfig")
    number = checks.whole("number", number, 0)
    check_fit(solver.task, puzzle, vars(solver.engine.config))
    solver.task.relations(puzzle.shape)  # says so if the kind has no puzzles of this shape
    search = Search(
        solver,
        [puzzle],
        replace(config, batch_size=1),
        numbers=[number],
        shown=True,
        within="updates" if inner else "nothing",
    )
    return checks.each(found for found in search.run() if isinstance(found, Frame))


def solve_many(
    solver: Solver,
    puzzles: Iterable[Puzzle],
    config: SearchConfig,
    numbers: Iterable[int] | None = None,
    ready: Callable[[], bool] = lambda: True,
) -> Iterator[Answer]:
    """Solve a stream of puzzles; one answer each, in order, as soon as those before it are settled.

    The arguments are those of :class:`Search`.
    """
    found = Search(solver, puzzles, config, numbers=numbers, ready=ready).run()
    return (answer for answer in found if isinstance(answer, Answer))


@dataclass
class _Open:
    """A puzzle on its way.

    Attributes:
        since: seconds on the pool's clock when it was begun.
        last: the last try that counts.
        guesses: what its tries may suppose.
        steps: supervision steps of each try so far.
        running: tries that have not ended.
        endings: what ended tries came to; only the best of them where that is enough.
        trace: halting probability and verdict after each step of the first try.
        waiting: whether its next try waits for a place.
        spent: seconds of computing.
        answer: as soon as it is settled.
    """

    question: Question
    since: float
    last: int
    guesses: Guesses | None
    steps: list[int] = field(default_factory=list)
    running: set[int] = field(default_factory=set)
    endings: list[Frame] = field(default_factory=list)
    trace: list[tuple[float, bool]] = field(default_factory=list)
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
            best, steps = choose(self.endings, select), self.steps[: self.last]
            self.answer = concluded(self.question.puzzle, best, steps, self.trace, frame.seconds)
        elif select == "halt" or frame.checked:
            self.endings = [choose(self.endings)]


class Search:
    """Solves a stream of puzzles.

    One :class:`trmcli.solving.solver.Pool` of ``batch_size`` places works on all of them. A place that
    becomes free goes to the next puzzle while fewer than ``batch_size`` are open, and else to the lowest try
    that an open puzzle still may have, if enough of those before it have failed
    (:func:`trmcli.solving.tries.needs`). The lowest one that is accepted wins, and what ran after it is not
    counted. Puzzles of another shape begin when all before them are done. A puzzle that is known to have no
    solution gets no try.

    Args:
        solver: runs the network.
        puzzles: to be solved.
        config: how.
        numbers: of the puzzles, for the random numbers; by default 0, 1, 2, ...
        ready: whether the next puzzle, or the end of them, is there already. As long as there is something to
            work on, nothing waits for a puzzle that has not come.
        shown: whether every supervision step is to be seen. With one place they come puzzle by puzzle, try by
            try; with more, those of several tries come in turn.
        within: what is to be seen of the inside of steps, too: after each ``update`` there is a frame of its
            own, before that of the whole step; ``rounds`` are a part of the frames of the first try.
    """

    def __init__(
        self,
        solver: Solver,
        puzzles: Iterable[Puzzle],
        config: SearchConfig,
        *,
        numbers: Iterable[int] | None = None,
        ready: Callable[[], bool] = lambda: True,
        shown: bool = False,
        within: Within = "nothing",
    ) -> None:
        self.within = within
        self.solver, self.config, self.ready, self.shown = solver, config, ready, shown
        self.numbered = zip(count() if numbers is None else numbers, puzzles, strict=False)
        self.window: deque[_Open] = deque()  # in input order: open puzzles, and settled ones behind them
        self.open = 0
        self.waiting: list[tuple[int, int, _Open]] = []  # a heap of (next try, number of the puzzle, puzzle)
        self.working: dict[int, tuple[_Open, Try]] = {}  # by row of the pool
        self.rows = count()

    def run(self) -> Iterator[Frame | Answer]:
        """Each puzzle's answer, in order, as soon as those before it are settled; before it, if they are to
        be ``shown``, its frames. The time that the consumer takes between two of them does not count."""
        config = self.config
        for shape, puzzles in groupby(self.numbered, key=lambda pair: pair[1].shape):
            self.puzzles = puzzles
            steps = config.steps(self.solver.task, shape)
            self.pool = Pool(
                self.solver,
                shape,
                max_steps=steps,
                halt=config.halt,
                commit=config.commit,
                within=self.within,
            )
            while self._fill() or self.window:
                yield from self._settled()
                if self.working:
                    yield from self._step()
                    yield from self._settled()

    def _settled(self) -> Iterator[Answer]:
        """The answers that nothing before them keeps waiting any more."""
        while self.window and (answer := self.window[0].answer) is not None:
            self.window.popleft()
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
            start = Try.start(self.solver.task, one.question, attempt, self.config, one.guesses)
            begun.append((one, start))
        if begun:
            rows = [next(self.rows) for _ in begun]
            self.working.update(zip(rows, begun, strict=True))
            tokens = np.concatenate([start.tokens for _, start in begun])
            chances = [start.chance for _, start in begun]
            identifiers = [one.question.puzzle.identifier for one, _ in begun]
            self.pool.add(np.array(rows), tokens, chances, identifiers)
        return bool(self.working)

    def _next(self) -> tuple[_Open | None, int]:
        """What to begin next: a puzzle and the number of a try."""
        while self._has_room() and (not self.window or self.ready()):
            number, puzzle = next(self.puzzles, (0, None))
            if puzzle is None:
                break
            question, config = Question.of(self.solver.task, puzzle, number), self.config
            one = _Open(question, self.pool.seconds, config.tries, Guesses.of(config))
            self.window.append(one)
            if puzzle.solutions != 0:
                self.open += 1
                return one, 1
            one.answer = untried(puzzle)
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
            heappush(self.waiting, (following, one.question.number, one))

    def _step(self) -> Iterator[Frame]:
        """One supervision step, and what follows from it; yields what is to be seen of it."""
        before = self.pool.seconds
        step = self.pool.step()
        rounds: dict[int, list[Frame]] = {}
        for inner, seen in self.pool.inside:
            for place, row in enumerate(seen.rows.tolist()):
                one, start = self.working[row]
                if self.within == "rounds" and start.attempt > 1:
                    continue
                inside = replace(start.frame(seen, place, step.seconds - one.since), inner=inner)
                if self.within == "rounds":
                    rounds.setdefault(row, []).append(inside)
                else:
                    yield inside
        share = (step.seconds - before) / len(step.rows)
        tries = [self.working[row] for row in step.rows.tolist()]
        frames: dict[int, Frame] = {}

        def frame(place: int) -> Frame:
            """The frame of a place, which is made once, and only where somebody asks for it."""
            if place not in frames:
                one, start = tries[place]
                inside = tuple(rounds.get(int(step.rows[place]), ()))
                frames[place] = replace(start.frame(step, place, step.seconds - one.since), rounds=inside)
            return frames[place]

        for place, (one, start) in enumerate(tries):
            one.spent += share
            one.steps[start.attempt - 1] += 1
            if start.attempt == 1:
                ruled = self.solver.task.rules is not None
                right = bool(step.checked[place]) if ruled else frame(place).right(one.question.puzzle)
                one.trace.append((float(step.halt[place]), right))
        for one, _ in tries:
            if one.spent > self.config.budget:
                one.last = min(one.last, len(one.steps))
        for place, (one, start) in enumerate(tries):
            over = start.over(step, place) or one.spent > self.config.budget
            if one.guesses is not None:
                one.guesses.note(start, step, place)
            if over and one.answer is None and start.attempt <= one.last:
                one.end(frame(place), self.config.select)
                self.open -= one.answer is not None
                self._offer(one)
            step.done[place] = over
        for place, (row, (one, start)) in enumerate(zip(step.rows.tolist(), tries, strict=True)):
            step.done[place] |= start.attempt > one.last or one.answer is not None
            if step.done[place]:
                del self.working[row]
        if self.shown:
            yield from map(frame, range(len(tries)))
