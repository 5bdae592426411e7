"""Several networks fitted to one ARC task, each by itself, until most agree or the time is over.

Members run in processes of their own, one thread each. Torch is imported in those alone, so whoever waits for
them hears Ctrl-C and the end of the time at once. They are asked to stop, but not waited for: what a member
would answer is known all along, as it tells now and then.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Protocol

from trmcli.solving.adapted import Adapted, Interrupted, Progress
from trmcli.tasks.arc.task import ArcTask
from trmcli.tasks.workers import interrupts_held, processors
from trmcli.training.fitting import AdaptOptions, Fitted
from trmcli.training.job import AGREE, Job, Observer, Order

LAST_WORDS = 0.5
"""Seconds in which members may answer after Ctrl-C."""
_TICK = 0.2
"""Seconds, at most, between two looks at whether somebody wants it to end."""
_KILLED = "all processes that fit networks were killed: is there enough memory?"


class Fit(Protocol):
    """Fits one member: :func:`fit_network`, or what stands in for it in tests.

    It asks how many seconds are ``left``, none once it has to answer with what it has. It tells ``observe``
    of the progress, and ``keep`` what it would answer if it were cut off.
    """

    def __call__(
        self,
        order: Order,
        left: Callable[[], float],
        observe: Observer | None,
        keep: Callable[[Fitted], None] | None,
    ) -> Fitted: ...


def fit_network(
    order: Order,
    left: Callable[[], float],
    observe: Observer | None,
    keep: Callable[[Fitted], None] | None,
) -> Fitted:
    """:func:`trmcli.training.adapt.fit` on one thread."""
    import torch

    from trmcli.solving.torch_engine import keep_memory
    from trmcli.training.adapt import fit

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_memory()
    try:
        return fit(order.task, order.options, order.seed, left, observe, order.member, order.began, keep)
    finally:
        torch.set_num_threads(threads)


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
        budget: seconds of the clock; the first answer is waited for, however long it takes.
        processes: members fitted at once; by default one on each processor.
        members: at least so many, if the budget allows, before they may be settled.
        most: members at most.
        seed: of the first member; the others' follow.
        observe: is told of the progress.
        options: how the members are fitted.

    Raises:
        Interrupted: on Ctrl-C, with the attempts so far.
        ChildProcessError: every process was killed before any had an answer.
    """
    with Members(min(processors() if processes is None else processes, most)) as pool:
        return pool.adapt(
            task, budget=budget, members=members, most=most, seed=seed, observe=observe, options=options
        )


@dataclass(frozen=True)
class _Said:
    """What a process tells: progress, what it would answer now, or its answer."""

    member: int
    what: Progress | Fitted
    last: bool = False


@dataclass
class _Worker:
    """A process; ``job`` is what it works on, which may be a task that is over."""

    process: BaseProcess
    pipe: Connection
    job: Job | None = None
    member: int = 0


