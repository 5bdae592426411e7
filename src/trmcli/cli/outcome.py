"""What ``trm solve`` says of one answer: in words, as JSON, and where plain counting knew before any try."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trmcli.cli.common import plural

if TYPE_CHECKING:
    from trmcli.solving.answers import Answer
    from trmcli.tasks.base import Cells, Puzzle
    from trmcli.tasks.task import Rules, Task

FEW_GUESSES = 100
"""Guesses of the plain search that counts the solutions of a puzzle before it is solved: milliseconds.

Of held-out puzzles they tell for 143 of 144 with 17 givens and for 38 of 134 of the forum's hardest. The
others are counted after the tries.
"""


@dataclass(frozen=True)
class Outcome:
    """One answer, and what is to be said of it.

    Attributes:
        cells: ``[height, width]`` the answer; where it is not checked, with the cells in doubt blank.
        solutions: how many the puzzle has: 0, 1, or 2 for several; None if unknown.
        problems: what is wrong with an answer that is not checked, as sentences.
        doubtful: cells in doubt, of those that were ``undecided``.
    """

    answer: Answer
    cells: Cells
    solutions: int | None
    problems: tuple[str, ...] = ()
    doubtful: int = 0
    undecided: int = 0

    @property
    def unique(self) -> bool | None:
        """Whether there is one solution only; None if that is unknown, or if there is none."""
        return None if not self.solutions else self.solutions == 1

    @property
    def verdict(self) -> str:
        answer, seconds = self.answer, f"{self.answer.seconds:.2f} s"
        tries = plural(answer.tries, "try", "tries")
        if self.solutions == 0:
            tried = f"after {tries} of the model, {seconds}" if answer.tries else "so nothing was tried"
            return f"has no solution: a plain search finds none, {tried}"
        if answer.method == "search":
            spent = f"by plain search, after {tries} of the model"
        elif answer.checked and not answer.tries:
            return "solved and checked: no cell was open"
        elif answer.tries == 1:
            spent = f"step {answer.steps}, try 1"
        else:
            spent = f"try {answer.tries}, {answer.steps} steps in all"
        if answer.checked:
            several = ", one of several solutions" if self.solutions == 2 else ""
            return f"solved and checked: {spent}, {seconds}{several}"
        if not answer.ruled:
            said = {
                "right": "as the known answer",
                "wrong": "not as the known answer",
                "unknown": "unchecked",
            }
            return f"answered, {said[answer.judgement]}: {spent}, {seconds}"
        doubt = f"{self.doubtful} of {self.undecided} cells in doubt"
        spent = f"{tries}, {plural(answer.steps, 'step', 'steps')}, {seconds}"
        there = {1: ", but there is a solution", 2: ", but there are several solutions", None: ""}[
            self.solutions
        ]
        return f"not solved: {doubt} after {spent}{there}"

    def to_json(self, task: Task) -> str:
        """One line of ``--json``, as the README documents it."""
        from json import dumps

        answer = self.answer
        line = replace(answer.puzzle, layout="line")
        record: dict[str, Any] = {
            "puzzle": task.text.write(line, answer.puzzle.cells),
            "answer": task.text.write(line, self.cells),
            "verified": answer.verified,
            "steps": answer.steps,
            "tries": answer.tries,
            "halt_probability": round(answer.halt, 4) if answer.tries else None,
            "milliseconds": round(answer.seconds * 1000, 1),
            "solutions": "2+" if self.solutions == 2 else self.solutions,
            "unique": self.unique,
            "method": answer.method,
            "origin": str(answer.puzzle.origin),
            "problems": list(self.problems),
        }
        return dumps(record, ensure_ascii=False)


def counted(task: Task, puzzle: Puzzle) -> Puzzle:
    """The puzzle with the number of its solutions, if a plain search can tell at once."""
    rules = task.of(puzzle).rules
    return puzzle if rules is None else replace(puzzle, solutions=rules.solutions(puzzle.cells, FEW_GUESSES))


def judged(task: Task, answer: Answer) -> Answer:
    """The answer; a question that leaves nothing open answers itself, whatever the network makes of it."""
    from trmcli.solving.answers import untried

    task, question = task.of(answer.puzzle), answer.puzzle.cells
    if (
        answer.checked
        or task.codec.undecided(question).any()
        or not task.accepts(question[None], question[None])[0]
    ):
        return answer
    return replace(untried(answer.puzzle), checked=True)


def conclude(task: Task, answer: Answer, search: bool) -> Outcome:
    """What became of a puzzle; with ``search``, plain search may solve what is not solved."""
    import numpy as np

    task, question, answer = task.of(answer.puzzle), answer.puzzle.cells, judged(task, answer)
    rules, solutions = task.rules, answer.puzzle.solutions
    if rules is None:
        return Outcome(answer, answer.cells, solutions)
    if solutions is None:
        solutions = rules.solutions(question)
    if not answer.checked and search and solutions != 0:
        answer = _searched(rules, answer)
    if answer.checked:
        return Outcome(answer, answer.cells, solutions)
    if solutions == 0:
        return Outcome(answer, question, 0, ("has no solution",))
    from trmcli.ui.grid import in_doubt

    verdict = rules.verify(question, answer.cells)
    doubt = in_doubt(task, question, answer.cells, answer.confidence, verdict)
    open_cells = task.codec.undecided(question)
    cells = np.where(open_cells, np.where(doubt, 0, answer.cells), question).astype(question.dtype)
    messages = tuple(problem.message for problem in verdict.problems)
    return Outcome(answer, cells, solutions, messages, int(doubt.sum()), int(open_cells.sum()))


def _searched(rules: Rules, answer: Answer) -> Answer:
    """The answer of plain search, if it finds one."""
    import numpy as np

    start = time.perf_counter()
    found = rules.search(answer.puzzle.cells)
    if found is None or not rules.verify(answer.puzzle.cells, found).ok:
        return answer
    return replace(
        answer,
        cells=found,
        confidence=np.ones_like(answer.confidence),
        checked=True,
        seconds=answer.seconds + time.perf_counter() - start,
        method="search",
    )
