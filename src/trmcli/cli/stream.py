"""The puzzles that ``solve`` and ``eval`` are given, in order, as they come.

A thread reads them ahead. So nobody who has something to do waits for input that has not come: a program may
write one puzzle into a pipe, keep it open, and wait for the answer.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task

AHEAD = 512
"""Puzzles that are read ahead: as many as any engine works on at once."""

PATIENCE = 0.2
"""Seconds that are waited for a second puzzle, to know whether there are several."""


@dataclass(frozen=True)
class _End:
    """After the last puzzle; with what went wrong, if something did."""

    error: Exception | None = None


class PuzzleStream:
    """The puzzles of some sources, all of one task.

    Bad input ends it, and is raised by :meth:`fail` when what came before it has been dealt with.

    Args:
        sources: files, ``-`` for standard input, or puzzles as text.
        task: None to look at the text.
        room: how many puzzles are read ahead; by default :data:`AHEAD`.
        skip: hears of each bad record, which then does not end the stream.
        legend: what signs of mazes mean.

    Attributes:
        task: of the puzzles, as soon as there is one.
        skipped: how many bad records there were.
    """

    def __init__(
        self,
        sources: Sequence[str],
        task: Task | None,
        room: int | None = None,
        skip: Callable[[InputError], None] | None = None,
        legend: str | None = None,
    ) -> None:
        self.task: Task
        self.skipped = 0
        self._skip = skip
        self._patient = not any(map(_may_wait, sources))
        self._config: Mapping[str, object] = {}
        self._change: Callable[[Puzzle], Puzzle] | None = None
        self._taken: deque[Puzzle] = deque()
        self._end: _End | None = None
        self._read: Queue[tuple[Task, Puzzle] | InputError | _End] = Queue(room or AHEAD)
        # The thread keeps sys.stdin, which Python would else close at its end, and wait for the thread.
        Thread(target=self._run, args=(sources, task, legend, sys.stdin), daemon=True).start()

    def _run(self, sources: Sequence[str], task: Task | None, legend: str | None, _stdin: object) -> None:
        """What the thread does."""
        from trmcli.tasks import read_puzzles

        try:
            for record in read_puzzles(sources, task, self._skip and self._read.put, legend):
                self._read.put(record)
        except Exception as error:
            self._read.put(_End(error))
        else:
            self._read.put(_End())

    def first(self) -> Puzzle:
        """The first puzzle, which stays in the stream; waits for it.

        Raises:
            InputError: if there is none.
        """
        if not self._wait(1, None):
            self.fail()
            raise InputError("there is no puzzle in the input")
        return self._taken[0]

    def several(self, count: int = 2) -> bool:
        """Whether there are so many puzzles, as far as that can be told without waiting for long."""
        return self._wait(count, None if self._patient else PATIENCE)

    def known(self, most: int = 1000) -> list[Puzzle] | None:
        """All puzzles, which stay in the stream, before any has been taken; None if there are more than
        ``most``, if one of them is bad, or if that cannot be told without waiting for long."""
        self.several(most + 1)
        return None if self._end is None or self.failed else list(self._taken)

    def ready(self) -> bool:
        """Whether the next puzzle, or the end, is there already. Files are always ready."""
        return self._patient or self._wait(1, 0.0) or self._end is not None

    def prepare(self, config: Mapping[str, object], change: Callable[[Puzzle], Puzzle] | None = None) -> None:
        """From the first puzzle on, take only what weights of this configuration can.

        ``change`` completes each puzzle; what it raises as InputError makes a bad record.
        """
        self._config, self._change = config, change
        taken, self._taken = self._taken, deque()
        end, self._end = self._end, None
        for puzzle in taken:
            self._take(self.task, puzzle)
        self._end = self._end or end

    def __iter__(self) -> Iterator[Puzzle]:
        return self

    def __next__(self) -> Puzzle:
        if not self._wait(1, None):
            raise StopIteration
        return self._taken.popleft()

    def fail(self) -> None:
        """Raise what ended the stream, if it was an error."""
        if self._end is not None and self._end.error is not None:
            raise self._end.error

    @property
    def failed(self) -> bool:
        """Whether it has ended with an error."""
        return self._end is not None and self._end.error is not None

    def _wait(self, count: int, seconds: float | None) -> bool:
        """Whether so many puzzles are there, within so many seconds or, without a number, at all."""
        until = None if seconds is None else time.monotonic() + seconds
        while len(self._taken) < count and self._end is None:
            left = None if until is None else max(0.0, until - time.monotonic())
            try:
                record = self._read.get(block=left != 0, timeout=left)
            except Empty:
                return False
            if isinstance(record, _End):
                self._end = record
            elif isinstance(record, InputError):
                self._bad(record)
            else:
                self._take(*record)
        return len(self._taken) >= count

    def _take(self, task: Task, puzzle: Puzzle) -> None:
        if self._end is not None:
            return
        from trmcli.tasks.fit import check_fit

        self.task = task
        try:
            check_fit(task, puzzle, self._config)
            self._taken.append(puzzle if self._change is None else self._change(puzzle))
        except InputError as error:
            self._bad(error)

    def _bad(self, error: InputError) -> None:
        if self._skip is None:
            self._end = _End(error)
        else:
            self.skipped += 1
            self._skip(error)


def _may_wait(source: str) -> bool:
    """Whether reading a source may have to wait for somebody else: a pipe, a terminal."""
    try:
        mode = os.fstat(0).st_mode if source == "-" else Path(source).stat().st_mode
    except (OSError, ValueError):  # not a file, but a puzzle
        return False
    return not stat.S_ISREG(mode)
