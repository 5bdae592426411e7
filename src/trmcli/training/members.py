"""Several networks fitted to one ARC task, each by itself, until three agree or the time is over.

Members run in processes of their own, one thread each. What counts is the members in order of their numbers:
the answer is that of the first so many that agree, whichever was done first.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import cast

import torch

from trmcli.model.cells import CellsConfig
from trmcli.solving.adapted import Adapted, Attempts, Interrupted, Progress, count
from trmcli.tasks.arc.task import ArcTask
from trmcli.tasks.workers import _interrupts_held, processors
from trmcli.training.adapt import FitOptions, Fitted, fit

AGREE = 3
"""Members that must agree on every test input before the rest is spared."""

Observer = Callable[[Progress], None]


@dataclass(frozen=True)
class AdaptOptions:
    """How members are fitted, and in what they differ beyond their seeds.

    Attributes:
        fit: how each is fitted.
        two_shapes: every second member takes the second guess of the outputs' sizes, where there is one.
        varied: members have other widths and depths in turn.
    """

    fit: FitOptions = field(default_factory=FitOptions)
    two_shapes: bool = False
    varied: bool = False

    def member(self, number: int) -> FitOptions:
        """The options of member ``number``, from 1."""
        chosen = self.fit
        if self.two_shapes:
            chosen = replace(chosen, guess=(number - 1) % 2)
        if self.varied:
            width, layers, passes = VARIED[(number - 1) % len(VARIED)]
            size = CellsConfig(width, layers, passes)
            chosen = replace(chosen, cells=size)
        return chosen


VARIED = ((32, 2, 3), (48, 1, 4), (32, 3, 2), (24, 2, 3))
"""Width, layers and passes of members in turn."""


def adapt(
    task: ArcTask,
    *,
    budget: float = 60.0,
    processes: int | None = None,
    members: int = AGREE,
    most: int = 9,
    seed: int = 0,
    observe: Observer | None = None,
    options: AdaptOptions | None = None,
) -> Adapted:
    """Fit members to one task and let them vote.

    Args:
        task: its answers are not looked at.
        budget: seconds of the clock.
        processes: members fitted at once; by default one on each processor.
        members: at least so many, if the budget allows, before they may be settled.
        most: members at most.
        seed: of the first member; the others' follow.
        observe: is told of the progress.
        options: how the members are fitted.

    Raises:
        Interrupted: on Ctrl-C, with the attempts so far.
    """
    with Members(min(processors() if processes is None else processes, most)) as pool:
        return pool.adapt(
            task, budget=budget, members=members, most=most, seed=seed, observe=observe, options=options
        )


@dataclass(frozen=True)
class _Order:
    """What a process is to do; it answers with :class:`Progress` and, last, :class:`Fitted`."""

    task: ArcTask
    options: FitOptions
    seed: int
    member: int
    began: float
    deadline: float
    watched: bool


class Members:
    """Processes that fit members, to be used for one task after another; one process means this one."""

    def __init__(self, processes: int) -> None:
        self.processes = max(1, processes)
        self.workers: list[SpawnProcess] = []
        self.pipes: list[Connection] = []

    def __enter__(self) -> Members:
        if self.processes > 1:
            context = multiprocessing.get_context("spawn")
            for _ in range(self.processes):
                ours, theirs = context.Pipe()
                self.pipes.append(ours)
                self.workers.append(context.Process(target=_work, args=(theirs,), daemon=True))
                with theirs, _interrupts_held():
                    self.workers[-1].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.join()
        for pipe in self.pipes:
            pipe.close()
        self.workers, self.pipes = [], []

    def adapt(
        self,
        task: ArcTask,
        *,
        budget: float = 60.0,
        members: int = AGREE,
        most: int = 9,
        seed: int = 0,
        observe: Observer | None = None,
        options: AdaptOptions | None = None,
    ) -> Adapted:
        """As :func:`adapt`, by these processes."""
        began = time.monotonic()
        job = Job(task, members, most, seed, observe, options or AdaptOptions(), began, began + budget)
        try:
            if self.pipes:
                self._together(job)
            else:
                work_alone(job)
        except KeyboardInterrupt:
            if self.pipes:
                self._stop(job)
            raise Interrupted(job.adapted()) from None
        return job.adapted()

    def _together(self, job: Job) -> None:
        idle, busy = list(self.pipes), set[Connection]()
        while not job.settled:
            while idle and (order := job.next()) is not None:
                busy.add(idle[-1])
                idle.pop().send(order)
            if not busy:
                return
            for pipe in cast("list[Connection]", wait(list(busy))):
                try:
                    said = pipe.recv()
                except (EOFError, OSError):
                    raise ChildProcessError(
                        "one of the processes that fit networks was killed: is there enough memory?"
                    ) from None
                if job.hear(said):
                    busy.discard(pipe)
                    idle.append(pipe)
        self._stop(job, busy, keep=False)

    def _stop(self, job: Job, busy: set[Connection] | None = None, keep: bool = True) -> None:
        """Let every process that is busy answer with what it has."""
        pipes = self.pipes if busy is None else busy
        for pipe in pipes:
            with suppress(OSError):
                pipe.send(None)
        for pipe in pipes:
            with suppress(EOFError, OSError):
                while (said := pipe.recv()) is not None:
                    if keep:
                        job.hear(said)


def _work(pipe: Connection) -> None:
    """The life of a process; whatever comes while it is busy means stop, and is answered by None."""
    torch.set_num_threads(1)
    with suppress(EOFError, OSError):
        while True:
            order = pipe.recv()
            if order is not None:
                _obey(order, pipe)
            else:
                pipe.send(None)


def _obey(order: _Order, pipe: Connection) -> None:
    def over() -> bool:
        return time.monotonic() >= order.deadline or pipe.poll()

    observe = pipe.send if order.watched else None
    fitted = fit(order.task, order.options, order.seed, over, observe, order.member, order.began)
    pipe.send((order.member, fitted))


def work_alone(job: Job) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        while not job.settled and (order := job.next()) is not None:

            def over(deadline: float = order.deadline) -> bool:
                return time.monotonic() >= deadline

            fitted = fit(order.task, order.options, order.seed, over, job.observe, order.member, order.began)
            job.hear((order.member, fitted))
    finally:
        torch.set_num_threads(threads)


@dataclass
class Job:
    """One task: members given out, and what came of them."""

    task: ArcTask
    members: int
    most: int
    seed: int
    observe: Observer | None
    options: AdaptOptions
    began: float
    deadline: float
    given: int = 0
    done: dict[int, Fitted] = field(default_factory=dict)
    settled: bool = False

    def next(self) -> _Order | None:
        """The next member, unless all are given out or there is no time for half of one more."""
        now = time.monotonic()
        if self.given >= self.most or now >= self.deadline:
            return None
        if self.done:
            usual = sum(fitted.seconds for fitted in self.done.values()) / len(self.done)
            if self.deadline - now < usual / 2:
                return None
        self.given += 1
        return _Order(
            self.task,
            self.options.member(self.given),
            self.seed * 1000 + self.given,
            self.given,
            self.began,
            self.deadline,
            self.observe is not None,
        )

    def hear(self, said: Progress | tuple[int, Fitted]) -> bool:
        """Whether this is a member's last word."""
        if isinstance(said, Progress):
            if self.observe is not None:
                self.observe(said)
            return False
        number, fitted = said
        self.done[number] = fitted
        first = self.first
        self.settled = len(first) >= self.members and _agree(_attempts(self.task, first))
        return True

    @property
    def first(self) -> list[Fitted]:
        """The shortest run of members from the first on that agree; all that are done, if none do."""
        row = []
        for number in range(1, self.given + 1):
            if number not in self.done:
                break
            row.append(self.done[number])
            if len(row) >= self.members and _agree(_attempts(self.task, row)):
                return row
        return [self.done[number] for number in sorted(self.done)]

    def adapted(self) -> Adapted:
        first = self.first
        tests = _attempts(self.task, first)
        return Adapted(
            self.task,
            tests,
            max((sum(fitted.right) for fitted in first), default=0),
            time.monotonic() - self.began,
            sum(fitted.cpu_seconds for fitted in self.done.values()),
            _agree(tests),
        )


def _attempts(task: ArcTask, members: Sequence[Fitted]) -> tuple[Attempts, ...]:
    return tuple(count([member.ballots[test] for member in members]) for test in range(len(task.tests)))


def _agree(tests: Sequence[Attempts]) -> bool:
    return bool(tests) and all(test.agreement >= AGREE for test in tests)
