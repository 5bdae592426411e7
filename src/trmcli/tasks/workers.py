"""Work shared out between processes, with results in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

T = TypeVar("T")


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def mapped(make: partial[T], count: int, processes: int) -> Iterator[Iterator[T]]:
    """``make(0)``, ``make(1)``, … in order, by several processes that end with the block, however it ends."""
    if min(count, processes) <= 1:
        yield map(make, range(count))
        return
    context = multiprocessing.get_context("spawn")
    with _interrupts_ignored():  # the workers inherit it: Ctrl-C is for this process alone
        pool = context.Pool(min(count, processes))
    with pool:
        yield pool.imap(make, range(count), chunksize=max(1, min(16, count // (4 * processes))))


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
