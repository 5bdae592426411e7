"""How many Sudoku a model solves that have no relative among the puzzles that it was trained on.

Run it with: trm eval test.csv --tries 1 --predictions solved.csv
             python benchmarks/families.py solved.csv --train hard_train.csv.gz

Collections of hard puzzles come in families: one puzzle is another with a few givens moved. Two puzzles count
as relatives here if their givens stand in the same places, or if their solutions are alike, both up to all
symmetries of Sudoku. Both are told by invariants, which may take strangers for relatives, but never relatives
for strangers.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trmcli.solving.intervals import wilson
from trmcli.tasks import read_puzzles

Grids = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint64]

ROUNDS = 6
"""Times that cells hear of each other."""
ROW, COLUMN = np.divmod(np.arange(81), 9)
BAND, STACK = ROW // 3, COLUMN // 3


def mixed(x: npt.NDArray[np.generic]) -> Marks:
    """Marks that are as good as random (the finaliser of SplitMix64)."""
    marks: Marks = x.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        marks = (marks ^ marks >> np.uint64(shift)) * np.uint64(factor)
    marks ^= marks >> np.uint64(31)
    return marks


def summed(marks: Marks, group: Grids) -> Marks:
    """``[n, 81]``: for each cell the sum over its group."""
    sums = np.stack([marks[:, group == number].sum(axis=1) for number in range(group.max() + 1)], axis=1)
    whole: Marks = sums[:, group]
    return whole


def patterns(questions: Grids) -> Marks:
    """``[n]``: where the givens of ``[n, 81]`` stand, by colour refinement over rows, columns and boxes."""
    marks = mixed(1 + (questions > 0))
    for _ in range(ROUNDS):
        lines = [
            mixed(summed(marks, line) + mixed(summed(marks, around)) * np.uint64(3))
            for line, around in ((ROW, BAND), (COLUMN, STACK))
        ]
        boxes = mixed(summed(marks, BAND * 3 + STACK))
        marks = mixed(marks * np.uint64(7) + lines[0] + lines[1] + boxes * np.uint64(11))
    return np.asarray(np.sort(marks, axis=1).sum(axis=1))


def cycles(rows: Grids, others: Grids) -> Marks:
    """``[n]``: the lengths of the cycles of the permutation that takes the digits of one row to another's."""
    step = np.zeros((len(rows), 10), dtype=np.int64)
    np.put_along_axis(step, rows, others, axis=1)
    length, here = np.zeros_like(step), step
    for number in range(1, 10):
        length = np.where((length == 0) & (here == np.arange(10)), number, length)
        here = np.take_along_axis(step, here, axis=1)
    return mixed(np.sort(length[:, 1:], axis=1) @ 10 ** np.arange(9))


def grids(answers: Grids) -> Marks:
    """``[n]``: what full grids are like: the cycles between rows of a band, between those of different bands,
    and the same of columns."""
    total = np.zeros(len(answers), dtype=np.uint64)
    for lines in (answers.reshape(-1, 9, 9), answers.reshape(-1, 9, 9).transpose(0, 2, 1)):
        between: dict[tuple[int, int], list[Marks]] = {}
        for one, other in combinations(range(9), 2):
            between.setdefault((one // 3, other // 3), []).append(cycles(lines[:, one], lines[:, other]))
        sums = {bands: np.sum([mixed(mark) for mark in marks], axis=0) for bands, marks in between.items()}
        within, across = (
            np.sum([mixed(mark) for (a, b), mark in sums.items() if (a == b) is same], axis=0)
            for same in (True, False)
        )
        total += mixed(within + mixed(across) * np.uint64(3))
    return total


def strangers(questions: Grids, answers: Grids, train: tuple[Grids, Grids]) -> npt.NDArray[np.bool_]:
    """``[n]``: which puzzles have no relative in the training puzzles, ``[m, 81]`` questions and answers."""
    found: npt.NDArray[np.bool_] = ~(
        np.isin(patterns(questions), patterns(train[0])) | np.isin(grids(answers), grids(train[1]))
    )
    return found


def cells(texts: Sequence[str]) -> Grids:
    return np.array([[0 if sign in ".0" else int(sign) for sign in text] for text in texts], dtype=np.int64)


def training(path: str) -> tuple[Grids, Grids]:
    """Questions and answers of a file of 9x9 puzzles that come with answers."""

    def pairs() -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
        for _, puzzle in read_puzzles([path]):
            if puzzle.answer is not None:
                yield puzzle.cells.ravel(), puzzle.answer.ravel()

    questions, answers = (np.stack(part).astype(np.int64) for part in zip(*pairs(), strict=True))
    return questions, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "predictions", type=Path, help="of trm eval --predictions, of 9x9 puzzles with answers"
    )
    parser.add_argument("--train", required=True, help="the puzzles that the model was trained on")
    options = parser.parse_args()
    with options.predictions.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    questions, answers = cells([row["question"] for row in rows]), cells([row["answer"] for row in rows])
    alone = strangers(questions, answers, training(options.train))
    solved = np.array([row["solved"] == "1" for row in rows])
    for name, chosen in (
        ("without relatives", alone),
        ("with relatives", ~alone),
        ("all", np.ones_like(alone)),
    ):
        right, count = int(solved[chosen].sum()), int(chosen.sum())
        low, high = wilson(right, count)
        print(f"{name}: {right} of {count}, {right / max(1, count):.2%} ({low:.2%}-{high:.2%})")


if __name__ == "__main__":
    main()
