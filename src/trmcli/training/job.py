"""One ARC task shared out among members: who does what until when, and what their votes come to.

What counts is the members in order of their numbers: the answer is that of the first so many that agree,
whichever was done first. Where the time is over before that, everybody's word counts as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trmcli.solving.adapted import Adapted, Attempts, Progress, count
from trmcli.tasks.arc.task import ArcTask
from trmcli.training.fitting import AdaptOptions, FitOptions, Fitted

AGREE = 3
"""Members that must agree on every test input before the rest is spared, and be two thirds of those asked."""
LATE = 0.05
"""Share of the budget that is waited for members which do not answer in time."""

Observer = Callable[[Progress], None]


@dataclass(frozen=True)
class Order:
    """What a member is to do.

    Attributes:
        member: its number, from 1.
        began, deadline: on the clock of ``time.monotonic``, which all processes share.
        watched: whether progress is to be told.
    """

    task: ArcTask
    options: FitOptions
    seed: int
    member: int
    began: float
    deadline: float
    watched: bool


@dataclass
class Job:
    """One task: members given out, and what came of them.

    Attributes:
        done: members that have answered.
        so_far: what the others would have answered at last.
        lost: members whose process was killed.
    """

    task: ArcTask
    members: int
    most: int
    seed: int
    observe: Observer | None
    options: AdaptOptions
    began: float
    deadline: float
    given: int = 0
    done: dict[int, Fitted] = field(default_factory=dict)
    so_far: dict[int, Fitted] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    settled: bool = False

    def next(self) -> Order | None:
        """The next member, unless all are given out or there is no time for half of one more.

        The first is given out however late it is.
        """
        now = time.monotonic()
        if self.given >= self.most or (self.given and now >= self.deadline):
            return None
        if self.done:
            usual = sum(fitted.seconds for fitted in self.done.values()) / len(self.done)
            if self.deadline - now < usual / 2:
                return None
        self.given += 1
        return Order(
            self.task,
            self.options.member(self.given),
            self.seed * 1000 + self.given,
            self.given,
            self.began,
            self.deadline,
            self.observe is not None,
        )

    def finish(self, member: int, fitted: Fitted) -> None:
        """A member has answered."""
        self.done[member] = fitted
        self.settled = self._row() is not None

    @property
    def patience(self) -> float | None:
        """Seconds in which members may still answer; None for as long as nobody has, however late it is."""
        if not (self.done or self.so_far):
            return None
        return max(0.0, self.deadline + LATE * (self.deadline - self.began) - time.monotonic())

    def _row(self) -> list[Fitted] | None:
        """The shortest run of members from the first on that agree."""
        row = []
        for number in range(1, self.given + 1):
            if number in self.lost:
                continue
            if number not in self.done:
                break
            row.append(self.done[number])
            if len(row) >= self.members and _agree(counted(row, len(self.task.tests))):
                return row
        return None

    def adapted(self) -> Adapted:
        """What the votes come to by now."""
        everybody = {**self.so_far, **self.done}
        voters = self._row() or [everybody[number] for number in sorted(everybody)]
        tests = counted(voters, len(self.task.tests))
        return Adapted(
            self.task,
            tests,
            max((sum(fitted.right) for fitted in voters), default=0),
            time.monotonic() - self.began,
            sum(fitted.cpu_seconds for fitted in everybody.values()),
            _agree(tests),
            len(self.lost),
        )


def counted(members: Sequence[Fitted], tests: int) -> tuple[Attempts, ...]:
    """For each test input what those come to that are able; what all of them come to if none is."""
    voters = [member for member in members if member.able] or members
    weights = [member.weight for member in voters]
    return tuple(count([member.ballots[test] for member in voters], weights) for test in range(tests))


def agree(alike: int, members: int) -> bool:
    """Whether so many, of the members that have a say, are enough."""
    return alike >= AGREE and 3 * alike >= 2 * members


def _agree(tests: Sequence[Attempts]) -> bool:
    return bool(tests) and all(agree(test.agreement, test.members) for test in tests)
