"""Figures of an evaluation, gathered one answer at a time in constant memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trmcli.solving.search import Answer
from trmcli.solving.solver import Floats
from trmcli.tasks.base import Ints

BINS = 10
"""Equal bins of the halting probability in the calibration table."""


def wilson(successes: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95% Wilson score interval of a share (Wilson 1927); (0, 1) when nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    share, weight = successes / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass
class Figures:
    """Counts over the puzzles of one source.

    ``solved_by[k]`` counts puzzles whose first try stood solved after ``k + 1`` supervision steps.
    """

    max_steps: int
    count: int = 0
    solved: int = 0
    cells: int = 0
    right_cells: int = 0
    unknown: int = 0
    tries: int = 0
    steps: int = 0
    by_search: int = 0
    solved_by: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.solved_by = np.zeros(self.max_steps, dtype=np.int64)

    def add(self, answer: Answer) -> None:
        self.count += 1
        self.solved += answer.checked
        self.tries += answer.tries
        self.steps += answer.steps
        self.by_search += answer.method == "search"
        known = answer.cells if answer.checked else answer.puzzle.answer
        if known is None:
            self.unknown += 1
        else:
            self.cells += known.size
            self.right_cells += int((answer.cells == known).sum())
        trace = answer.trace_checked
        self.solved_by += trace[np.minimum(np.arange(self.max_steps), len(trace) - 1)]

    @property
    def exact(self) -> float:
        return self.solved / max(1, self.count)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.solved, self.count)

    @property
    def cell_accuracy(self) -> float | None:
        """None where unsolved puzzles came without answers to compare with."""
        return self.right_cells / self.cells if self.cells and not self.unknown else None

    @property
    def mean_steps(self) -> float:
        return self.steps / max(1, self.count)

    @property
    def mean_tries(self) -> float:
        return self.tries / max(1, self.count)

    def to_dict(self) -> dict[str, Any]:
        return {
            "puzzles": self.count,
            "solved": self.solved,
            "exact_accuracy": self.exact,
            "interval_95": list(self.interval),
            "cell_accuracy": self.cell_accuracy,
            "mean_steps": self.mean_steps,
            "mean_tries": self.mean_tries,
            "solved_by_search": self.by_search,
        }


@dataclass
class Calibration:
    """How far the halting head can be trusted: its probability against the rules' verdict, in bins.

    Every supervision step of every first try is one observation.
    """

    counts: Ints = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    right: Ints = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    probability: Floats = field(default_factory=lambda: np.zeros(BINS, dtype=np.float32))
    agreed: int = 0

    def add(self, answer: Answer) -> None:
        bins = np.minimum((answer.trace_halt * BINS).astype(np.int64), BINS - 1)
        np.add.at(self.counts, bins, 1)
        np.add.at(self.right, bins, answer.trace_checked)
        np.add.at(self.probability, bins, answer.trace_halt)
        self.agreed += int(((answer.trace_halt > 0.5) == answer.trace_checked).sum())

    @property
    def accuracy(self) -> float:
        """Share of steps in which "probability over one half" meant "right"."""
        return self.agreed / max(1, int(self.counts.sum()))

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of probability and frequency (Guo et al. 2017)."""
        return float(np.abs(self.probability - self.right).sum()) / max(1, int(self.counts.sum()))

    def to_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "expected_calibration_error": self.error,
            "bins": [
                {
                    "from": n / BINS,
                    "to": (n + 1) / BINS,
                    "steps": int(self.counts[n]),
                    "mean_probability": float(self.probability[n] / self.counts[n]),
                    "right": float(self.right[n] / self.counts[n]),
                }
                for n in range(BINS)
                if self.counts[n]
            ],
        }


@dataclass
class Evaluation:
    """All figures of one evaluation: the whole, each source, calibration, time."""

    max_steps: int
    sources: dict[str, Figures] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    seconds: float = 0.0
    complete: bool = True

    def __post_init__(self) -> None:
        self.total = Figures(self.max_steps)

    def add(self, answer: Answer) -> None:
        self.total.add(answer)
        self.sources.setdefault(answer.puzzle.source, Figures(self.max_steps)).add(answer)
        self.calibration.add(answer)

    @property
    def puzzles_per_second(self) -> float:
        return self.total.count / self.seconds if self.seconds else 0.0

    def to_dict(self, per_step: bool = False) -> dict[str, Any]:
        """Plain values for JSON; documented in the README."""
        values = {
            "complete": self.complete,
            **self.total.to_dict(),
            "seconds": self.seconds,
            "puzzles_per_second": self.puzzles_per_second,
            "halting": self.calibration.to_dict(),
            "sources": {name: figures.to_dict() for name, figures in self.sources.items() if name},
        }
        if per_step:
            count = max(1, self.total.count)
            values["exact_accuracy_by_step"] = [int(solved) / count for solved in self.total.solved_by]
        return values
