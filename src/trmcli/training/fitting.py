"""How networks are fitted to an ARC task, and what comes of one; kept apart, for it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from trmcli.model.cells_config import CellsConfig
from trmcli.solving.adapted import Ballot


@dataclass(frozen=True)
class FitOptions:
    """How one network is fitted.

    Attributes:
        cells: its size.
        steps: supervision steps in training: as many updates, with the state carried from one to the next.
        steps_used: supervision steps when it answers; those from ``steps`` on vote.
        matrix_lr, lr, code_lr: learning rates of the layers' matrices (Muon), other weights, the task's code.
        ema: decay of the average of the weights, which answers.
        warmup: updates until the rates are whole.
        least: updates at least.
        least_sure: of a member that is sure, if that is less: at every test input the share ``sure`` of its
            votes so far is for one answer.
        sure: see there.
        after: the fit ends at so many times the updates after which all demonstrations were right at once.
        loss: and not before its loss is below this.
        effort: nominal seconds of one processor; gives the number of updates at most, and when the rates
            fall.
        guess: which guess of the outputs' sizes to take, where there is more than one.
    """

    cells: CellsConfig = field(default_factory=CellsConfig)
    steps: int = 3
    steps_used: int = 6
    matrix_lr: float = 0.02
    lr: float = 4e-3
    code_lr: float = 1e-2
    ema: float = 0.97
    warmup: int = 20
    least: int = 150
    least_sure: int = 60
    sure: float = 0.9
    after: float = 2.0
    loss: float = 0.02
    effort: float = 25.0
    guess: int = 0

    def updates(self, rows: int) -> int:
        """At most: so many as take about ``effort`` seconds, counted so that no clock decides."""
        return max(self.least, int(self.effort / (SECONDS_AN_UPDATE + SECONDS_A_ROW * rows * self._work)))

    @property
    def _work(self) -> float:
        """The arithmetic of a row, beside that of the usual size."""
        usual = CellsConfig()
        return (self.cells.layers * self.cells.passes * self.cells.width) / (
            usual.layers * usual.passes * usual.width
        )


SECONDS_AN_UPDATE, SECONDS_A_ROW = 0.005, 15e-6
"""Of one processor: what an update costs, and each candidate in it."""


@dataclass(frozen=True)
class Fitted:
    """What one member came to.

    Attributes:
        ballots: its answers to each test input.
        right: which demonstrations it reproduces.
        updates: how many it made.
        fitted: after how many all demonstrations were right at first; None if they never were.
        loss: of the last update.
        rows: candidates of all demonstrations.
        seconds, cpu_seconds: by the clock, and of this process.
        cut: it had to answer before it was done.
    """

    ballots: tuple[Ballot, ...]
    right: tuple[bool, ...]
    updates: int
    fitted: int | None
    loss: float
    rows: int
    seconds: float
    cpu_seconds: float
    cut: bool = False

    @property
    def weight(self) -> float:
        """What its vote counts: one, but less if it was cut off before the demonstrations were ever right."""
        if not self.cut or self.fitted is not None:
            return 1.0
        return (sum(self.right) + 1) / (len(self.right) + 1)


@dataclass(frozen=True)
class AdaptOptions:
    """How members are fitted, and in what they differ beyond their seeds.

    Attributes:
        fit: how each is fitted.
        varied: members have other widths and depths in turn.
    """

    fit: FitOptions = field(default_factory=FitOptions)
    varied: bool = False

    def member(self, number: int) -> FitOptions:
        """The options of member ``number``, from 1.

        Every second one takes the second guess of sizes. Every third, from the second on, is without sights:
        what leads the others to a wrong rule may be what they see, and there are two attempts.
        """
        cells = replace(self.fit.cells, sights=number % 3 != 2)
        chosen = replace(self.fit, cells=cells, guess=(number - 1) % 2)
        if self.varied:
            width, layers, passes = VARIED[(number - 1) % len(VARIED)]
            size = replace(cells, width=width, layers=layers, passes=passes)
            chosen = replace(chosen, cells=size)
        return chosen


VARIED = ((32, 2, 3), (48, 1, 4), (32, 3, 2), (24, 2, 3))
"""Width, layers and passes of members in turn."""
