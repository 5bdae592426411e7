"""``trm eval`` for ARC: how many tasks of a set are answered right, of which kinds, and at what cost.

Every task that is done is kept at once in a file of JSON Lines, if one is named, so that a run that was
killed goes on where it was. Whoever works on a task is given no outputs of its tests.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, Protocol, TypeVar

import typer

from trmcli.checks import need_torch
from trmcli.cli.common import plural
from trmcli.cli.options import choice, whole
from trmcli.cli.solve_arc import BUDGET, FITTING, Adapt, Fitter, name_lost, read
from trmcli.errors import InputError, Origin

if TYPE_CHECKING:
    from trmcli.cli.options import Show
    from trmcli.solving.arc_figures import ArcFigures, Result
    from trmcli.tasks.arc.task import ArcTask


Which = Literal["one", "all"]


@dataclass(frozen=True)
class ArcSet:
    """How a set of ARC tasks is gone through."""

    panel: ClassVar[str] = "Sets of ARC tasks"

    sample: Annotated[
        int | None,
        typer.Option(
            parser=whole(1), metavar="N", help="Only N tasks, drawn by the hash of --seed and their names."
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            parser=whole(1),
            metavar="N",
            help="Tasks worked on at once, each by one process; without it, one task by all of them.",
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the tasks that --predictions does not hold yet.")
    ] = False
    blind: Annotated[
        bool,
        typer.Option("--blind", help="Drop all solutions first, and open their files when all is answered."),
    ] = False
    votes: Annotated[
        Which,
        typer.Option(
            **choice(Which),
            metavar="WHICH",
            help="Of --weights: one, theirs alone; all, those of every evaluation of their run, added up.",
        ),
    ] = "one"
    submission: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Write the first two attempts, of --weights, to this file."),
    ] = None


class Finished(Protocol):
    """A finished task: :class:`trmcli.solving.arc_figures.Result`, or what weights answered."""

    @property
    def task(self) -> str: ...

    @property
    def digest(self) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=Finished)


@dataclass(frozen=True)
class Kept(Generic[R]):
    """The file of finished tasks: first a line with the settings, then one for each task.

    Attributes:
        path: of the file; None to keep nothing.
        settings: what the results depend on.
        parse: makes a finished task of what its ``to_dict`` gave.
    """

    path: Path | None
    settings: Mapping[str, Any]
    parse: Callable[[Mapping[str, Any]], R]

    def begin(self, resume: bool, tasks: Sequence[ArcTask]) -> dict[str, R]:
        """Open the file; the results that are in it already, by name.

        Raises:
            InputError: it is there and nobody said to go on with it, it is of another run, or has other tasks
                of these names.
        """
        if self.path is None:
            if resume:
                raise InputError("--resume goes on with a file: name it by --predictions", "--resume")
            return {}
        from trmcli.files import write_text
        from trmcli.solving.arc_figures import digest

        there = self.path.exists() and self.path.stat().st_size > 0
        if there and not resume:
            raise InputError("is there already: --resume goes on with it", str(self.path))
        lines = [json.dumps({"settings": self.settings})]
        results: dict[str, R] = {}
        if there:
            for line, result in self._read():
                if result.task not in results:
                    lines.append(line)
                    results[result.task] = result
        for task in tasks:
            if task.name in results and results[task.name].digest != digest(task):
                message = f"has another task {task.label} than {task.origin}: name another file"
                raise InputError(message, str(self.path))
        write_text(self.path, "".join(f"{line}\n" for line in lines))  # without a line that was cut off
        return results

    def _read(self) -> Iterator[tuple[str, R]]:
        assert self.path is not None
        text = self.path.read_text(encoding="utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1].splitlines()
        foreign = "is not a file of finished ARC tasks: name another one"
        for number, line in enumerate(whole, start=1):
            origin = Origin(str(self.path), number)
            try:
                value = json.loads(line)
                if number > 1:
                    yield line, self.parse(value)
                    continue
                settings = value["settings"]
            except (ValueError, KeyError, TypeError, AttributeError):
                raise InputError(foreign, origin) from None
            for name, one in self.settings.items():
                if settings.get(name) != one:
                    message = f"was made with --{name} {settings.get(name)}, and this is {one}"
                    raise InputError(message, origin)

    def add(self, result: R) -> None:
        """Keep one more: a single write, so that several processes may share the file."""
        if self.path is None:
            return
        line = json.dumps(result.to_dict()) + "\n"
        number = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            os.write(number, line.encode())
        finally:
            os.close(number)


def work(number: int, tasks: Sequence[ArcTask], kept: Kept[Result], adapt: Adapt) -> Result:
    """Work on the task with this number, and keep what comes of it."""
    from trmcli.solving.arc_figures import Result
    from trmcli.tasks.arc.files import without_answers

    task, settings = without_answers(tasks[number]), kept.settings
    adapted = adapt(task, budget=settings["budget"], seed=settings["seed"])
    if adapted.lost:
        name_lost()
    result = Result.of(adapted)
    kept.add(result)
    return result


@dataclass
class ArcEval:
    """Measures how well tasks are answered.

    Attributes:
        sources: files and folders of tasks, or ``-``.
        solutions: a file of solutions; None for the one beside each file of challenges, or in the tasks.
        blind: whether outputs of tests are dropped as they are read, and solutions not opened before the end.
        limit: only the first so many tasks; ``drawn``: only so many, by the hash of their names.
        workers: tasks worked on at once, each by one process; None for one task by all processes.
        predictions: where finished tasks are kept; ``resume``: go on with those.
        adapt: what fits networks to a task; None for the real one.
    """

    sources: Sequence[str]
    show: Show
    budget: float = BUDGET
    seed: int = 0
    processes: int | None = None
    workers: int | None = None
    solutions: Path | None = None
    blind: bool = False
    limit: int | None = None
    drawn: int | None = None
    predictions: Path | None = None
    resume: bool = False
    save: Path | None = None
    as_json: bool = False
    adapt: Adapt | None = None
    results: dict[str, Result] = field(default_factory=dict)

    def run(self, tolerant: bool = False) -> int:
        """Answer the tasks and print the figures; the exit status.

        Args:
            tolerant: whether tasks that cannot be read are not a failure.
        """
        from trmcli.files import writing
        from trmcli.solving.arc_figures import Result, sample

        if self.blind and "-" in self.sources:
            raise InputError("--blind reads the solutions at the end: name files in place of standard input")
        tasks, bad = read(self.sources, answers=not self.blind)
        if self.adapt is None:
            need_torch(FITTING)
        if self.drawn is not None:
            tasks = sample(tasks, self.drawn, self.seed)
        tasks = tasks[: self.limit]
        if not self.blind:
            tasks = answered(tasks, self.solutions)
        settings = {"budget": self.budget, "seed": self.seed}
        kept = Kept(self.predictions, settings, Result.from_dict)
        self.results = kept.begin(self.resume, tasks)
        interrupted = False
        with writing(self.save) as saved:
            try:
                self._work([task for task in tasks if task.name not in self.results], kept, len(tasks))
            except KeyboardInterrupt:
                interrupted = True
            done = [task for task in tasks if task.name in self.results]
            if not done:
                print("trm: interrupted before the first answer", file=sys.stderr)
                raise KeyboardInterrupt
            if self.blind:
                done = self._solved(done)
            figures = self._figures(done)
            text = json.dumps({**figures.to_dict(), "complete": not interrupted}, indent=2) + "\n"
            if saved is not None:
                saved.write(text)
        if self.as_json:
            print(text, end="", flush=True)
        else:
            from trmcli.ui.arc_tables import show

            show(figures)
        right = figures.total.whole == figures.total.count
        return ending(self.show, len(done), interrupted, bad, tolerant, right)

    def _work(self, tasks: Sequence[ArcTask], kept: Kept[Result], count: int) -> None:
        """Work on the tasks that are not done yet."""
        from trmcli.tasks.workers import mapped
        from trmcli.ui.progress import progress

        with (
            progress("answering", count, prints=False, hidden=self.show.quiet) as advance,
            Fitter(self.processes if self.workers is None else 1) as fitter,
            mapped(
                partial(work, tasks=tasks, kept=kept, adapt=self.adapt or fitter),
                len(tasks),
                self.workers or 1,
                size=1,
            ) as results,
        ):
            for _ in range(count - len(tasks)):
                advance()
            for result in results:
                self.results[result.task] = result
                advance()

    def _solved(self, tasks: Sequence[ArcTask]) -> list[ArcTask]:
        """The tasks with their answers, read only now."""
        from trmcli.tasks.arc.files import read_tasks

        def ignore(_: InputError) -> None:
            """They were named before."""

        answers = {task.name: task.answers for task in read_tasks(self.sources, ignore)}
        from dataclasses import replace

        return answered([replace(task, answers=answers.get(task.name)) for task in tasks], self.solutions)

    def _figures(self, tasks: Sequence[ArcTask]) -> ArcFigures:
        from trmcli.solving.arc_figures import ArcFigures

        figures = ArcFigures()
        for task in tasks:
            figures.add(task, self.results[task.name])
        return figures


def ending(show: Show, done: int, interrupted: bool, bad: int, tolerant: bool, right: bool) -> int:
    """Say what was left out, and that figures are partial; the exit status.

    Args:
        done: tasks that were answered.
        bad: tasks that could not be read, which are a failure unless it is ``tolerant`` of them.
        right: whether all answers that can be judged are right.
    """
    if bad:
        show.say(f"{plural(bad, 'bad task', 'bad tasks')} skipped")
    if interrupted:
        ended = f"interrupted after {plural(done, 'task', 'tasks')}: partial figures"
        print(f"trm: {ended}", file=sys.stderr)
        return 130
    if bad and not tolerant:
        return 2
    return 0 if right and not bad else 1


def answered(tasks: Sequence[ArcTask], solutions: Path | None) -> list[ArcTask]:
    """The tasks with their answers: of the file, of the one beside theirs, or as they are.

    Raises:
        InputError: for one of them no answer is known.
    """
    from trmcli.tasks.arc.files import with_known_solutions, with_solutions

    if solutions is not None:
        return with_solutions(tasks, solutions)
    known = with_known_solutions(tasks)
    for task in known:
        if task.answers is None:
            message = f"task {task.label}: its output is not known; name a file of solutions by --answers"
            raise InputError(message, task.origin.name)
    return known
