"""Kaggle's file of answers: two attempts at each test input of each task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from trmcli.tasks.arc.task import Grid

ATTEMPTS = 2
_NONE = [[0, 0], [0, 0]]
"""What stands in a submission where there is no attempt, as in Kaggle's own sample."""


Entry = dict[str, list[list[int]]]
"""``{"attempt_1": GRID, "attempt_2": GRID}``"""


def submission(answers: Mapping[str, Sequence[Sequence[Grid]]]) -> dict[str, list[Entry]]:
    """``{task: [{"attempt_1": GRID, "attempt_2": GRID}, …]}`` of the attempts at each test, best first.

    A single attempt stands in both places.
    """
    return {name: [_entry(attempts) for attempts in tests] for name, tests in answers.items()}


def _entry(attempts: Sequence[Grid]) -> Entry:
    grids = [grid.tolist() for grid in attempts[:ATTEMPTS]] or [_NONE]
    grids += [grids[0]] * (ATTEMPTS - len(grids))
    return {f"attempt_{number}": grid for number, grid in enumerate(grids, start=1)}


def submission_text(answers: Mapping[str, Sequence[Sequence[Grid]]]) -> str:
    """The same as the text of a file."""
    return json.dumps(submission(answers)) + "\n"
