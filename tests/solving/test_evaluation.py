"""Figures: intervals, per-step curves, calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import Origin
from trmcli.solving.evaluation import Calibration, Evaluation, wilson
from trmcli.solving.search import Answer
from trmcli.tasks.base import Puzzle

QUESTION = np.zeros((2, 2), dtype=np.uint8)
RIGHT = np.array([[1, 2], [3, 4]], dtype=np.uint8)


def answer(halts: list[float], checked: list[bool], *, known: bool = True, source: str = "a") -> Answer:
    cells = RIGHT if checked[-1] else np.array([[1, 2], [4, 3]], dtype=np.uint8)
    puzzle = Puzzle(QUESTION, Origin("test"), answer=RIGHT if known else None, source=source)
    return Answer(
        puzzle,
        cells,
        np.ones((2, 2), dtype=np.float32),
        checked[-1],
        tries=1,
        steps=len(halts),
        halt=halts[-1],
        seconds=0.1,
        trace_halt=np.array(halts, dtype=np.float32),
        trace_checked=np.array(checked),
    )


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(counts: tuple[int, int]) -> None:
    successes, count = counts
    low, high = wilson(successes, count)
    assert 0 <= low <= successes / count + 1e-12 and successes / count - 1e-12 <= high <= 1


def test_the_interval_solves_its_equation() -> None:
    """At both ends the observed share lies 1.96 deviations away."""
    for end in wilson(30, 100):
        assert abs(0.3 - end) / math.sqrt(end * (1 - end) / 100) == pytest.approx(1.959964, rel=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_figures_by_source_and_by_step() -> None:
    evaluation = Evaluation(max_steps=3)
    evaluation.add(answer([0.1, 0.9], [False, True], source="a"))
    evaluation.add(answer([0.1, 0.2, 0.3], [False, False, False], source="b"))
    values = evaluation.to_dict(per_step=True)
    assert (values["puzzles"], values["solved"], values["exact_accuracy"]) == (2, 1, 0.5)
    assert values["exact_accuracy_by_step"] == [0.0, 0.5, 0.5]
    assert values["mean_steps"] == 2.5
    assert values["cell_accuracy"] == 6 / 8
    assert values["sources"]["a"]["exact_accuracy"] == 1.0
    assert values["sources"]["b"]["cell_accuracy"] == 0.5


def test_cell_accuracy_needs_every_answer() -> None:
    evaluation = Evaluation(max_steps=3)
    evaluation.add(answer([0.9], [True], known=False))
    assert evaluation.total.cell_accuracy == 1.0
    evaluation.add(answer([0.1], [False], known=False))
    assert evaluation.total.cell_accuracy is None


def test_calibration_compares_probability_and_frequency() -> None:
    calibration = Calibration()
    for _ in range(3):
        calibration.add(answer([0.75], [True]))
    calibration.add(answer([0.75], [False]))
    assert calibration.error == pytest.approx(0.0)
    assert calibration.accuracy == 0.75
    (only,) = calibration.to_dict()["bins"]
    assert (only["steps"], only["right"]) == (4, 0.75)
    calibration.add(answer([1.0], [False]))
    assert calibration.error == pytest.approx(1 / 5)
