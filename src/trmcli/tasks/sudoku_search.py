"""Exact search for Sudoku, and the generator that rests on it. Pure Python, no network.

A state of the search is one integer: bit ``(digit * N + row) * N + column`` says that the digit may still
stand in the cell. Placing a digit is one AND with a precomputed mask; which cells and units have no
candidate, one, or more is found for the whole grid at once from shifted copies of the state. Where none is
left the branch ends; single candidates (naked and hidden) are placed; when there are no more of them the
search guesses in the cell or unit that has the fewest candidates.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from random import Random
from typing import NamedTuple

import numpy as np

from trmcli.errors import InputError
from trmcli.tasks.base import Cells
from trmcli.tasks.sudoku import BOX_SHAPES, units
from trmcli.tasks.workers import mapped

FEWEST_CLUES = {4: 4, 6: 8, 9: 17, 16: 96}
"""The fewest givens with which a solution can be unique; for 16x16, where 55 are known to be enough, the
fewest that :func:`generate` reaches in reasonable time."""

USUAL_CLUES = {4: (5, 8), 6: (10, 16), 9: (24, 36), 16: (112, 140)}
"""The range that is generated when none is asked for."""


@dataclass(frozen=True)
class _Tables:
    """What the search needs to know of one size; all masks have a bit for each candidate.

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
def _tables(size: int) -> _Tables:
    cells = size * size
    everywhere = (1 << cells * size) - 1
    box_height, box_width = BOX_SHAPES[size]

    def bits(positions: Iterable[int]) -> int:
        return sum(1 << position for position in positions)

    neighbours: list[set[int]] = [set() for _ in range(cells)]
    for unit in units(size).reshape(-1, size).tolist():
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


class _GuessLimitError(Exception):
    pass


class _Search:
    """Depth-first search over the states of one size, which counts its guesses.

    A *guess* is a cell or unit in which several candidates had to be tried.
    """

    def __init__(self, size: int, most_guesses: int | None = None, random: Random | None = None) -> None:
        self.size = size
        self.tables = _tables(size)
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
            _GuessLimitError: more of them than ``most_guesses``.
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
            raise _GuessLimitError
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


def solutions(cells: Cells, limit: int = 2) -> list[Cells]:
    """The first ``limit`` solutions (``[N, N]`` each) of a question (``[N, N]``, 0 is blank); none if it
    contradicts itself."""
    search = _Search(len(cells))
    start = search.start(cells.ravel().tolist())
    if start is None:
        return []
    return [_grid(search.digits(state)) for state in islice(search.solutions(*start), limit)]


def count_solutions(cells: Cells, limit: int = 2, most_guesses: int | None = None) -> int | None:
    """How many solutions a question (``[N, N]``) has, counted no further than ``limit``; None if more than
    ``most_guesses`` would be needed to tell."""
    search = _Search(len(cells), most_guesses)
    start = search.start(cells.ravel().tolist())
    try:
        return 0 if start is None else sum(1 for _ in islice(search.solutions(*start), limit))
    except _GuessLimitError:
        return None


def rating(cells: Cells) -> int:
    """How often a plain search must guess to solve ``[N, N]`` and to see that there is no second solution.

    Zero means that naked and hidden singles solve the puzzle.
    """
    search = _Search(len(cells))
    start = search.start(cells.ravel().tolist())
    if start is not None:
        for _ in islice(search.solutions(*start), 2):
            pass
    return search.guesses


class Generated(NamedTuple):
    """A new puzzle (``[N, N]``), its only solution, and its :func:`rating`."""

    question: Cells
    answer: Cells
    rating: int


_TRIES = {4: 500, 6: 500, 9: 500, 16: 20}
_TRIES_FOR_NEW = 5000
_MOST_GUESSES = 300


def parse_clues(text: str) -> tuple[int, int]:
    """``22-35`` or ``30`` as a range, both ends included."""
    match = re.fullmatch(r"\s*(\d{1,4})\s*(?:(?:-|\.\.|:)\s*(\d{1,4})\s*)?", text)
    if match is None:
        raise InputError(f"--clues {text!r} is no range: write it as 22-35, or 30 for exactly that many")
    return int(match[1]), int(match[2] or match[1])


def check_clues(size: int, clues: tuple[int, int]) -> None:
    """Raise InputError for a range of givens that no puzzle can have."""
    low, high = clues
    fewest, area = FEWEST_CLUES[size], size * size
    if low > high:
        raise InputError(f"the range of givens {low}-{high} is empty: write the smaller number first")
    if low < fewest or high > area:
        reason = "can be generated with" if size == 16 else "with one solution has"
        raise InputError(f"a {size}x{size} Sudoku {reason} {fewest} to {area} givens, not {low}-{high}")


