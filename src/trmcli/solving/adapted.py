"""What fitting a network to one ARC task gives: two attempts for each test input, and how far to trust them.

No one can check an attempt. What stands in for a check is that several networks, each fitted by itself to the
demonstrations alone, give the same grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trmcli.tasks.arc.tally import Tally, key_of
from trmcli.tasks.arc.task import ArcTask, Grid


@dataclass(frozen=True)
class Attempts:
    """What is answered to one test input.

    Attributes:
        attempts: at most two grids, the best first; none where no member had an answer.
        votes: the share of the members' votes for each of them.
        agreement: how many members put ``attempts[0]`` first; those whose vote is not whole do not count.
        members: how many members answered; of trained weights, views.
    """

    attempts: tuple[Grid, ...]
    votes: tuple[float, ...]
    agreement: int
    members: int


@dataclass(frozen=True)
class Adapted:
    """One task, worked on.

    Attributes:
        task: the task.
        tests: what is answered to each of its test inputs.
        fits: how many demonstrations the best member reproduces exactly; None where none was learned.
        seconds: wall clock.
        cpu_seconds: of all processes.
        settled: at least three members, and two thirds of those that count, agree on every test input.
        lost: members whose process was killed.
        voters: what one of those is called whose votes were counted.
    """

    task: ArcTask
    tests: tuple[Attempts, ...]
    fits: int | None
    seconds: float
    cpu_seconds: float
    settled: bool
    lost: int = 0
    voters: str = "member"


@dataclass(frozen=True)
class Progress:
    """How far one member is; told about ten times a second at most.

    Attributes:
        member: which, from 1.
        stage: whether it learns the demonstrations or answers the test inputs.
        loss: of the last update.
        right: which demonstrations are right by now.
        shown: the network's answers, now: to the demonstrations, or to the test inputs when it answers.
        step: the supervision step, when it answers.
        seconds: since the task was begun.
        confidence: for each cell of ``shown`` the probability of the colour shown.
    """

    member: int
    stage: Literal["fitting", "answering"]
    loss: float
    right: tuple[bool, ...]
    shown: tuple[Grid, ...]
    step: int
    seconds: float
    confidence: tuple[npt.NDArray[np.float32], ...]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while a task was worked on; ``so_far`` has the attempts of the members that had answered."""

    def __init__(self, so_far: Adapted) -> None:
        super().__init__()
        self.so_far = so_far


@dataclass(frozen=True)
class Ballot:
    """One member's answers to one test input: distinct grids and their weights, which sum to one."""

    grids: tuple[Grid, ...]
    weights: tuple[float, ...]


def count(ballots: Sequence[Ballot], weights: Sequence[float] | None = None) -> Attempts:
    """Add up the members' votes for one test input.

    Of grids with equal votes the one that came first is put first.

    Args:
        ballots: of the members.
        weights: what each member's votes weigh in all; one without it. Less than one is too little to count
            as agreement.
    """
    tally, firsts = Tally(), []
    pairs = zip(ballots, weights or [1.0] * len(ballots), strict=True)
    cast = [(ballot, whole) for ballot, whole in pairs if ballot.grids]
    for ballot, whole in cast:
        for grid, weight in zip(ballot.grids, ballot.weights, strict=True):
            tally.add(grid, whole * weight)
        if whole >= 1:
            firsts.append(key_of(ballot.grids[int(np.argmax(ballot.weights))]))
    of = sum(whole for _, whole in cast)
    best = tally.best()[:2]
    return Attempts(
        tuple(grid for grid, _ in best),
        tuple(weight / of for _, weight in best),
        firsts.count(key_of(best[0][0])) if best else 0,
        len(cast),
    )
