"""``trm eval`` for ARC with trained weights: every view that they know is asked for, and the answers vote."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from trmcli.cli.arc_weights import MOST, Voter, read_known
from trmcli.cli.common import plural
from trmcli.cli.eval_arc import ArcSet, Kept, answered, ending
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.cli.options import Batches, Model, Show
    from trmcli.solving.view_votes import Answered
    from trmcli.tasks.arc.task import ArcTask


@dataclass
class ViewEval:
    """Measures weights on ARC tasks, and writes a submission.

    Attributes:
        sources: files and folders of tasks, ``-``, or folders that ``trm data build arc`` made.
        model: which weights.
        machine: where they are worked with.
        arc: how the set is gone through.
        steps: supervision steps of each view.
        seed: of the sample.
        solutions: a file of solutions; None for the one beside each file of challenges, or in the tasks.
        limit: only the first so many tasks.
        predictions: where finished tasks are kept.
        save: where the figures go.
    """

    sources: Sequence[str]
    show: Show
    model: Model
    machine: Batches
    arc: ArcSet
    steps: int
    seed: int = 0
    solutions: Path | None = None
    limit: int | None = None
    predictions: Path | None = None
    save: Path | None = None
    as_json: bool = False
    results: dict[str, Answered] = field(default_factory=dict)

    def run(self, tolerant: bool = False) -> int:
        """Answer the tasks, print the figures and write the submission; the exit status.

        Args:
            tolerant: whether tasks that cannot be read are not a failure.
        """
        from trmcli.files import writing
        from trmcli.solving.view_votes import Answered
        from trmcli.weights.registry import file_sha256

        voters = [Voter.of(path, self.sources) for path in self._weights()]
        tasks, bad = self._tasks()
        for name in voters[-1].warnings(tasks, "counted as not right"):
            print(f"trm: warning: {name}", file=sys.stderr)
        digests = " ".join(file_sha256(voter.path)[:12] for voter in voters)
        kept = Kept(self.predictions, {"weights": digests, "steps": self.steps}, Answered.from_dict)
        self.results = kept.begin(self.arc.resume, tasks)
        interrupted = False
        with ExitStack() as opened:
            saved, submitted = (
                opened.enter_context(writing(one)) for one in (self.save, self.arc.submission)
            )
            try:
                self._work(voters, [task for task in tasks if task.name not in self.results], kept)
            except KeyboardInterrupt:
                interrupted = True
            done = [task for task in tasks if task.name in self.results]
            if not done:
                print("trm: interrupted before the first answer", file=sys.stderr)
                raise KeyboardInterrupt
            right = self._tell(done, not interrupted, saved)
            if submitted is not None:
                self._submit(done, submitted)
        return ending(self.show, len(done), interrupted, bad, tolerant, right)

    def _tasks(self) -> tuple[list[ArcTask], int]:
        """The tasks with their answers, and how many bad ones were left out.

        Raises:
            InputError: there is no good one, or an answer is not known and no submission wanted.
        """
        from trmcli.solving.arc_figures import sample
        from trmcli.tasks.arc.files import with_known_solutions

        tasks, bad = read_known(self.sources)
        if self.arc.sample is not None:
            tasks = sample(tasks, self.arc.sample, self.seed)
        tasks = tasks[: self.limit]
        if self.solutions is None and self.arc.submission is not None:
            return with_known_solutions(tasks), bad
        return answered(tasks, self.solutions), bad

    def _weights(self) -> list[Path]:
        """The files of the weights that vote.

        Raises:
            InputError: there are none.
        """
        from trmcli.training.config import EVALUATIONS
        from trmcli.weights.registry import find_weights

        path = find_weights(self.model.weights, "arc")
        if self.arc.votes == "one":
            return [path]
        folder = path.parent / EVALUATIONS
        found = [one for one in sorted(folder.glob("step-*.safetensors")) if ".puzzles-" not in one.name]
        if not found:
            message = "holds no weights: train with --set keep_evaluations=true, or take --votes one"
            raise InputError(message, str(folder))
        return found

    def _work(self, voters: Sequence[Voter], tasks: Sequence[ArcTask], kept: Kept[Answered]) -> None:
        """Answer the tasks that are not done yet."""
        if not tasks:
            return
        from trmcli.solving.view_votes import answer, together
        from trmcli.tasks.arc.files import without_answers
        from trmcli.ui.progress import progress

        hidden = [without_answers(task) for task in tasks]
        count = sum(voter.questions(tasks) for voter in voters)
        with progress("asking", count, prints=False, hidden=self.show.quiet) as advance:
            found = []
            for voter in voters:
                solver = voter.solver(self.machine, self.model.rounds)
                size = self.machine.batch_size or MOST
                found.append(
                    answer(solver, hidden, voter.names, steps=self.steps, batch_size=size, asked=advance)
                )
            for parts in zip(*found, strict=True):
                one = together(parts)
                self.results[one.task] = one
                kept.add(one)

    def _tell(self, tasks: Sequence[ArcTask], complete: bool, saved: IO[str] | None) -> bool:
        """Print the figures; whether all tasks whose answers are known are right at the second attempt."""
        from trmcli.solving.view_votes import ViewFigures
        from trmcli.ui.arc_tables import show_passes

        figures = ViewFigures()
        for task in tasks:
            figures.add(task, self.results[task.name])
        text = json.dumps({**figures.to_dict(), "complete": complete}, indent=2) + "\n"
        if saved is not None:
            saved.write(text)
        if self.as_json:
            print(text, end="", flush=True)
        elif figures.count:
            show_passes(figures)
        if unknown := sum(task.answers is None for task in tasks):
            self.show.say(f"{plural(unknown, 'task has', 'tasks have')} no known answers: not in the figures")
        return figures.whole == figures.count

    def _submit(self, tasks: Sequence[ArcTask], file: IO[str]) -> None:
        from trmcli.tasks.arc.submission import submission_text

        file.write(
            submission_text(
                {
                    task.name: [[vote.grid for vote in votes] for votes in self.results[task.name].tests]
                    for task in tasks
                }
            )
        )
