"""Figures of an evaluation, gathered one answer at a time in constant memory.

All of them are sums of integers, so that the parts of an evaluation add up to the whole in any order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from trmcli.solving.answers import Answer
from trmcli.solving.intervals import wilson
from trmcli.tasks.base import Ints

BINS = 10
"""Equal bins of the halting probability in the calibration table."""

_FINE = 1 << 30
"""Probabilities are summed in units of one part in so many."""


@dataclass(frozen=True)
class Point:
    """What ``tries`` tries at most would have reached."""

    tries: int
    exact: float
    interval: tuple[float, float]
    mean_steps: float
    seconds: float


@dataclass
class Figures:
    """Counts over the puzzles of one source.

    Attributes:
        max_steps: supervision steps to tell apart at least; there are more where a first try takes more.
        limits: numbers of tries to compare.
        unchecked: puzzles whose answer nothing can judge: no rules, and no known answer.
        solved_by: ``[n]`` puzzles whose first try stood solved after 1, 2, ... supervision steps.
        solved_within: puzzles that the model solved with as many tries as each of the ``limits``.
        steps_within: supervision steps that these tries took; a puzzle takes none after it is solved.
    """

    max_steps: int
    limits: tuple[int, ...] = (1,)
    count: int = 0
    solved: int = 0
    cells: int = 0
    right_cells: int = 0
    unknown: int = 0
    unchecked: int = 0
    tries: int = 0
    steps: int = 0
    by_search: int = 0
    solved_by: Ints = field(init=False)
    solved_within: Ints = field(init=False)
    steps_within: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.solved_by = np.zeros(self.max_steps, dtype=np.int64)
        self.solved_within = np.zeros(len(self.limits), dtype=np.int64)
        self.steps_within = np.zeros(len(self.limits), dtype=np.int64)

    def add(self, answer: Answer) -> None:
        self.count += 1
        right = answer.judgement == "right"
        self.solved += right
        self.unchecked += answer.judgement == "unknown"
        self.tries += answer.tries
        self.steps += answer.steps
        self.by_search += answer.method == "search"
        known = answer.cells if right else answer.puzzle.answer
        if known is None:
            self.unknown += 1
        else:
            self.cells += known.size
            self.right_cells += int((answer.cells == known).sum())
        trace = answer.trace_checked
        self.solved_by = _sum(self.solved_by, np.asarray(trace, dtype=np.int64))
        for n, limit in enumerate(self.limits):
            self.solved_within[n] += right and answer.method == "model" and answer.tries <= limit
            self.steps_within[n] += sum(answer.try_steps[:limit])

    @property
    def judged(self) -> int:
        """Puzzles of which something can tell whether their answer is right."""
        return self.count - self.unchecked

    @property
    def exact(self) -> float:
        return self.solved / max(1, self.judged)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.solved, self.judged)

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

    def curve(self, seconds_per_step: float) -> list[Point]:
        """Exact accuracy against compute, for each of the ``limits``."""
        count, judged = max(1, self.count), max(1, self.judged)
        return [
            Point(
                limit, solved / judged, wilson(solved, self.judged), steps / count, steps * seconds_per_step
            )
            for limit, solved, steps in zip(
                self.limits, self.solved_within.tolist(), self.steps_within.tolist(), strict=True
            )
        ]

    def to_dict(self, seconds_per_step: float) -> dict[str, Any]:
        values: dict[str, Any] = {
            "puzzles": self.count,
            "solved": self.solved,
            "exact_accuracy": self.exact,
            "interval_95": list(self.interval),
            "cell_accuracy": self.cell_accuracy,
            "mean_steps": self.mean_steps,
            "mean_tries": self.mean_tries,
            "solved_by_search": self.by_search,
        }
        if self.unchecked:
            values["unchecked"] = self.unchecked
        if self.unchecked and not self.judged:
            values["exact_accuracy"] = values["interval_95"] = None
        if len(self.limits) > 1:
            values["by_tries"] = [
                {
                    "tries": point.tries,
                    "exact_accuracy": point.exact,
                    "interval_95": list(point.interval),
                    "mean_steps": point.mean_steps,
                    "seconds": point.seconds,
                }
                for point in self.curve(seconds_per_step)
            ]
        return values


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability table: supervision steps whose halting probability lies in it."""

    low: float
    high: float
    steps: int
    mean_probability: float
    right: float


