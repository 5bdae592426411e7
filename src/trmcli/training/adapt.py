"""Fit one network to the demonstrations of one ARC task, from nothing, and answer its test inputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trmcli.model.cells import CellsModel, TaskCode
from trmcli.model.cells_layer import Kernels
from trmcli.model.picker import Picker
from trmcli.solving.adapted import Ballot, Progress
from trmcli.tasks.arc.pieces import FEATURES
from trmcli.tasks.arc.tally import Tally
from trmcli.tasks.arc.task import ArcTask
from trmcli.training.fitting import FitOptions, Fitted
from trmcli.training.flat import FlatOptimizer
from trmcli.training.problem import Problem, Shown, prepare
from trmcli.training.readings import Chosen, Network, Seen

Observer = Callable[[Progress], None]
Left = Callable[[], float]
"""Seconds that are left; none once it has to answer with what it has."""
INTERVAL = 0.1
"""Seconds between two reports of progress."""
KEEPING = 0.02
"""Share of the time, at most, that goes into answers for the case that the fit is broken off."""
FALL = 0.3
"""Share of the time, the last, in which the learning rates fall if the updates take longer than it."""


def forever() -> float:
    return 1e9


class Member:
    """A network and a task's code while they are fitted, in the time that is ``left``."""

    def __init__(self, problem: Problem, options: FitOptions, seed: int, left: Left = forever) -> None:
        self.problem, self.options = problem, options
        self.left, self.time = left, left()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            self.model = CellsModel(options.cells)
            own = problem.common if options.common else None
            self.code = TaskCode(len(problem.colours), options.cells, own)
            self.picker = Picker(options.cells, FEATURES)
        self.network = Network(self.model, self.code, self.picker)
        inside = [p for p in self.model.layers.parameters() if p.ndim == 2 and p.shape[0] >= 16]
        known = {id(parameter) for parameter in inside}
        others = [parameter for parameter in self.model.parameters() if id(parameter) not in known]
        if any(isinstance(one.reading, Chosen) for one in problem.shown):
            others += self.picker.parameters()
        codes = list(self.code.parameters())
        rates = options.matrix_lr, options.lr, options.code_lr
        self.optimizer = FlatOptimizer(inside, others, codes, rates, options.ema, options.shrinkage)
        self.most = options.updates(problem.rows // len(problem.shown))
        self.tally = [Tally() for _ in problem.tests]
        self.right = [False] * len(problem.shown)
        self.loss = float("inf")
        self.durations: list[float] = []
        self.step_seconds = self.vote_seconds = 0.0
        self.said: list[Tensor] = []

    @property
    def updates(self) -> int:
        return self.optimizer.updates

    @property
    def needed(self) -> float:
        """Seconds that another update and the last answer will take."""
        steps, test_rows = self.options.steps_used, sum(one.sheet.rows for one in self.problem.tests if one)
        # An answer is all but the way back, which is more than half of an update.
        guess = 0.5 * self.step_seconds * steps * test_rows / self.problem.rows
        largest = max(one.sheet.rows for one in self.problem.shown) / self.problem.rows
        return self.step_seconds * largest + (self.vote_seconds or guess)

    @property
    def over(self) -> bool:
        """Whether it has to answer with what it has."""
        return self.left() <= self.needed

    def learn(self) -> None:
        """All supervision steps, with an update for each demonstration.

        The end of the time ends them as well, but for the first: what there is no time for is left out.
        """
        shown = self.problem.shown
        states = [self.model.initial(one.sheet) for one in shown]
        for step in range(self.options.steps):
            if step and self.over:
                break
            before = self.left()
            losses = []
            for number, one in enumerate(shown):
                if number and self.updates >= len(shown) and self.over:
                    break
                question, kernels = self.model.question(one.sheet, self.code), self.model.kernels(self.code)
                state = self.model.step(states[number], question, kernels, one.sheet)
                said = one.reading.said(self.network, state, one.sheet)
                loss = one.reading.loss(said)
                loss.backward()  # type: ignore[no-untyped-call]  # what it needed is given back
                self.optimizer.update(self._share())
                losses.append(float(loss.detach()))
                states[number] = state.detach()
                self.said[number : number + 1] = [said.detach()]
            if len(losses) == len(shown):
                self.loss = sum(losses)
                # The median, for one that was held up says little of the next.
                self.durations = [*self.durations[-2:], before - self.left()]
                self.step_seconds = sorted(self.durations)[len(self.durations) // 2]
        self.right = [one.reading.right(said) for one, said in zip(shown, self.said, strict=True)]

    def _share(self) -> float:
        """Of the learning rates: a warm-up, then all, then a fall over the second half of the updates.

        Where so many updates will not be made, it is a fall over the last of the time.
        """
        warm = (self.updates + 1) / self.options.warmup
        cold = 2 * (1 - self.updates / self.most)
        late = (self.left() - self.needed) / (FALL * self.time) if self.time > 0 else 0.0
        return min(1.0, warm) * max(0.05, min(1.0, cold, late))

    def vote(self, told: Callable[[int, int, Tensor], None] | None = None) -> None:
        """Answer the test inputs with the averaged weights; every step's answer weighs its mean probability.

        Args:
            told: is told of each test input, step and ``[C, height, width]`` of logits.
        """
        before = self.left()
        self.optimizer.swap()
        with torch.no_grad():
            kernels = self.model.kernels(self.code)
            for number, (asked, tally) in enumerate(zip(self.problem.tests, self.tally, strict=True)):
                if asked is None:
                    continue
                for step, logits in enumerate(self.answers(asked, kernels, self.options.steps_used), 1):
                    if told is not None:
                        told(number, step, logits)
                    if step >= self.options.steps:
                        for grid, weight in asked.reading.votes(logits):
                            tally.add(grid, weight)
        self.optimizer.swap()
        self.vote_seconds = before - self.left()

    def answers(self, asked: Shown, kernels: list[Kernels], steps: int) -> Iterator[Tensor]:
        """What is said to a grid after each of so many supervision steps.

        Args:
            kernels: what the layers make of the code.
        """
        sheet = asked.sheet
        question, state = self.model.question(sheet, self.code), self.model.initial(sheet)
        for _ in range(steps):
            state = self.model.step(state, question, kernels, sheet)
            yield asked.reading.said(self.network, state, sheet)

    @property
    def sure(self) -> bool:
        """Whether nearly all votes so far are for one answer to every test input."""
        return all(
            tally.most >= self.options.sure * tally.total > 0
            for asked, tally in zip(self.problem.tests, self.tally, strict=True)
            if asked is not None
        )

    def peek(self) -> tuple[Ballot, ...]:
        """The ballots if the fit ended now; it goes on as if nobody had asked."""
        kept = [tally.copy() for tally in self.tally]
        self.vote()
        ballots, self.tally = self.ballots(), kept
        return ballots

    def ballots(self) -> tuple[Ballot, ...]:
        """The answers so far, the likeliest first; the weights of each test input's sum to one."""
        result = []
        for tally in self.tally:
            best, whole = tally.best(), tally.total
            result.append(
                Ballot(tuple(grid for grid, _ in best), tuple(weight / whole for _, weight in best))
            )
        return tuple(result)


def fit(
    task: ArcTask,
    options: FitOptions | None = None,
    seed: int = 0,
    left: Left = forever,
    observe: Observer | None = None,
    member: int = 1,
    began: float | None = None,
    keep: Callable[[Fitted], None] | None = None,
) -> Fitted:
    """Fit one member and let it answer.

    Args:
        task: its answers are not looked at.
        options: how.
        seed: of the weights; the same seed gives the same answers unless the fit lasts until the time that
            is left is less than the share ``FALL`` of it.
        left: is asked between updates. Where it is less than another update and the answer take, the member
            answers with what it has.
        observe: is told of the progress.
        member: what the progress calls it.
        began: when the task was begun, on the clock of ``time.monotonic``.
        keep: is given, now and then, what the member would answer if it were cut off.
    """
    options = options or FitOptions()
    cpu, clock = time.process_time(), time.monotonic()
    began = clock if began is None else began
    current = Member(prepare(task, options.guess), options, seed, left)
    fitted: int | None = None
    # Snapshots vote while the fit goes on: every eighth of it, and every eighth of what follows.
    following = current.most / 2
    reported, keeping, cut = 0.0, clock, False

    def result(ballots: tuple[Ballot, ...], cut: bool) -> Fitted:
        return Fitted(
            ballots,
            tuple(current.right),
            current.updates,
            fitted,
            current.loss,
            current.problem.rows,
            time.monotonic() - clock,
            time.process_time() - cpu,
            cut,
        )

    while current.updates < current.most:
        current.learn()
        now = time.monotonic()
        if observe is not None and now - reported >= INTERVAL:
            reported = now
            observe(_fitting(current, member, now - began))
        whole = all(current.right)
        if whole and fitted is None:
            fitted = current.updates
            following = 1.25 * fitted
        if current.updates >= following:
            current.vote()
            following += 0.25 * fitted if fitted else current.most / 8
        least = min(options.least, options.least_sure) if current.sure else options.least
        enough = fitted is not None and current.updates >= max(options.after * fitted, least)
        if enough and whole and current.loss < options.loss:
            break
        if current.over:
            cut = True
            break
        if keep is not None and now >= keeping:
            keep(result(current.peek(), True))
            keeping = time.monotonic() + max(1.0, current.vote_seconds / KEEPING)
    told = None if observe is None else _Answering(current, member, began, observe)
    current.vote(told)
    return result(current.ballots(), cut)


def _fitting(current: Member, member: int, seconds: float) -> Progress:
    shown = zip(current.problem.shown, current.said, strict=True)
    grids, confidence = zip(*(one.reading.seen(said) for one, said in shown), strict=True)
    return Progress(member, "fitting", current.loss, tuple(current.right), grids, 0, seconds, confidence)


@dataclass
class _Answering:
    """Tells of the answers to the test inputs as they form, one test input after another."""

    current: Member
    member: int
    began: float
    observe: Observer
    shown: dict[int, Seen] = field(default_factory=dict)

    def __call__(self, number: int, step: int, logits: Tensor) -> None:
        if (asked := self.current.problem.tests[number]) is not None:
            self.shown[number] = asked.reading.seen(logits)
        grids, confidence = zip(*(self.shown[one] for one in sorted(self.shown)), strict=True)
        right, seconds = tuple(self.current.right), time.monotonic() - self.began
        self.observe(
            Progress(self.member, "answering", self.current.loss, right, grids, step, seconds, confidence)
        )
