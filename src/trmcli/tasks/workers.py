"""Work shared out between processes, with results in order.

Each worker has a pipe to itself. So one that is killed is noticed at once, whatever it was doing: its pipe
ends. The pools and executors of the standard library share pipes and locks among their workers, and wait for
ever when one is killed while it writes or holds a lock.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, NamedTuple, TypeVar, cast

from trmcli.tasks.quota import cpu_quota

T = TypeVar("T")

AHEAD = 2
"""Pieces of work that a worker has: one that it does, and one that it need not wait for afterwards."""


def processors() -> int:
    """Processors that this process may really use: those that it is bound to, within a container's quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(bound, cpu_quota())))


@contextmanager
def mapped(make: partial[T], count: int, processes: int, size: int | None = None) -> Iterator[Iterator[T]]:
    """``make(0)``, ``make(1)``, … in order, by several processes that end with the block, however it ends.

    Each is given ``size`` of them at a time; without it, as many as suit what takes milliseconds.

    What ``make`` raises is raised by the iterator, after the results that come before it.

    Raises:
        ChildProcessError: by the iterator, when one of the processes is killed.
    """
    if min(count, processes) <= 1:
        yield map(make, range(count))
        return
    size = size or max(1, min(16, count // (4 * processes)))
    context = multiprocessing.get_context("spawn")
    workers: list[SpawnProcess] = []
    pipes: list[Connection] = []
    try:
        for _ in range(min(count, processes)):
            ours, theirs = context.Pipe()
            pipes.append(ours)
            workers.append(context.Process(target=_work, args=(theirs, make, count, size), daemon=True))
            with theirs, interrupts_held():  # the worker inherits it: Ctrl-C is for this process alone
                workers[-1].start()
        yield _in_order(pipes, range(0, count, size))
    finally:
        started = [worker for worker in workers if worker.pid is not None]
        for worker in started:
            worker.kill()
        for worker in started:
            worker.join()
        for pipe in pipes:
            pipe.close()


class _Piece(NamedTuple):
    """What a worker made from a number on; and what it failed on, if it did, with the traceback."""

    start: int
    results: list[Any]
    failure: tuple[Exception, str] | None


def _in_order(pipes: list[Connection], starts: range) -> Iterator[T]:
    """The results of the pieces that begin at ``starts``, each made by whoever is free for it."""
    ahead = iter(starts)
    made: dict[int, _Piece] = {}
    with _deaths_named():
        for pipe, start in zip(pipes * AHEAD, ahead, strict=False):
            pipe.send(start)
    for start in starts:
        with _deaths_named():
            while start not in made:
                for pipe in cast("list[Connection]", wait(pipes)):
                    done: _Piece = pipe.recv()
                    made[done.start] = done
                    for following in islice(ahead, 1):
                        pipe.send(following)
        piece = made.pop(start)
        yield from piece.results
        if piece.failure is not None:
            error, text = piece.failure
            raise error from RuntimeError(f"in a process of its own:\n{text}")


@contextmanager
def _deaths_named() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise ChildProcessError(
            "one of the processes that share this work was killed: is there enough memory?"
        ) from None


def _work(pipe: Connection, make: partial[T], count: int, size: int) -> None:
    """The life of a worker; it ends when the pipe does, and so outlives no process that was killed."""
    with suppress(EOFError, OSError):
        while True:
            start, results, failure = pipe.recv(), [], None
            try:
                for number in range(start, min(count, start + size)):
                    results.append(make(number))  # noqa: PERF401 - what is made before a failure counts
            except Exception as error:
                failure = error, traceback.format_exc()
            pipe.send(_Piece(start, results, failure))


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Put off Ctrl-C until the end of the block, where the system can."""
    if os.name == "nt":
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # whose start, with the first worker, would let them in
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