@dataclass
class Calibration:
    """How far the halting head can be trusted: its probability against the rules' verdict, in bins.

    Every supervision step of every first try is one observation.
    """

    counts: Ints = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    right: Ints = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    probability: Ints = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    agreed: int = 0

    def add(self, answer: Answer) -> None:
        bins = np.minimum((answer.trace_halt * BINS).astype(np.int64), BINS - 1)
        np.add.at(self.counts, bins, 1)
        np.add.at(self.right, bins, answer.trace_checked)
        np.add.at(self.probability, bins, np.rint(answer.trace_halt * np.float64(_FINE)).astype(np.int64))
        self.agreed += int(((answer.trace_halt > 0.5) == answer.trace_checked).sum())

    @property
    def accuracy(self) -> float:
        """Share of steps in which "probability over one half" meant "right"."""
        return self.agreed / max(1, int(self.counts.sum()))

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of probability and frequency (Guo et al. 2017)."""
        return float(np.abs(self.probability / _FINE - self.right).sum()) / max(1, int(self.counts.sum()))

    @property
    def bins(self) -> list[Bin]:
        """The reliability table; bins that hold nothing are left out."""
        return [
            Bin(
                n / BINS,
                (n + 1) / BINS,
                count,
                float(self.probability[n] / _FINE / count),
                float(self.right[n] / count),
            )
            for n, count in enumerate(self.counts.tolist())
            if count
        ]

    def to_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy,
            "expected_calibration_error": self.error,
            "bins": [
                {
                    "from": one.low,
                    "to": one.high,
                    "steps": one.steps,
                    "mean_probability": one.mean_probability,
                    "right": one.right,
                }
                for one in self.bins
            ],
        }


@dataclass
class Errors:
    """Which cells of unsolved puzzles of one size are wrong; only where the right ones are known.

    Attributes:
        puzzles: unsolved ones.
        cells: ``[height, width]`` how many of them are wrong there.
    """

    shape: tuple[int, int]
    puzzles: int = 0
    cells: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.cells = np.zeros(self.shape, dtype=np.int64)

    def add(self, answer: Answer) -> None:
        self.puzzles += 1
        self.cells += answer.cells != answer.puzzle.answer


@dataclass
class Evaluation:
    """All figures of one evaluation: the whole, each source, calibration, time.

    Attributes:
        max_steps, limits: see :class:`Figures`.
        errors: where the model errs, by height and width.
        seconds: how long it took; for several processes, the longest.
        complete: whether all puzzles were evaluated.
        skipped: records that could not be read and were left out.
    """

    max_steps: int
    limits: tuple[int, ...] = (1,)
    sources: dict[str, Figures] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    errors: dict[tuple[int, int], Errors] = field(default_factory=dict)
    seconds: float = 0.0
    complete: bool = True
    skipped: int = 0

    def __post_init__(self) -> None:
        self.total = Figures(self.max_steps, self.limits)

    def add(self, answer: Answer) -> None:
        self.total.add(answer)
        self._source(answer.puzzle.source).add(answer)
        if answer.judgement != "unknown":
            self.calibration.add(answer)
        if answer.judgement == "wrong" and answer.puzzle.answer is not None:
            self._errors(answer.puzzle.shape).add(answer)

    def _errors(self, shape: tuple[int, int]) -> Errors:
        return self.errors.setdefault(shape, Errors(shape))

    def _source(self, name: str) -> Figures:
        return self.sources.setdefault(name, Figures(self.max_steps, self.limits))

    @property
    def named(self) -> dict[str, Figures]:
        """The figures by source, where the data names sources."""
        return {name: self.sources[name] for name in sorted(self.sources) if name}

    @property
    def puzzles_per_second(self) -> float:
        return self.total.count / self.seconds if self.seconds else 0.0

    @property
    def seconds_per_step(self) -> float:
        """The time shared out by supervision steps of puzzles."""
        return self.seconds / max(1, self.total.steps)

    def to_dict(self, per_step: bool = False, errors: bool = False) -> dict[str, Any]:
        """Plain values for JSON; documented in the README."""
        values = {
            "complete": self.complete,
            "skipped": self.skipped,
            **self.total.to_dict(self.seconds_per_step),
            "seconds": self.seconds,
            "puzzles_per_second": self.puzzles_per_second,
            "halting": self.calibration.to_dict(),
            "sources": {name: figures.to_dict(self.seconds_per_step) for name, figures in self.named.items()},
        }
        if per_step:
            judged = max(1, self.total.judged)
            values["exact_accuracy_by_step"] = [int(solved) / judged for solved in self.total.solved_by]
        if errors:
            values["errors"] = [
                {"shape": list(shape), "puzzles": one.puzzles, "cells": one.cells.tolist()}
                for shape, one in sorted(self.errors.items())
            ]
        return values

    def pack(self) -> str:
        """All counts as text, for :meth:`absorb` in another process."""
        return json.dumps(
            {
                "total": _counts(self.total),
                "sources": {name: _counts(figures) for name, figures in self.sources.items()},
                "calibration": _counts(self.calibration),
                "errors": [[*shape, _counts(one)] for shape, one in self.errors.items()],
                "seconds": self.seconds,
                "complete": self.complete,
            }
        )

    def absorb(self, packed: str) -> None:
        """Add what another part of the evaluation counted."""
        values = json.loads(packed)
        _add(self.total, values["total"])
        for name, counts in values["sources"].items():
            _add(self._source(name), counts)
        _add(self.calibration, values["calibration"])
        for height, width, counts in values["errors"]:
            _add(self._errors((height, width)), counts)
        self.seconds = max(self.seconds, values["seconds"])
        self.complete &= values["complete"]


_SETTINGS = ("max_steps", "limits", "shape")


def _counts(one: Figures | Calibration | Errors) -> dict[str, Any]:
    names = [entry.name for entry in fields(one) if entry.name not in _SETTINGS]
    return {name: np.asarray(getattr(one, name)).tolist() for name in names}


def _add(one: Figures | Calibration | Errors, counts: dict[str, Any]) -> None:
    for name, value in counts.items():
        ours = getattr(one, name)
        setattr(one, name, _sum(ours, np.array(value)) if isinstance(value, list) else ours + value)


def _sum(one: Ints, other: Ints) -> Ints:
    """The sum of two counts by step; what the shorter one ends with, it keeps."""
    size = max(len(one), len(other))
    longer = [np.pad(counts, (0, size - len(counts)), mode="edge") for counts in (one, other)]
    total: Ints = np.sum(longer, axis=0)
    return total
