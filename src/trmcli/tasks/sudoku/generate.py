"""Fresh Sudoku puzzles with one solution each, by digging holes into full grids."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

import numpy as np

from trmcli.errors import InputError
from trmcli.tasks.base import Cells
from trmcli.tasks.sudoku.search import GuessLimitError, Search, grid_of, rating
from trmcli.tasks.workers import mapped

FEWEST_CLUES = {4: 4, 6: 8, 9: 17, 16: 96}
"""The fewest givens with which a solution can be unique; for 16x16, where 55 are known to be enough, the
fewest that :func:`generate` reaches in reasonable time."""

USUAL_CLUES = {4: (5, 8), 6: (10, 16), 9: (24, 36), 16: (112, 140)}
"""The range that is generated when none is asked for."""


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
        answer = _fullgrid_of(size, random)
        question = _dig(answer, 0 if minimal else random.randint(low, high), minimal, random)
        if question is not None and low <= sum(map(bool, question)) <= high:
            return grid_of(question), grid_of(answer)
    kind = "minimal puzzle" if minimal else "puzzle"
    raise InputError(
        f"found no {size}x{size} {kind} with {low}-{high} givens in {_TRIES[size]} tries: widen the range"
    )


def _fullgrid_of(size: int, random: Random) -> list[int]:
    blank = [0] * (size * size)
    while True:
        search = Search(size, _MOST_GUESSES, random)
        start = search.start(blank)
        assert start is not None
        try:
            return search.digits(next(search.solutions(*start)))
        except GuessLimitError:
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
        search = Search(size, _MOST_GUESSES)
        start = search.start(question)
        assert start is not None
        state, placed = start
        without = state & ~(1 << (answer[cell] - 1) * len(answer) + cell)
        try:
            spared = next(search.solutions(without, placed), None) is None
        except GuessLimitError:
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
