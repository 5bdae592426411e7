"""What is said of one answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trmcli.cli.outcome import conclude
from trmcli.errors import Origin
from trmcli.solving.answers import Frame, settle
from trmcli.tasks import get_task
from trmcli.tasks.base import Cells, Puzzle, Verdict
from trmcli.tasks.sudoku.kind import SudokuRules


def test_the_rules_are_asked_once_what_is_wrong() -> None:
    class Counting(SudokuRules):
        def verify(self, question: Cells, answer: Cells) -> Verdict:
            asked.append(answer)
            return super().verify(question, answer)

    asked: list[Cells] = []
    task = replace(get_task("sudoku"), rules=Counting(), variant=None)
    wrong = np.ones((4, 4), dtype=np.uint8)
    sure = np.ones((4, 4), dtype=np.float32)
    puzzle = Puzzle(np.zeros((4, 4), dtype=np.uint8), Origin("test", 1))
    outcome = conclude(task, settle(puzzle, [Frame(1, 1, wrong, sure, 0.5, False, 0.0)]), search=False)
    assert len(asked) == 1
    assert outcome.problems and outcome.doubtful == 16 and not outcome.cells.any()
