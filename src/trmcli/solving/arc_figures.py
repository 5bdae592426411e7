"""Figures of an evaluation on ARC tasks: how many are answered right, which kinds, and at what cost.

A task counts with the share of its tests that are right, as in the reference. pass@1 looks at the first
attempt, pass@2 at both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trmcli.solving.adapted import Adapted, Attempts
from trmcli.solving.intervals import wilson
from trmcli.tasks.arc.task import ArcTask

CANVASES = (10, 15, 20, 30)
"""Bounds of the longest side of a task's grids, by which tasks are counted apart."""


@dataclass(frozen=True)
class Result:
    """What became of one task, as a file keeps it.

    Attributes:
        task: its name.
        digest: of its grids, but for the outputs of tests.
        fits: demonstrations that are reproduced, of so many ``demonstrations``.
        settled: whether the members agree on every test.
        seconds, cpu_seconds: what it took, by the clock and of processors.
    """

    task: str
    digest: str
    tests: tuple[Attempts, ...]
    fits: int
    demonstrations: int
    settled: bool
    seconds: float
    cpu_seconds: float

    @staticmethod
    def of(adapted: Adapted) -> Result:
        task = adapted.task
        return Result(
            task.name,
            digest(task),
            adapted.tests,
            adapted.fits or 0,
            len(task.shown),
            adapted.settled,
            round(adapted.seconds, 3),
            round(adapted.cpu_seconds, 3),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        tests = [
            {
                "attempts": [grid.tolist() for grid in test.attempts],
                "votes": [round(share, 4) for share in test.votes],
                "agreement": test.agreement,
                "members": test.members,
            }
            for test in self.tests
        ]
        return {
            "task": self.task,
            "digest": self.digest,
            "tests": tests,
            "fits_demonstrations": self.fits,
            "demonstrations": self.demonstrations,
            "settled": self.settled,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
        }

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> Result:
        """What :meth:`to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        tests = tuple(
            Attempts(
                tuple(np.array(grid, dtype=np.uint8) for grid in test["attempts"]),
                tuple(test["votes"]),
                int(test["agreement"]),
                int(test["members"]),
            )
            for test in value["tests"]
        )
        return Result(
            str(value["task"]),
            str(value["digest"]),
            tests,
            int(value["fits_demonstrations"]),
            int(value["demonstrations"]),
            bool(value["settled"]),
            float(value["seconds"]),
            float(value["cpu_seconds"]),
        )


def digest(task: ArcTask) -> str:
    """Eight characters that tell a task from others: of its demonstrations and test inputs."""
    hashed = hashlib.sha256()
    for grid in (*(grid for pair in task.shown for grid in (pair.question, pair.answer)), *task.tests):
        hashed.update(bytes(grid.shape) + np.ascontiguousarray(grid).tobytes())
    return hashed.hexdigest()[:8]


def sample(tasks: Sequence[ArcTask], count: int, seed: int) -> list[ArcTask]:
    """So many tasks drawn by the hash of seed and name, in their order: the same ones on every machine."""
    drawn = sorted(tasks, key=lambda task: hashlib.sha256(f"{seed} {task.name}".encode()).digest())[:count]
    names = {task.name for task in drawn}
    return [task for task in tasks if task.name in names]


def shape_class(task: ArcTask) -> str:
    """Whether outputs have the shape of their inputs, in all demonstrations."""
    same = all(pair.question.shape == pair.answer.shape for pair in task.shown)
    return "same shape" if same else "other shape"


def canvas(task: ArcTask) -> str:
    """The bound of the longest side of all grids that a solver sees."""
    grids = [grid for pair in task.shown for grid in (pair.question, pair.answer)]
    longest = max(max(grid.shape) for grid in (*grids, *task.tests))
    return f"up to {next(bound for bound in CANVASES if longest <= bound)}"


@dataclass
class Group:
    """Sums over tasks of one kind.

    Attributes:
        first, either: tasks whose first attempt, or either of both, is right; shares of a task's tests count.
        whole: tasks of which either attempt is right at every test.
        fitted: tasks all of whose demonstrations are reproduced.
    """

    count: int = 0
    first: float = 0.0
    either: float = 0.0
    whole: int = 0
    fitted: int = 0
    settled: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def add(self, result: Result, right: Sequence[int | None]) -> None:
        """Count a task; ``right`` is the attempt that is right at each of its tests, from 1."""
        self.count += 1
        self.first += sum(one == 1 for one in right) / len(right)
        self.either += sum(one is not None for one in right) / len(right)
        self.whole += all(one is not None for one in right)
        self.fitted += result.fits == result.demonstrations
        self.settled += result.settled
        self.seconds += result.seconds
        self.cpu_seconds += result.cpu_seconds

    def to_dict(self) -> dict[str, Any]:
        """Shares with their 95% Wilson intervals, and means, as JSON values."""
        count = max(1, self.count)
        return {
            "tasks": self.count,
            "pass@1": self.first / count,
            "pass@1_interval": list(wilson(self.first, self.count)),
            "pass@2": self.either / count,
            "pass@2_interval": list(wilson(self.either, self.count)),
            "whole_tasks": self.whole,
            "fits_all_demonstrations": self.fitted,
            "members_agree": self.settled,
            "mean_seconds": self.seconds / count,
            "mean_cpu_seconds": self.cpu_seconds / count,
        }


@dataclass
class Trust:
    """Tests on which so many of so many members agree, and how often the first attempt is right there."""

    agreement: int
    members: int
    count: int = 0
    right: int = 0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.right, self.count)


@dataclass
class ArcFigures:
    """The figures of all tasks, by shape class, by canvas and by agreement."""

    total: Group = field(default_factory=Group)
    shapes: dict[str, Group] = field(default_factory=dict)
    canvases: dict[str, Group] = field(default_factory=dict)
    trust: dict[tuple[int, int], Trust] = field(default_factory=dict)

    def add(self, task: ArcTask, result: Result) -> None:
        """Count the result of a task whose answers are known."""
        assert task.answers is not None
        right = [
            next((n for n, grid in enumerate(test.attempts, start=1) if np.array_equal(grid, answer)), None)
            for test, answer in zip(result.tests, task.answers, strict=True)
        ]
        for group in (
            self.total,
            self.shapes.setdefault(shape_class(task), Group()),
            self.canvases.setdefault(canvas(task), Group()),
        ):
            group.add(result, right)
        for test, found in zip(result.tests, right, strict=True):
            key = test.agreement, test.members
            trust = self.trust.setdefault(key, Trust(*key))
            trust.count += 1
            trust.right += found == 1

    def rows(self) -> Iterable[tuple[str, Group]]:
        """The groups by their names, all tasks last."""
        yield from sorted(self.shapes.items(), reverse=True)
        yield from sorted(self.canvases.items(), key=lambda item: int(item[0].split()[-1]))
        yield "all", self.total

    def agreements(self) -> list[Trust]:
        """By the share of the members that agree, and then by their number; the most first."""
        return sorted(
            self.trust.values(),
            key=lambda one: (one.agreement / max(1, one.members), one.agreement),
            reverse=True,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": 1,
            "task": "arc",
            **self.total.to_dict(),
            "groups": {name: group.to_dict() for name, group in self.rows() if name != "all"},
            "agreement": [
                {
                    "agreement": one.agreement,
                    "members": one.members,
                    "tests": one.count,
                    "right": one.right,
                    "interval": list(one.interval),
                }
                for one in self.agreements()
            ],
        }
