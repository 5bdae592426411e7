"""How networks are fitted to an ARC task, and what comes of one; kept apart, for it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from trmcli.model.cells_config import PARTS, CellsConfig
from trmcli.solving.adapted import Ballot


@dataclass(frozen=True)
class FitOptions:
    """How one network is fitted.

    Attributes:
        cells: its size.
        steps: supervision steps in training, with the state carried from one to the next; each demonstration
            has an update in each of them.
        steps_used: supervision steps when it answers; those from ``steps`` on vote.
        matrix_lr, lr, code_lr: learning rates of the layers' matrices (Muon), other weights, the task's code.
        shrinkage: what draws each vector of the code to zero, which is what a code begins with: that tells a
            colour or a direction apart only if the demonstrations ask for it.
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
        most: updates at most, however little they take.
        guess: which guess of the outputs' sizes to take, where there is more than one.
        common: only colours that every demonstration shows have vectors of their own: what is learned of one
            of the others holds for all of them, those included that the test alone shows.
    """

    cells: CellsConfig = field(default_factory=CellsConfig)
    steps: int = 3
    steps_used: int = 6
    matrix_lr: float = 0.02
    lr: float = 4e-3
    code_lr: float = 1e-2
    shrinkage: float = 0.03
    ema: float = 0.97
    warmup: int = 20
    least: int = 150
    least_sure: int = 60
    sure: float = 0.9
    after: float = 2.0
    loss: float = 0.02
    effort: float = 25.0
    most: int = 10_000
    guess: int = 0
    common: bool = False

    def updates(self, rows: int) -> int:
        """At most: so many as take about ``effort`` seconds, counted so that no clock decides.

        Args:
            rows: candidates of a demonstration.
        """
        seconds = SECONDS_AN_UPDATE + SECONDS_A_ROW * rows * self._work
        return min(self.most, max(self.least, int(self.effort / seconds)))

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
        """What its vote counts: one, but less if the demonstrations were never right."""
        return 1.0 if self.fitted is not None else (sum(self.right) + 1) / (len(self.right) + 1)

    @property
    def able(self) -> bool:
        """Whether it has learned the demonstrations, or might have in more time."""
        return self.cut or self.fitted is not None


@dataclass(frozen=True)
class AdaptOptions:
    """How members are fitted, and in what they differ beyond their seeds.

    Attributes:
        fit: how each is fitted, but for what :data:`MEMBERS` say.
    """

    fit: FitOptions = field(default_factory=FitOptions)

    def member(self, number: int) -> FitOptions:
        """The options of member ``number``, from 1; every second one takes the second guess of sizes."""
        which = MEMBERS[(number - 1) % len(MEMBERS)]
        fit = self.fit
        cells = replace(fit.cells, layers=which.layers, passes=which.passes, deaf=fit.cells.deaf | which.deaf)
        return replace(
            fit,
            cells=cells,
            steps=min(fit.steps, which.steps),
            steps_used=fit.steps_used if which.steps > 1 else 1,
            most=min(fit.most, which.most),
            common=fit.common or which.common,
            guess=(number - 1) % 2,
        )


@dataclass(frozen=True)
class Which:
    """A kind of network: how deep, and what it does not hear.

    Attributes:
        layers, passes, deaf: see :class:`~trmcli.model.cells_config.CellsConfig`.
        steps: supervision steps in training, at most; one that has a single step answers in one.
        most: updates, at most.
        common: see :class:`FitOptions`.
    """

    layers: int = 2
    passes: int = 3
    steps: int = 3
    most: int = 10_000
    deaf: frozenset[str] = frozenset()
    common: bool = False


MEMBERS = (
    Which(),
    Which(layers=1, passes=2, common=True),
    Which(layers=1, passes=2, steps=1, most=200, deaf=PARTS - {"near", "cell", "blocks"}),
    Which(layers=1, passes=1, steps=1, most=120, deaf=PARTS - {"cell", "blocks"}),
    Which(layers=1, passes=2, most=300, deaf=frozenset({"directions"})),
    Which(deaf=frozenset({"sights"})),
    Which(),
    Which(layers=1, passes=2, deaf=frozenset({"sights"})),
    Which(),
)
"""The members in turn.

A network that can say little, and has learned the demonstrations all the same, has likely found the rule. So
one hears nothing but the neighbours and the colours of a cell, and one the colours alone; where these cannot
learn the demonstrations, they have no say. To another one all directions are alike. Several kinds have more
tasks right than one with several seeds.
"""