class Members:
    """Processes that fit members, to be used for one task after another.

    They start with the first task. Inside a process that may have no others, members are fitted by itself.
    """

    def __init__(self, processes: int, fit: Fit = fit_network) -> None:
        self.processes, self.fit = max(1, processes), fit
        self.workers: list[_Worker] = []

    def __enter__(self) -> Members:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()
        self.workers = []

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
        ended: Callable[[], bool] = lambda: False,
    ) -> Adapted:
        """As :func:`adapt`, by these processes.

        Args:
            ended: is asked now and then; what is true of it is as good as Ctrl-C.
        """
        alone = bool(multiprocessing.current_process().daemon)
        if alone and self.fit is fit_network:
            import_module("trmcli.training.adapt")  # whoever evaluates many tasks does not wait for it
        began = time.monotonic()
        job = Job(task, members, most, seed, observe, options or AdaptOptions(), began, began + budget)
        try:
            if alone:
                work_alone(job, self.fit)
            else:
                self._together(job, ended)
        except KeyboardInterrupt:
            with suppress(KeyboardInterrupt):  # whoever presses it again need not wait
                self._last_words(job)
            raise Interrupted(job.adapted()) from None
        return job.adapted()

    def _together(self, job: Job, ended: Callable[[], bool]) -> None:
        self._start()
        while not job.settled and job.patience != 0:
            if ended():
                raise KeyboardInterrupt
            more = self._give_out(job)
            if not any(worker.job is job or (more and worker.job) for worker in self.workers):
                break
            self._listen(job, _TICK if job.patience is None else min(_TICK, job.patience))
        if not self.workers and not (job.done or job.so_far):
            raise ChildProcessError(_KILLED)
        self._stop(job)

    def _start(self) -> None:
        """Start as many processes as are lacking."""
        while len(self.workers) < self.processes:
            ours, theirs = multiprocessing.Pipe()
            process = _process(_work, theirs, self.fit)
            try:
                with theirs, interrupts_held():
                    process.start()
                    self.workers.append(_Worker(process, ours))
            except (EOFError, ConnectionError):  # the one that it would be a copy of is gone
                raise ChildProcessError(_KILLED) from None

    def _give_out(self, job: Job) -> bool:
        """Give a member to everyone who is free; whether there may be more to give."""
        for worker in [worker for worker in self.workers if worker.job is None]:
            if (order := job.next()) is None:
                return False
            worker.job, worker.member = job, order.member
            try:
                worker.pipe.send(order)
            except OSError:
                self._lose(worker, job)
        return True

    def _listen(self, job: Job, seconds: float) -> None:
        """Hear whoever says something in this time, those included who are still busy with another task."""
        pipes = {worker.pipe: worker for worker in self.workers if worker.job is not None}
        for pipe in wait(list(pipes), seconds):
            worker = pipes[pipe]  # type: ignore[index]
            try:
                said: _Said = worker.pipe.recv()
            except (EOFError, OSError):
                self._lose(worker, job)
                continue
            if worker.job is job:
                self._hear(job, said)
            if said.last:
                worker.job = None

    @staticmethod
    def _hear(job: Job, said: _Said) -> None:
        if isinstance(said.what, Progress):
            if job.observe is not None:
                job.observe(said.what)
        elif said.last:
            job.finish(said.member, said.what)
        else:
            job.so_far[said.member] = said.what

    def _lose(self, worker: _Worker, job: Job) -> None:
        """Go on without a process that was killed."""
        if worker.job is job:
            job.lost.add(worker.member)
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()

    def _stop(self, job: Job) -> None:
        """Ask whoever is busy with this task to answer at once."""
        for worker in self.workers:
            if worker.job is job:
                with suppress(OSError):
                    worker.pipe.send(None)

    def _last_words(self, job: Job) -> None:
        self._stop(job)
        end = time.monotonic() + LAST_WORDS
        while any(worker.job is job for worker in self.workers) and (left := end - time.monotonic()) > 0:
            self._listen(job, left)


def _process(life: Callable[[Connection, Fit], None], pipe: Connection, fit: Fit) -> BaseProcess:
    """On Linux, a copy of one process that imports torch for all: many imports at once take far longer."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn").Process(target=life, args=(pipe, fit), daemon=True)
    context = multiprocessing.get_context("forkserver")
    if fit is fit_network:
        context.set_forkserver_preload(["trmcli.training.preload"])
    return context.Process(target=life, args=(pipe, fit), daemon=True)


def _work(pipe: Connection, fit: Fit) -> None:
    """The life of a process; whatever comes while it is busy means stop."""
    with suppress(EOFError, OSError):
        while True:
            order: Order | None = pipe.recv()
            if order is not None:
                _obey(order, pipe, fit)


def _obey(order: Order, pipe: Connection, fit: Fit) -> None:
    def left() -> float:
        return 0.0 if pipe.poll() else order.deadline - time.monotonic()

    def tell(what: Progress | Fitted) -> None:
        pipe.send(_Said(order.member, what))

    fitted = fit(order, left, tell if order.watched else None, tell)
    pipe.send(_Said(order.member, fitted, last=True))


def work_alone(job: Job, fit: Fit = fit_network) -> None:
    """Fit one member after another in this process."""
    while not job.settled and (order := job.next()) is not None:

        def left(deadline: float = order.deadline) -> float:
            return deadline - time.monotonic()

        job.finish(order.member, fit(order, left, job.observe, None))
