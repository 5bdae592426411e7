"""``trm solve`` for ARC: tasks in, two attempts at each test input out, which nobody can check.

Nothing tells whether an attempt is right. What is said of it is how many demonstrations the fitted networks
reproduce, and how many of them agree.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from trmcli.checks import need_torch
from trmcli.cli import standard
from trmcli.cli.common import name_skipped, plural
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.cli.options import Show
    from trmcli.solving.adapted import Adapted, Progress
    from trmcli.tasks.arc.task import ArcTask
    from trmcli.training.members import Members
    from trmcli.ui.palette import Terminal, Theme

BUDGET = 60.0
"""Seconds of a task, where nobody says otherwise."""
FITTING = "fitting networks to ARC tasks"


class Adapt(Protocol):
    """What fits networks to a task: :class:`Fitter`, or what stands in for it."""

    def __call__(
        self,
        task: ArcTask,
        *,
        budget: float,
        seed: int,
        observe: Callable[[Progress], None] | None = None,
        ended: Callable[[], bool] = lambda: False,
    ) -> Adapted: ...


class Fitter:
    """:func:`trmcli.training.members.adapt` by processes that stay for all tasks.

    They start with the first task, and import torch; this process does not.

    Args:
        processes: how many work at once; None for as many as there are processors.
    """

    def __init__(self, processes: int | None) -> None:
        self.processes = processes
        self._pool: Members | None = None
        self._opened = ExitStack()

    def __enter__(self) -> Fitter:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def __call__(
        self,
        task: ArcTask,
        *,
        budget: float,
        seed: int,
        observe: Callable[[Progress], None] | None = None,
        ended: Callable[[], bool] = lambda: False,
    ) -> Adapted:
        if self._pool is None:
            from trmcli.tasks.workers import processors
            from trmcli.training.members import Members

            self._pool = self._opened.enter_context(Members(self.processes or processors()))
        return self._pool.adapt(task, budget=budget, seed=seed, observe=observe, ended=ended)


def read(sources: Sequence[str], answers: bool = True) -> tuple[list[ArcTask], int]:
    """The tasks, and how many bad ones were named and left out.

    Raises:
        InputError: there is no good one.
    """
    from trmcli.tasks.arc.files import read_tasks

    bad: list[InputError] = []
    tasks = read_tasks(sources, bad.append, answers)
    if not tasks:
        for error in bad[:-1]:
            name_skipped(error)
        raise bad[-1]
    for error in bad:
        name_skipped(error)
    return tasks, len(bad)


@dataclass(frozen=True)
class _Watch:
    """Who hears of the progress, and what a key has asked for."""

    observe: Callable[[Progress], None] | None = None
    asked: Callable[[], str | None] = lambda: None


@dataclass
class ArcSolve:
    """Works on tasks one after another, and shows what comes of it.

    Attributes:
        tasks: what to answer; outputs of tests, where they are known, are for the verdict alone.
        budget: seconds of a task.
        processes: how many work at once; None for as many as there are processors.
        live: whether to draw on the terminal; None where there is one to draw on.
        theme: of the terminal.
        as_json: whether to write one JSON object for each test input.
        output: where the submission goes.
        adapt: what fits networks to a task; None for the real one.
        asker: trained weights, which are asked instead.
    """

    tasks: Sequence[ArcTask]
    show: Show
    budget: float = BUDGET
    processes: int | None = None
    seed: int = 0
    live: bool | None = None
    fps: float = 4.0
    theme: Theme = "auto"
    as_json: bool = False
    output: Path | None = None
    adapt: Adapt | None = None
    asker: Adapt | None = None
    done: list[Adapted] = field(default_factory=list)

    def run(self, bad: int = 0, tolerant: bool = False) -> int:
        """Answer all tasks; the exit status.

        Args:
            bad: how many tasks could not be read.
            tolerant: whether that is not a failure.
        """
        from trmcli.files import writing

        if self.adapt is None and self.asker is None:
            need_torch(FITTING)
        begin, stopped = time.perf_counter(), ""
        if self.output is not None and self.output.suffix.lower() != ".json":
            raise InputError("a submission is JSON: the name must end in .json", str(self.output))
        with writing(self.output) as file, Fitter(self.processes) as fitter:
            adapt = self.asker or self.adapt or fitter
            try:
                for number, task in enumerate(self.tasks, start=1):
                    if self._one(adapt, number, task) == "quit":
                        stopped = "ended"
                        break
            except KeyboardInterrupt:
                stopped = "interrupted"
            answered = sum(any(test.attempts for test in one.tests) for one in self.done)
            if stopped:
                tasks = plural(len(self.tasks), "task", "tasks")
                self.show.say(f"{stopped}: {answered} of {tasks} answered so far")
            if stopped and not answered:  # so an older file that was to be written to stays
                raise SystemExit(130 if stopped == "interrupted" else 1)
            if file is not None:
                from trmcli.tasks.arc.submission import submission_text

                answers = {one.task.name: [test.attempts for test in one.tests] for one in self.done}
                file.write(submission_text(answers))
        if stopped == "interrupted":
            return 130
        settled = sum(one.settled for one in self.done)
        if len(self.tasks) > 1:
            unchecked = "" if any(task.answers for task in self.tasks) else ", all unchecked"
            seconds = time.perf_counter() - begin
            voters = "members" if self.asker is None else "views"
            self.show.say(
                f"{voters} agree in {settled} of {len(self.done)} tasks{unchecked}, {seconds:.1f} s"
            )
        if bad:
            self.show.say(f"{plural(bad, 'bad task', 'bad tasks')} skipped")
        if bad and not tolerant:
            return 2
        return 0 if settled == len(self.done) and not bad else 1

    @property
    def _draws(self) -> bool:
        if self.asker is not None or self.as_json or self.live is False or not sys.stdout.isatty():
            return False
        return os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")

    def _one(self, adapt: Adapt, number: int, task: ArcTask) -> str | None:
        """Answer a task; ``next`` or ``quit``, if a key asked for it.

        Raises:
            KeyboardInterrupt: when what there is by then has been shown.
        """
        from trmcli.solving.adapted import Interrupted
        from trmcli.tasks.arc.files import without_answers

        hidden, watch = without_answers(task), _Watch()
        adapted: Adapted | None = None
        stopped: KeyboardInterrupt | None = None
        try:
            with self._observing(number, task) as watch:
                adapted = adapt(
                    hidden,
                    budget=self.budget,
                    seed=self.seed,
                    observe=watch.observe,
                    ended=lambda: watch.asked() is not None,
                )
        except KeyboardInterrupt as interrupt:  # or while the end was played
            adapted = interrupt.so_far if isinstance(interrupt, Interrupted) else adapted
            stopped = interrupt if watch.asked() is None else None
        if adapted is not None and (not stopped or any(test.attempts for test in adapted.tests)):
            self.done.append(adapted)
            try:
                self._show(task, adapted)
            except BrokenPipeError:
                if not stopped:
                    raise
                standard.drop(sys.stdout)  # Ctrl-C has ended whoever read it as well
        if stopped:
            raise stopped
        return watch.asked()

    @cached_property
    def _terminal(self) -> Terminal:
        from trmcli.ui.palette import Terminal

        return Terminal(self.theme)

    @property
    def _torn(self) -> bool:
        """Whether attempts may appear on the terminal while a line stands there."""
        from trmcli.ui.progress import piped

        return sys.stdout.isatty() or (len(self.tasks) > 1 and piped())

    @contextmanager
    def _observing(self, number: int, task: ArcTask) -> Iterator[_Watch]:
        """What hears of the progress: a view on the terminal, one line on stderr, or nothing."""
        title = task.label + (f", {number} of {len(self.tasks)}" if len(self.tasks) > 1 else "")
        if self._draws:
            from trmcli.ui.arc_live import TaskView

            with TaskView(self._terminal, task, title, self.budget, self.fps) as view:
                yield _Watch(view.update, lambda: view.asked)
        elif self.asker is not None or self.show.quiet or self._torn or not sys.stderr.isatty():
            yield _Watch()
        else:
            from trmcli.ui.arc_line import progress_line

            with progress_line(title, len(task.shown), self.budget) as observe:
                yield _Watch(observe)

    def _show(self, task: ArcTask, adapted: Adapted) -> None:
        """Write the attempts to stdout, and what there is to say of them to stderr, or below the drawing."""
        if adapted.lost:
            name_lost()
        for number in range(len(adapted.tests)):
            if self.as_json:
                print(json.dumps(record(task, adapted, number), ensure_ascii=False), flush=True)
            elif sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", ""):
                _draw(adapted, number, self._terminal)
            else:
                _print(adapted, number)
            words = verdict(task, adapted, number)
            if self._draws:
                print(words, flush=True)
            elif not self.as_json or len(self.tasks) == 1:
                test = f", test {number + 1}" if len(adapted.tests) > 1 else ""
                self.show.say(f"{task.label}{test}: {words}")


@cache
def name_lost() -> None:
    """Say once that a process was killed."""
    lost = "a process was killed: its network is lost, the others go on; is there enough memory?"
    print(f"trm: {lost}", file=sys.stderr, flush=True)


def verdict(task: ArcTask, adapted: Adapted, number: int) -> str:
    """One sentence on the attempts at one test input; right or wrong only where the answer is known."""
    test = adapted.tests[number]
    fits = "" if adapted.fits is None else f"fits {adapted.fits} of {len(task.shown)} demonstrations, "
    if not test.attempts:
        return f"{fits}no attempt in {adapted.seconds:.1f} s"
    agree = (
        f"{test.agreement} of {plural(test.members, f'{adapted.voters} agrees', f'{adapted.voters}s agree')}"
    )
    found = right_attempt(task, adapted, number)
    known = f"attempt {found} is right" if found else "no attempt is right"
    checked = "unchecked" if found is None else known
    return f"{fits}{agree}, {checked}, {adapted.seconds:.1f} s"


def right_attempt(task: ArcTask, adapted: Adapted, number: int) -> int | None:
    """Which attempt is the known output, from 1; 0 for none of them, None where the output is not known."""
    if task.answers is None:
        return None
    answer = task.answers[number].tolist()
    attempts = [grid.tolist() for grid in adapted.tests[number].attempts]
    return attempts.index(answer) + 1 if answer in attempts else 0


def record(task: ArcTask, adapted: Adapted, number: int) -> Mapping[str, object]:
    """One line of ``--json``."""
    test, found = adapted.tests[number], right_attempt(task, adapted, number)
    return {
        "task": task.name,
        "test": number + 1,
        "attempts": [grid.tolist() for grid in test.attempts],
        "votes": [round(share, 4) for share in test.votes],
        "agreement": test.agreement,
        "members": test.members,
        "fits_demonstrations": adapted.fits,
        "demonstrations": len(task.shown),
        "verified": None if found is None else found > 0,
        "seconds": round(adapted.seconds, 2),
        "cpu_seconds": round(adapted.cpu_seconds, 2),
        "origin": str(task.origin),
    }


def _draw(adapted: Adapted, number: int, console: Terminal) -> None:
    from trmcli.ui.arc import Lines, Look
    from trmcli.ui.arc_live import attempts_drawing

    drawing = attempts_drawing(adapted, number, Look.of(console), console.width, console.height - 3)
    console.print(Lines(drawing))


def _print(adapted: Adapted, number: int) -> None:
    """Rows of digits; a line that begins with # says whose they are, an empty one stands between grids."""
    from trmcli.ui.arc import digits

    for attempt, grid in enumerate(adapted.tests[number].attempts, start=1):
        print(f"# {adapted.task.label}, test {number + 1}, attempt {attempt}\n{digits(grid)}\n", flush=True)
