"""Outputs of tests that stand in a file of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from arc_files import ANSWER, TASK, read, write

from trmcli.errors import InputError
from trmcli.tasks.arc.files import read_solutions, solutions_beside, with_solutions
from trmcli.tasks.arc.looks import PACKED


def test_solutions_are_found_beside_challenges(tmp_path: Path) -> None:
    challenges = write(tmp_path / "x_challenges.json", {"aa": TASK})
    assert solutions_beside(challenges) is None
    solutions = write(tmp_path / "x_solutions.json", {"aa": [ANSWER], "more": [ANSWER]})
    assert str(solutions_beside(challenges)) == solutions
    assert solutions_beside(write(tmp_path / "a.json", TASK)) is None
    (task,) = with_solutions(read(challenges), Path(solutions))
    assert task.answers is not None
    assert task.answers[0].tolist() == ANSWER


@pytest.mark.parametrize("packed", ["", *PACKED])
@pytest.mark.parametrize("other", ["", *PACKED])
def test_solutions_are_found_however_they_are_packed(tmp_path: Path, packed: str, other: str) -> None:
    challenges = tmp_path / f"x_challenges.json{packed}"
    solutions = tmp_path / f"x_solutions.json{other}"
    assert solutions_beside(str(challenges)) is None
    solutions.touch()
    assert solutions_beside(str(challenges)) == solutions
    alike = tmp_path / f"x_solutions.json{packed}"
    alike.touch()
    assert solutions_beside(str(challenges)) == alike


@pytest.mark.parametrize(
    ("solutions", "said"),
    [
        ({"bb": [ANSWER]}, "has no solution of task aa"),
        ({"aa": [ANSWER, ANSWER]}, "task aa: has 2 solutions, and"),
        ({"aa": [[[11]]]}, "task aa, solution 1, row 1: cell 1 is 11"),
        ({"aa": 3}, "task aa: is not a list of grids"),
        ({"aa": TASK}, "is not a file of solutions"),
        ([1], "is not a file of solutions"),
        ('{"aa": [', ":1:9: is not JSON"),
    ],
)
def test_solutions_that_do_not_match_are_refused(tmp_path: Path, solutions: Any, said: str) -> None:
    tasks = read(write(tmp_path / "x_challenges.json", {"aa": TASK}))
    path = write(tmp_path / "s.json", solutions)
    with pytest.raises(InputError, match=r".") as caught:
        with_solutions(tasks, Path(path))
    assert str(caught.value).startswith(path)
    assert said in str(caught.value)


def test_solutions_of_a_huge_grid_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 31 rows"):
        read_solutions(Path(write(tmp_path / "s.json", {"aa": [[[0, 0]] * 31]})))
