"""The paper's way to answer ARC tasks: weights are asked for every view that they know, and answers vote.

A test input is seen in each view of its task that has a row in the table of puzzle embeddings. After all
supervision steps the answer is cropped, taken back from the view, and counted with its halting probability
(:mod:`trmcli.solving.votes`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from trmcli.solving.arc_figures import digest
from trmcli.solving.intervals import wilson
from trmcli.solving.solver import Solver
from trmcli.solving.votes import PASSES, Vote, Votes
from trmcli.tasks.arc.kind import CANVAS
from trmcli.tasks.arc.tally import Key, key_of
from trmcli.tasks.arc.task import ArcTask
from trmcli.tasks.arc.tokens import encode
from trmcli.tasks.arc.views import SEPARATOR, parse
from trmcli.tasks.base import Cells


@dataclass(frozen=True)
class Answered:
    """What became of one task.

    Attributes:
        task: its name.
        digest: of its grids, but for the outputs of tests.
        tests: for each test input the grids, best first.
        views: in which it was asked.
    """

    task: str
    digest: str
    tests: tuple[tuple[Vote, ...], ...]
    views: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        tests = [
            [{"grid": vote.grid.tolist(), "count": vote.count, "halt": vote.halt} for vote in votes]
            for votes in self.tests
        ]
        return {"task": self.task, "digest": self.digest, "views": self.views, "tests": tests}

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> Answered:
        """What :meth:`to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        tests = tuple(
            tuple(
                Vote(np.array(vote["grid"], dtype=np.uint8), int(vote["count"]), float(vote["halt"]))
                for vote in votes
            )
            for votes in value["tests"]
        )
        return Answered(str(value["task"]), str(value["digest"]), tests, int(value["views"]))


def together(parts: Sequence[Answered]) -> Answered:
    """The sum of what several weights answered to one task."""
    if len(parts) == 1:
        return parts[0]
    tests = []
    for found in zip(*(part.tests for part in parts), strict=True):
        sums: dict[Key, Vote] = {}
        for vote in (vote for votes in found for vote in votes):
            key = key_of(vote.grid)
            before = sums.get(key, Vote(vote.grid, 0, 0.0))
            count = before.count + vote.count
            halt = (before.count * before.halt + vote.count * vote.halt) / count
            sums[key] = Vote(vote.grid, count, halt)
        order = sorted(sums.values(), key=lambda vote: (vote.count, vote.halt), reverse=True)
        tests.append(tuple(order))
    return Answered(parts[0].task, parts[0].digest, tuple(tests), sum(part.views for part in parts))


def rows_of(names: Sequence[str]) -> dict[str, list[int]]:
    """The rows of the table that are views of each task, by its name."""
    rows = defaultdict(list)
    for row, name in enumerate(names):
        rows[name.partition(SEPARATOR)[0]].append(row)
    return rows


class _Question(NamedTuple):
    """A test input of a task, by the task's number, in the view of a row."""

    task: int
    row: int
    tokens: Cells


def answer(
    solver: Solver,
    tasks: Sequence[ArcTask],
    names: Sequence[str],
    *,
    steps: int,
    batch_size: int,
    asked: Callable[[], None] = lambda: None,
) -> Iterator[Answered]:
    """Ask for every test input in every view, and give the tasks in order, each when it is done.

    Args:
        names: of the rows of the model's table.
        steps: supervision steps of every view.
        batch_size: views that are asked for together.
        asked: is told of every view that was asked for.

    Raises:
        InputError: a name is not that of a view.
    """
    rows, done = rows_of(names), 0
    votes = [Votes() for _ in tasks]
    questions = _questions(tasks, names, rows)
    while batch := list(islice(questions, batch_size)):
        tokens = np.stack([question.tokens for question in batch])
        numbers = [question.row for question in batch]
        for step in solver.steps(
            tokens.astype(np.int64), CANVAS, max_steps=steps, halt="never", identifiers=numbers
        ):
            last = step
        for question, found, halt in zip(batch, last.tokens, last.halt.tolist(), strict=True):
            votes[question.task].add(names[question.row], question.tokens, found, halt)
            asked()
        for number in range(done, batch[-1].task):  # the last one may go on in the next batch
            yield _answered(tasks[number], votes[number], len(rows.get(tasks[number].name, ())))
            votes[number] = Votes()
        done = batch[-1].task
    for number in range(done, len(tasks)):
        yield _answered(tasks[number], votes[number], len(rows.get(tasks[number].name, ())))


def _questions(
    tasks: Sequence[ArcTask], names: Sequence[str], rows: Mapping[str, Sequence[int]]
) -> Iterator[_Question]:
    for number, task in enumerate(tasks):
        views = [(row, parse(names[row])[1]) for row in rows.get(task.name, ())]
        for grid in task.tests:
            for row, view in views:
                yield _Question(number, row, encode(view.see(grid)))


def _answered(task: ArcTask, votes: Votes, views: int) -> Answered:
    tests = tuple(tuple(votes.of(task.name, grid)) for grid in task.tests)
    return Answered(task.name, digest(task), tests, views)


@dataclass
class ViewFigures:
    """pass@k over tasks whose answers are known: a task counts with the share of its tests that are right.

    Attributes:
        right: for each k, the sum over the tasks.
        whole: tasks all of whose tests are right at the second attempt.
        views: in which tasks were asked, all together.
    """

    count: int = 0
    whole: int = 0
    views: int = 0
    right: dict[int, float] = field(default_factory=lambda: dict.fromkeys(PASSES, 0.0))

    def add(self, task: ArcTask, answered: Answered) -> None:
        """Count a task."""
        self.views += answered.views
        if task.answers is None:
            return
        self.count += 1
        places = [
            next((n for n, vote in enumerate(votes) if np.array_equal(vote.grid, known)), max(PASSES))
            for votes, known in zip(answered.tests, task.answers, strict=True)
        ]
        self.whole += max(places) < 2
        for k in self.right:
            self.right[k] += sum(place < k for place in places) / len(places)

    def rows(self) -> Iterable[tuple[int, float, tuple[float, float]]]:
        """k, the share that is right, and its 95% Wilson interval."""
        for k, right in self.right.items():
            yield k, right / max(1, self.count), wilson(right, self.count)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        figures: dict[str, Any] = {"schema": 1, "task": "arc", "tasks": self.count, "views": self.views}
        for k, share, interval in self.rows():
            figures |= {f"pass@{k}": share, f"pass@{k}_interval": list(interval)}
        return {**figures, "whole_tasks": self.whole}
