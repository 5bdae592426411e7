"""Sudoku with so few givens that there are many solutions, as a CSV for ``trm eval``.

Run it with: python benchmarks/sparse.py --count 120 | trm eval - --tries 1,4,32

The givens are drawn from solved grids that are made here; the column ``source`` tells how many there are.
"""

from __future__ import annotations

import argparse
import csv
import sys

import numpy as np

from trmcli.tasks.sudoku.generate import generate_many


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
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["source", "question"])
    for number, made in enumerate(generate_many(asked.size, asked.count, None, False, asked.seed, 1)):
        givens, cells = numbers[number % len(numbers)], made.answer.ravel()
        kept = rng.permutation(len(cells)) < givens
        signs = [np.base_repr(value, 36) if keep else "." for value, keep in zip(cells, kept, strict=True)]
        rows.writerow([f"{givens} givens", "".join(signs)])


if __name__ == "__main__":
    main()
