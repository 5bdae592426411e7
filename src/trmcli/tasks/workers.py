"""Work shared out between processes, with results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from multiprocessing.pool import IMapIterator
from multiprocessing.process import BaseProcess
from typing import TypeVar

from trmcli.tasks.quota import cpu_quota

T = TypeVar("T")

WAIT = 1.0
"""Seconds without a result after which it is asked whether all processes are still there."""


def processors() -> int:
    """Processors that this process may really use: those that it is bound to, within a container's quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(bound, cpu_quota())))


@contextmanager
def mapped(make: partial[T], count: int, processes: int) -> Iterator[Iterator[T]]:
    """``make(0)``, ``make(1)``, … in order, by several processes that end with the block, however it ends.

    Raises:
        ChildProcessError: by the iterator, when one of the processes is killed.
    """
    if min(count, processes) <= 1:
        yield map(make, range(count))
        return
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with _interrupts_ignored():  # the workers inherit it: Ctrl-C is for this process alone
        pool = context.Pool(min(count, processes))
    workers = set(multiprocessing.active_children()) - others
    size = max(1, min(16, count // (4 * processes)))
    with pool:
        pieces = _watched(pool.imap(partial(_piece, make, count, size), range(0, count, size)), workers)
        yield chain.from_iterable(pieces)


def _piece(make: partial[T], count: int, size: int, start: int) -> list[T]:
    return [make(number) for number in range(start, min(count, start + size))]


def _watched(results: IMapIterator[T], workers: set[BaseProcess]) -> Iterator[T]:
    """The results, as long as all workers live; a pool would wait for those of a dead one for ever."""
    while True:
        try:
            yield results.next(timeout=WAIT)
        except StopIteration:  # noqa: PERF203
            return
        except multiprocessing.TimeoutError:
            if not all(worker.is_alive() for worker in workers):
                raise ChildProcessError(
                    "one of the processes that share this work was killed: is there enough memory?"
                ) from None


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
