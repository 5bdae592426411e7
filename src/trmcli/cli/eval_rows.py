"""What ``trm eval`` does with answers as they come: it counts them, and writes a row of each."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trmcli.ranks import Ranks
    from trmcli.solving.evaluation import Evaluation
    from trmcli.solving.search import Answer
    from trmcli.tasks.task import Task

COLUMNS = ("source", "question", "answer", "prediction", "solved", "tries", "steps", "halt_probability")
"""Of the file of predictions."""


class Rows:
    """The table of predictions.

    Args:
        table: where it is written as the answers come; None for nowhere.
        keep: whether to hold the rows back, because those of other processes stand between them.
    """

    def __init__(self, task: Task, table: Any, keep: bool) -> None:
        self.task, self.keep = task, keep
        self.kept: list[list[str]] = []
        self.writer = None if table is None else csv.writer(table, lineterminator="\n")
        self.write(list(COLUMNS))

    def write(self, row: list[str]) -> None:
        if self.writer is not None:
            self.writer.writerow(row)

    def add(self, answer: Answer) -> None:
        if self.writer is None and not self.keep:
            return
        task, line = self.task, replace(answer.puzzle, layout="line")
        row = [
            line.source,
            task.text.write(line, line.cells),
            "" if line.answer is None else task.text.write(line, line.answer),
            task.text.write(line, answer.cells),
            {"right": "1", "wrong": "0", "unknown": ""}[answer.judgement],
            str(answer.tries),
            str(answer.steps),
            f"{answer.halt:.4f}",
        ]
        if self.keep:
            self.kept.append(row)
        else:
            self.write(row)


def measure(
    evaluation: Evaluation, answers: Iterator[Answer], rows: Rows, advance: Callable[[], None]
) -> None:
    start = time.perf_counter()
    try:
        for answer in answers:
            evaluation.add(answer)
            rows.add(answer)
            advance()
    finally:
        evaluation.seconds = time.perf_counter() - start


def merged(evaluation: Evaluation, ranks: Ranks, rows: Rows, hurry: bool) -> Evaluation:
    """The whole, from the parts of all processes; the rows in the order of the puzzles."""
    from trmcli.solving.evaluation import Evaluation

    whole = Evaluation(evaluation.max_steps, evaluation.limits)
    mine = json.dumps([evaluation.pack(), rows.kept])
    parts = [json.loads(part) for part in ranks.texts(mine, hurry)]
    for packed, _ in parts:
        whole.absorb(packed)
    for together in zip_longest(*(kept for _, kept in parts)):
        for row in together:
            if row is not None:
                rows.write(row)
    return whole
