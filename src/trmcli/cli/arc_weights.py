"""Trained weights and the ARC tasks that they know: shared by ``trm solve`` and ``trm eval``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from trmcli.cli.common import plural
from trmcli.cli.solve_arc import read
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.cli.options import Batches, Model, Show
    from trmcli.solving.adapted import Adapted, Progress
    from trmcli.solving.solver import Solver
    from trmcli.solving.view_votes import Answered
    from trmcli.tasks.arc.task import ArcTask

MOST = 64
"""Views that are worked on together, if nothing else is said: with 900 cells each, more are not quicker."""
PUZZLES = "test_puzzles.json"


@dataclass(frozen=True)
class Voter:
    """Weights that vote.

    Attributes:
        path: of their file.
        names: of the rows of their table.
        learned: what tells the grids that they learned from.
    """

    path: Path
    names: Sequence[str]
    learned: set[str]

    @staticmethod
    def of(path: Path, sources: Sequence[str]) -> Voter:
        """What is known of a file of weights before they are loaded.

        Args:
            path: of the weights.
            sources: where the tasks come from, which may be the folder that the weights were trained on.

        Raises:
            InputError: they solve something else, or nobody knows what the rows of their table are of.
        """
        from trmcli.training.reference_data import read_identifiers
        from trmcli.weights.files import read_card
        from trmcli.weights.table import read_puzzles

        card = read_card(path)
        if card.task != "arc":
            raise InputError(f"these weights solve {card.task}, not arc", str(path))
        known, count = read_puzzles(path, card.puzzles), int(card.config.get("num_puzzles", 0))
        for names in (known.names, *(read_identifiers(Path(source), count) for source in sources)):
            if names:
                return Voter(path, names, set(known.learned))
        message = (
            f"does not say which task in which view each of its {count} rows of puzzle embeddings is of: "
            "convert it with --identifiers, or name the folder that it was trained on as DATA"
        )
        raise InputError(message, str(path))

    def warnings(self, tasks: Sequence[ArcTask], unknown: str) -> Iterator[str]:
        """What to know of the tasks before the weights are asked.

        Args:
            tasks: that they will be asked.
            unknown: what becomes of tasks that they do not know.

        Raises:
            InputError: they know none of them, or one has a grid that is larger than their canvas.
        """
        from trmcli.solving.view_votes import rows_of
        from trmcli.tasks.arc.task import digest
        from trmcli.tasks.arc.tokens import check_canvas

        rows = rows_of(self.names)
        for task in tasks:
            if task.name in rows:
                check_canvas(task)
        if foreign := [task.label for task in tasks if task.name not in rows]:
            if len(foreign) == len(tasks):
                others = ", nor of any other" if len(tasks) > 1 else ""
                message = f"know no view of task {foreign[0]}{others}: they were trained on others"
                raise InputError(f"these weights {message}", str(self.path))
            what = plural(len(foreign), "task is", "tasks are")
            yield f"{what} not known to these weights, and {unknown}: {_some(foreign)}"
        if leaked := [
            task.label for task in tasks if any(digest(grid) in self.learned for grid in task.tests)
        ]:
            what = plural(len(leaked), "task has", "tasks have")
            said = "a test that these weights were trained on: that they are right says nothing"
            yield f"{what} {said}: {_some(leaked)}"

    def solver(self, machine: Batches, rounds: int | None) -> Solver:
        """The weights, loaded.

        Raises:
            InputError: they cannot be, or this machine has no such device.
        """
        from trmcli.loading import load_engine
        from trmcli.solving.solver import Solver
        from trmcli.tasks import get_task

        name, device, task = machine.engine, machine.device, get_task("arc")
        loaded = load_engine(
            self.path, task, name, device, rounds, machine.threads, compiling=machine.compile
        )
        return Solver(loaded[0])

    def questions(self, tasks: Sequence[ArcTask]) -> int:
        """How many views of test inputs they will be asked for."""
        from trmcli.solving.view_votes import rows_of

        rows = rows_of(self.names)
        return sum(len(task.tests) * len(rows.get(task.name, ())) for task in tasks)


@dataclass
class Asker:
    """Asks weights for one task after another, as networks are fitted to one after another.

    Attributes:
        voter: the weights; they are loaded for the first task.
        rounds: of a supervision step; None for as many as the weights are meant for.
        steps: supervision steps of each view.
        several: whether there are several tasks, so that answers are printed between two of them.
    """

    voter: Voter
    machine: Batches
    show: Show
    rounds: int | None
    steps: int
    several: bool

    @staticmethod
    def of(
        sources: Sequence[str],
        tasks: Sequence[ArcTask],
        model: Model,
        steps: int | None,
        machine: Batches,
        show: Show,
    ) -> Asker:
        """The weights that are named, after a look at the tasks.

        Raises:
            InputError: they know none of them, or are not of ARC tasks.
        """
        from trmcli.tasks.task import USUAL_STEPS
        from trmcli.weights.registry import find_weights

        voter = Voter.of(find_weights(model.weights, "arc"), sources)
        for warning in voter.warnings(tasks, "given no attempt"):
            print(f"trm: warning: {warning}", file=sys.stderr)
        return Asker(voter, machine, show, model.rounds, steps or USUAL_STEPS, len(tasks) > 1)

    @cached_property
    def _solver(self) -> Solver:
        return self.voter.solver(self.machine, self.rounds)

    def __call__(
        self,
        task: ArcTask,
        *,
        budget: float,
        seed: int,
        observe: Callable[[Progress], None] | None = None,
        ended: Callable[[], bool] = lambda: False,
    ) -> Adapted:
        """The two grids that most views give; there is no budget, and nothing is drawn by chance."""
        from trmcli.solving.view_votes import answer
        from trmcli.ui.progress import piped, progress

        hidden = self.show.quiet or (self.several and piped())
        clock, cpu = time.monotonic(), time.process_time()
        count = self.voter.questions([task])
        with progress(f"asking for {task.label}", count, prints=False, hidden=hidden) as advance:
            (answered,) = answer(
                self._solver,
                [task],
                self.voter.names,
                steps=self.steps,
                batch_size=self.machine.batch_size or MOST,
                asked=advance,
            )
        return adapted(task, answered, time.monotonic() - clock, time.process_time() - cpu)


def adapted(task: ArcTask, answered: Answered, seconds: float, cpu_seconds: float) -> Adapted:
    """Votes of views as those of members; settled where more than half of them give the first attempt."""
    from trmcli.solving.adapted import Adapted, Attempts

    tests = []
    for votes in answered.tests:
        views = sum(vote.count for vote in votes)
        grids, shares = (
            tuple(vote.grid for vote in votes[:2]),
            tuple(vote.count / views for vote in votes[:2]),
        )
        tests.append(Attempts(grids, shares, votes[0].count if votes else 0, views))
    settled = all(2 * test.agreement > test.members for test in tests)
    return Adapted(task, tuple(tests), None, seconds, cpu_seconds, settled, voters="view")


def read_known(sources: Sequence[str]) -> tuple[list[ArcTask], int]:
    """The tasks, and how many bad ones were named and left out; of a folder of training data, its tests.

    Raises:
        InputError: there is no good one.
    """
    tasks, bad = read([_puzzles_of(source) for source in sources])
    known = {
        task.origin.name
        for task in tasks
        if Path(task.origin.name).name != PUZZLES
        or any(grid.size > 1 or grid.any() for grid in task.answers or ())
    }
    # Where nobody knows the answers, such a folder has a dot in place of each.
    return [task if task.origin.name in known else replace(task, answers=None) for task in tasks], bad


def _puzzles_of(source: str) -> str:
    """The file of tasks in a folder that ``trm data build arc`` or the reference made; else the source."""
    try:
        inside = Path(source) / PUZZLES
        return str(inside) if inside.is_file() else source
    except (OSError, ValueError):  # a task as text
        return source


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
