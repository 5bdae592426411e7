"""Exact search for Sudoku. Pure Python, no network.

A state of the search is one integer: bit ``(digit * N + row) * N + column`` says that the digit may still
stand in the cell. Placing a digit is one AND with a precomputed mask; which cells and units have no
candidate, one, or more is found for the whole grid at once from shifted copies of the state. Where none is
left the branch ends; single candidates (naked and hidden) are placed; when there are no more of them the
search guesses in the cell or unit that has the fewest candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from random import Random

import numpy as np

from trmcli.tasks.base import Cells, Shape
from trmcli.tasks.sudoku.grid import BOX_SHAPES, units


@dataclass(frozen=True)
class _Tables:
    """What the search needs to know of one size and its boxes; all masks have a bit for each candidate.

    Attributes:
        keep: for each candidate, the candidates that remain once it is placed.
        everywhere: all candidates.
        constraints: for cells, rows, columns and boxes: the shifts that bring the candidates of a constraint
            onto its first one, the mask of those first ones, the factor that spreads a first one over all.
    """

    keep: tuple[int, ...]
    everywhere: int
    constraints: tuple[tuple[tuple[int, ...], int, int], ...]


@cache
def _tables(size: int, boxes: Shape) -> _Tables:
    cells = size * size
    everywhere = (1 << cells * size) - 1
    box_height, box_width = boxes

    def bits(positions: Iterable[int]) -> int:
        return sum(1 << position for position in positions)

    neighbours: list[set[int]] = [set() for _ in range(cells)]
    for unit in units(size, boxes).reshape(-1, size).tolist():
        for cell in unit:
            neighbours[cell].update(unit)
    keep = []
    for digit in range(size):
        for cell in range(cells):
            others = {digit * cells + other for other in neighbours[cell]}
            others |= {other * cells + cell for other in range(size)}
            keep.append(everywhere & ~bits(others) | 1 << digit * cells + cell)

    rows = range(0, cells, size)
    box = [row * size + column for row in range(box_height) for column in range(box_width)]
    corners = [row + column for row in rows[::box_height] for column in range(0, size, box_width)]
    planes = range(0, size * cells, cells)
    kinds: tuple[tuple[Sequence[int], Iterable[int]], ...] = (
        (planes, range(cells)),
        (range(size), [plane + row for plane in planes for row in rows]),
        (rows, [plane + column for plane in planes for column in range(size)]),
        (box, [plane + corner for plane in planes for corner in corners]),
    )
    constraints = tuple((tuple(offsets[1:]), bits(firsts), bits(offsets)) for offsets, firsts in kinds)
    return _Tables(tuple(keep), everywhere, constraints)


class GuessLimitError(Exception):
    pass


class Search:
    """Depth-first search over the states of one size, which counts its guesses.

    A *guess* is a cell or unit in which several candidates had to be tried.
    """

    def __init__(
        self,
        size: int,
        most_guesses: int | None = None,
        random: Random | None = None,
        boxes: Shape | None = None,
    ) -> None:
        self.size = size
        self.tables = _tables(size, boxes or BOX_SHAPES[size])
        self.guesses = 0
        self.most_guesses = most_guesses
        self.random = random

    def start(self, cells: Sequence[int]) -> tuple[int, int] | None:
        """The state after placing the givens (``[N * N]``, 0 is blank), or nothing if they contradict."""
        keep, state, placed, area = self.tables.keep, self.tables.everywhere, 0, self.size**2
        for cell, value in enumerate(cells):
            if value:
                candidate = (value - 1) * area + cell
                if not state >> candidate & 1:
                    return None
                state &= keep[candidate]
                placed |= 1 << candidate
        return state, placed

    def solutions(self, state: int, placed: int) -> Iterator[int]:
        """Every solved state, one after another.

        Raises:
            GuessLimitError: more of them than ``most_guesses``.
        """
        keep, constraints = self.tables.keep, self.tables.constraints
        stack = [(state, placed)]
        while stack:
            state, placed = stack.pop()
            while True:
                singles = crowded = 0
                for shifts, firsts, spread in constraints:
                    some, several = state, 0
                    for shift in shifts:
                        shifted = state >> shift
                        several |= some & shifted
                        some |= shifted
                    if some & firsts != firsts:
                        break  # a cell or unit has no candidate left
                    several &= firsts
                    crowded |= several
                    singles |= (firsts ^ several) * spread
                else:
                    if not crowded:
                        yield state
                        break
                    singles &= state & ~placed
                    if not singles:
                        stack.extend(self._branches(state, placed))
                        break
                    placed |= singles
                    while singles:
                        single = singles & -singles
                        if not state & single:
                            break  # it fell with an earlier one: two in one place
                        state &= keep[single.bit_length() - 1]
                        singles ^= single
                    else:
                        continue
                break

    def _branches(self, state: int, placed: int) -> list[tuple[int, int]]:
        self.guesses += 1
        if self.most_guesses is not None and self.guesses > self.most_guesses:
            raise GuessLimitError
        options = self._fewest(state)
        candidates = []
        while options:
            candidate = options & -options
            options ^= candidate
            candidates.append(candidate)
        if self.random is not None:
            self.random.shuffle(candidates)
        keep = self.tables.keep
        return [(state & keep[c.bit_length() - 1], placed | c) for c in candidates]

    def _fewest(self, state: int) -> int:
        """The candidates of the cell or unit that has the fewest, but more than one."""
        fewest, best = 1 << 30, 0
        for shifts, firsts, spread in self.tables.constraints:
            some, several, many = state, 0, 0
            for shift in shifts:
                shifted = state >> shift
                many |= several & shifted
                several |= some & shifted
                some |= shifted
            pairs = several & ~many & firsts
            if pairs:
                return (pairs & -pairs) * spread & state
            several &= firsts
            while several:
                first = several & -several
                several ^= first
                options = first * spread & state
                count = options.bit_count()
                if count < fewest:
                    fewest, best = count, options
        return best

    def digits(self, state: int) -> list[int]:
        """A solved state as ``[N * N]`` digits."""
        area = self.size**2
        result = [0] * area
        while state:
            single = state & -state
            state ^= single
            digit, cell = divmod(single.bit_length() - 1, area)
            result[cell] = digit + 1
        return result


def solutions(cells: Cells, limit: int = 2, boxes: Shape | None = None) -> list[Cells]:
    """The first ``limit`` solutions (``[N, N]`` each) of a question (``[N, N]``, 0 is blank); none if it
    contradicts itself."""
    search = Search(len(cells), boxes=boxes)
    start = search.start(cells.ravel().tolist())
    if start is None:
        return []
    return [grid_of(search.digits(state)) for state in islice(search.solutions(*start), limit)]


def count_solutions(
    cells: Cells, limit: int = 2, most_guesses: int | None = None, boxes: Shape | None = None
) -> int | None:
    """How many solutions a question (``[N, N]``) has, counted no further than ``limit``; None if more than
    ``most_guesses`` would be needed to tell."""
    search = Search(len(cells), most_guesses, boxes=boxes)
    start = search.start(cells.ravel().tolist())
    try:
        return 0 if start is None else sum(1 for _ in islice(search.solutions(*start), limit))
    except GuessLimitError:
        return None


def rating(cells: Cells) -> int:
    """How often a plain search must guess to solve ``[N, N]`` and to see that there is no second solution.

    Zero means that naked and hidden singles solve the puzzle.
    """
    search = Search(len(cells))
    start = search.start(cells.ravel().tolist())
    if start is not None:
        for _ in islice(search.solutions(*start), 2):
            pass
    return search.guesses


def grid_of(digits: Sequence[int]) -> Cells:
    size = round(len(digits) ** 0.5)
    return np.array(digits, dtype=np.uint8).reshape(size, size)
