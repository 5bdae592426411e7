"""Figures: intervals, per-step curves, calibration."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import Origin
from trmcli.solving.answers import Answer
from trmcli.solving.evaluation import Calibration, Evaluation, Point
from trmcli.solving.intervals import wilson
from trmcli.tasks.base import Puzzle

QUESTION = np.zeros((2, 2), dtype=np.uint8)
RIGHT = np.array([[1, 2], [3, 4]], dtype=np.uint8)


def answer(
    halts: list[float],
    checked: list[bool],
    *,
    known: bool = True,
    source: str = "a",
    tries: tuple[int, ...] = (),
    solved: bool | None = None,
) -> Answer:
    """With ``halts`` and ``checked`` in the first try; ``tries``: steps of all, if there are more."""
    solved = checked[-1] if solved is None else solved
    tries = tries or (len(halts),)
    cells = RIGHT if solved else np.array([[1, 2], [4, 3]], dtype=np.uint8)
    puzzle = Puzzle(QUESTION, Origin("test"), answer=RIGHT if known else None, source=source)
    return Answer(
        puzzle,
        cells,
        np.ones((2, 2), dtype=np.float32),
        solved,
        tries=len(tries),
        steps=sum(tries),
        halt=halts[-1],
        seconds=0.1,
        trace_halt=np.array(halts, dtype=np.float32),
        trace_checked=np.array(checked),
        try_steps=tries,
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


def test_a_first_try_of_more_steps_makes_the_figures_by_step_longer() -> None:
    evaluation, other = Evaluation(max_steps=1), Evaluation(max_steps=1)
    evaluation.add(answer([0.9], [True]))
    evaluation.add(answer([0.1, 0.2, 0.9], [False, False, True]))
    other.add(answer([0.1, 0.9], [False, True]))
    evaluation.absorb(other.pack())
    assert evaluation.total.solved_by.tolist() == [1, 2, 3]
    other.absorb(evaluation.pack())
    assert other.total.solved_by.tolist() == [1, 3, 4]


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


def test_the_curve_over_tries_is_read_off_one_run() -> None:
    """Solved in try 1 of 2 steps, in try 3 of 4+4+1 steps, and never in four tries of 4 steps."""
    evaluation = Evaluation(max_steps=4, limits=(1, 2, 3, 4))
    evaluation.add(answer([0.1, 0.9], [False, True]))
    evaluation.add(answer([0.1] * 4, [False] * 4, tries=(4, 4, 1), solved=True))
    evaluation.add(answer([0.1] * 4, [False] * 4, tries=(4, 4, 4, 4)))
    evaluation.seconds = 54.0
    curve = evaluation.total.curve(evaluation.seconds_per_step)
    assert [(point.tries, point.exact, point.mean_steps) for point in curve] == [
        (1, 1 / 3, 10 / 3),
        (2, 1 / 3, 18 / 3),
        (3, 2 / 3, 23 / 3),
        (4, 2 / 3, 27 / 3),
    ]
    assert curve[-1] == Point(4, 2 / 3, wilson(2, 3), 9.0, 54.0)
    assert curve[0].seconds == pytest.approx(20.0)  # ten of 27 steps
    values = evaluation.to_dict()
    assert [point["tries"] for point in values["sources"]["a"]["by_tries"]] == [1, 2, 3, 4]
    assert values["by_tries"][2]["exact_accuracy"] == 2 / 3


def test_search_does_not_count_in_the_curve() -> None:
    evaluation = Evaluation(max_steps=2, limits=(1, 2))
    found = answer([0.1, 0.1], [False, False], tries=(2, 2), solved=True)
    evaluation.add(replace(found, method="search"))
    assert [point.exact for point in evaluation.total.curve(0.0)] == [0.0, 0.0]


@given(st.permutations(range(9)), st.integers(1, 4))
def test_parts_add_up_to_the_whole_in_any_order(order: list[int], parts: int) -> None:
    halts = np.random.default_rng(0).random((9, 3))
    answers = [
        answer(list(row), [False, False, n % 2 == 0], source="ab"[n % 3 == 0], tries=(3,) * (1 + n % 4))
        for n, row in enumerate(halts)
    ]
    whole, merged = Evaluation(3, (1, 2)), Evaluation(3, (1, 2))
    for one in answers:
        whole.add(one)
    for part in range(parts):
        share = Evaluation(3, (1, 2))
        for n in order[part::parts]:
            share.add(answers[n])
        merged.absorb(share.pack())
    assert merged.to_dict(per_step=True, errors=True) == whole.to_dict(per_step=True, errors=True)
    assert whole.to_dict(errors=True)["errors"] == [
        {"shape": [2, 2], "puzzles": 4, "cells": [[0, 0], [4, 4]]}
    ]