def generate(
    size: int, rng: np.random.Generator, clues: tuple[int, int] | None = None, minimal: bool = False
) -> tuple[Cells, Cells]:
    """A random puzzle with one solution, and that solution, ``[N, N]`` each.

    A random full grid loses givens in random order for as long as the solution stays the only one: down to a
    number drawn from ``clues`` or, when ``minimal``, until no given can be spared. 9x9 puzzles with fewer
    than 21 givens are hardly ever met this way.

    Raises:
        InputError: no puzzle can have that many givens, or none was found.
    """
    if clues is not None:
        check_clues(size, clues)
    low, high = clues or ((0, size * size) if minimal else USUAL_CLUES[size])
    random = Random(int(rng.integers(1 << 62)))
    for _ in range(_TRIES[size]):
        answer = _full_grid(size, random)
        question = _dig(answer, 0 if minimal else random.randint(low, high), minimal, random)
        if question is not None and low <= sum(map(bool, question)) <= high:
            return _grid(question), _grid(answer)
    kind = "minimal puzzle" if minimal else "puzzle"
    raise InputError(
        f"found no {size}x{size} {kind} with {low}-{high} givens in {_TRIES[size]} tries: widen the range"
    )


def _grid(digits: Sequence[int]) -> Cells:
    size = round(len(digits) ** 0.5)
    return np.array(digits, dtype=np.uint8).reshape(size, size)


def _full_grid(size: int, random: Random) -> list[int]:
    blank = [0] * (size * size)
    while True:
        search = _Search(size, _MOST_GUESSES, random)
        start = search.start(blank)
        assert start is not None
        try:
            return search.digits(next(search.solutions(*start)))
        except _GuessLimitError:
            continue


def _dig(answer: Sequence[int], target: int, minimal: bool, random: Random) -> list[int] | None:
    """Take givens from a full grid, down to ``target`` if they can be spared; nothing if a minimal puzzle was
    asked for and the search was too long to be sure."""
    size = round(len(answer) ** 0.5)
    question = list(answer)
    left = len(answer)
    for cell in random.sample(range(len(answer)), len(answer)):
        if left == target:
            break
        question[cell] = 0
        search = _Search(size, _MOST_GUESSES)
        start = search.start(question)
        assert start is not None
        state, placed = start
        without = state & ~(1 << (answer[cell] - 1) * len(answer) + cell)
        try:
            spared = next(search.solutions(without, placed), None) is None
        except _GuessLimitError:
            if minimal:
                return None
            spared = False
        if spared:
            left -= 1
        else:
            question[cell] = answer[cell]
    return question


def generate_many(
    size: int,
    count: int,
    clues: tuple[int, int] | None = None,
    minimal: bool = False,
    seed: int = 0,
    processes: int = 1,
    unique: bool = True,
) -> Generator[Generated, None, None]:
    """``count`` puzzles as :func:`generate` makes them, the same for a seed whatever the number of processes.

    Raises:
        InputError: as :func:`generate`, for another size than 4, 6, 9 or 16, or when ``unique`` and no
            further new puzzle is found.
    """
    if not isinstance(size, int) or size not in FEWEST_CLUES:
        raise InputError(f"there is no Sudoku of size {size!r}: --size is 4, 6, 9 or 16")
    if clues is not None:
        check_clues(size, clues)
    make = partial(_generate_one, size, clues, minimal, seed)
    seen: set[bytes] = set()
    with mapped(make, count, processes) as puzzles:
        for index, puzzle in enumerate(puzzles):
            attempt = 0
            while unique and puzzle.question.tobytes() in seen:
                attempt += 1
                if attempt > _TRIES_FOR_NEW:
                    raise InputError(
                        f"found only {len(seen)} different {size}x{size} puzzles of this kind, not {count}:"
                        " widen the range of givens, or allow duplicates"
                    )
                puzzle = make(index, attempt)
            if unique:
                seen.add(puzzle.question.tobytes())
            yield puzzle


def _generate_one(
    size: int, clues: tuple[int, int] | None, minimal: bool, seed: int, index: int, attempt: int = 0
) -> Generated:
    question, answer = generate(size, np.random.default_rng([seed, index, attempt]), clues, minimal)
    return Generated(question, answer, rating(question))
