"""Takuzu (binary puzzles): a kind of puzzle for trm, as a package of its own.

A grid of 6x6 to 10x10 is filled with 0 and 1, so that every row and column has as many of one as of the
other, never three of a kind side by side, and no two rows, and no two columns, are equal.
Values of cells: 0 open, 1 and 2 the digits 0 and 1.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.tasks.base import Bools, Cells, Problem, Shape, Symmetry, Verdict
from trmcli.tasks.lattice import dihedral
from trmcli.tasks.plain import PlainCodec, PlainGivens, PlainPaint, PlainStructure, PlainText
from trmcli.tasks.task import Maker, Rules, Task, Views
from trmcli.tasks.workers import mapped, processors

SIZES, LEVELS, SIGNS = (6, 8, 10), ("usual", "hard"), ".01"


class TakuzuViews(Views):
    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """Turns and mirror images, and 0 for 1."""
        every = dihedral(shape)
        values = np.where(rng.random((count, 1)) < 0.5, [0, 1, 2, 3], [0, 1, 3, 2])
        return Symmetry(every[rng.integers(len(every), size=count)], values)


class TakuzuRules(Rules):
    def check(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        return np.array([self.verify(*pair).ok for pair in zip(questions, answers, strict=True)], np.bool_)

    def verify(self, question: Cells, answer: Cells) -> Verdict:
        size, places = len(answer), np.arange(answer.size).reshape(answer.shape)
        problems = []

        def wrong(message: str, cells: npt.NDArray[Any]) -> None:
            if cells.size:
                problems.append(Problem(message, tuple(cells.ravel().tolist())))

        wrong("a given was changed", places[(question != 0) & (question != answer)])
        wrong("a cell is open", places[answer == 0])
        for name, grid, cells in (("row", answer, places), ("column", answer.T, places.T)):
            for number, line in enumerate(grid):
                for start in range(size - 2):
                    if line[start] and (line[start : start + 3] == line[start]).all():
                        wrong(f"three of a kind in {name} {number + 1}", cells[number, start : start + 3])
                for digit in (1, 2):
                    if (line == digit).sum() > size // 2:
                        wrong(f"too many {digit - 1} in {name} {number + 1}", cells[number][line == digit])
                for other in range(number):
                    if line.all() and np.array_equal(line, grid[other]):
                        wrong(f"{name} {number + 1} equals {name} {other + 1}", cells[[other, number]])
        return Verdict(tuple(problems))

    def solutions(self, question: Cells, most_guesses: int | None = None) -> int | None:
        return len(list(islice(fillings(question), 2)))

    def search(self, question: Cells) -> Cells | None:
        return next(fillings(question), None)


@cache
def patterns(size: int) -> list[int]:
    """Rows with as many 1 as 0 and no three of a kind side by side, as bits."""
    every, full = range(1 << size), (1 << size) - 1
    balanced = (row for row in every if row.bit_count() == size // 2)
    return [row for row in balanced if not any(x & x >> 1 & x >> 2 for x in (row, ~row & full))]


def fillings(question: Cells, rng: random.Random | None = None, distinct: bool = True) -> Iterator[Cells]:
    """All solutions, row by row; in random order if there is something to draw it from."""
    size = len(question)
    weights, full = 1 << np.arange(size)[::-1], (1 << size) - 1
    lines = zip(*((question == digit) @ weights for digit in (2, 1)), strict=True)
    fitting = [[p for p in patterns(size) if not (one & ~p | zero & p)] for one, zero in lines]

    def down(rows: list[int]) -> Iterator[list[int]]:
        if len(rows) == size:
            columns = [sum((row >> bit & 1) << n for n, row in enumerate(rows)) for bit in range(size)]
            if not distinct or len(set(columns)) == size:
                yield rows
            return
        options = [row for row in fitting[len(rows)] if not distinct or row not in rows]
        if len(rows) >= 2:
            both, neither = rows[-1] & rows[-2], ~(rows[-1] | rows[-2]) & full
            options = [row for row in options if not row & both and not ~row & neither]
        counts = [sum(row >> bit & 1 for row in rows) for bit in range(size)]
        filled = sum(1 << bit for bit, count in enumerate(counts) if count == size // 2)
        needed = sum(1 << bit for bit, count in enumerate(counts) if len(rows) - count == size // 2)
        options = [row for row in options if not row & filled and not ~row & needed]
        for row in rng.sample(options, len(options)) if rng else options:
            yield from down([*rows, row])

    for rows in down([]):
        yield np.array([[1 + (row >> bit & 1) for bit in range(size)[::-1]] for row in rows], dtype=np.uint8)


class TakuzuMaker(Maker):
    """Options: size; and level, hard where a solution is the only one because no two rows are equal."""

    def make(
        self,
        count: int,
        seed: int,
        options: Mapping[str, Any],
        made: Callable[[int, int], None] = lambda done, count: None,
    ) -> tuple[Cells, Cells]:
        size, level = options.get("size", 8), options.get("level", "usual")
        if set(options) - {"size", "level"} or size not in SIZES or level not in LEVELS:
            raise InputError(f"takuzu has size 6, 8 or 10, and level usual or hard, not {dict(options)}")
        pairs = []
        with mapped(partial(fresh, seed, size, level == "hard"), count, processors()) as made_by_all:
            for number, pair in enumerate(made_by_all, 1):
                pairs.append(pair)
                made(number, count)
        return np.stack([question for question, _ in pairs]), np.stack([answer for _, answer in pairs])


def fresh(seed: int, size: int, hard: bool, number: int) -> tuple[Cells, Cells]:
    """A puzzle and its one solution, the same ones whichever process makes them."""
    rng = random.Random(f"{seed} {number}")
    answer = next(fillings(np.zeros((size, size), dtype=np.uint8), rng))
    question, least = answer.copy(), size * size * rng.randint(30, 45) // 100
    for cell in rng.sample(range(size * size), size * size - least):
        question.flat[cell] = 3 - answer.flat[cell]  # a second solution would have the other digit
        other = next(fillings(question, distinct=hard), None)
        question.flat[cell] = 0 if other is None else answer.flat[cell]
    return question, answer


takuzu = Task(
    name="takuzu",
    text=PlainText(SIGNS),
    codec=PlainCodec(SIGNS),
    views=TakuzuViews(4),
    paint=PlainPaint(SIGNS),
    rules=TakuzuRules(),
    givens=PlainGivens(),
    structure=PlainStructure(SIGNS, reach=7),
    maker=TakuzuMaker(),
)
