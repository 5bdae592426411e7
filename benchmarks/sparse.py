"""Sudoku with so few givens that there are many solutions, as a CSV for ``trm eval``.

Run it with: python benchmarks/sparse.py --count 120 | trm eval - --tries 1,4,32

The givens are drawn from solved grids that are made here; the column ``source`` tells how many there are.
"""

from __future__ import annotations

import argparse
import csv
import sys

import numpy as np

from trmcli.errors import Origin
from trmcli.tasks.base import Puzzle
from trmcli.tasks.sudoku.generate import generate_many
from trmcli.tasks.sudoku.kind import sudoku_task


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--size", type=int, default=9)
    parser.add_argument("--most", type=int, default=16, help="most givens, in steps of two from none")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    numbers = range(0, asked.most + 1, 2)
    text = sudoku_task().text
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["source", "question"])
    for number, made in enumerate(generate_many(asked.size, asked.count, None, False, asked.seed, 1)):
        givens = numbers[number % len(numbers)]
        kept = (rng.permutation(made.answer.size) < givens).reshape(made.answer.shape)
        cells = np.where(kept, made.answer, 0).astype(np.uint8)
        rows.writerow([f"{givens} givens", text.write(Puzzle(cells, Origin("made here")), cells)])


if __name__ == "__main__":
    main()
