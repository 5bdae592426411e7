"""A right path, and what is wrong with another one, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trmcli.tasks.base import Cells, Problem
from trmcli.tasks.maze.grid import (
    GOAL,
    OPEN,
    PATH,
    START,
    WALL,
    directions,
    follow,
    layers,
    shortest,
    spread,
    to_mask,
    to_set,
)


def _name(cell: int, width: int) -> str:
    return f"row {cell // width + 1}, column {cell % width + 1}"


def _few_names(cells: Sequence[int], width: int) -> str:
    more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
    return f"in {_name(cells[0], width)}{more}"


_WORDS = ("open", "a wall", "S", "G", "path")


def problems_of(question: Cells, answer: Cells) -> Iterator[Problem]:
    shape, width = question.shape, question.shape[1]
    stride = width + 1

    def indices(cells: int) -> tuple[int, ...]:
        return tuple(np.flatnonzero(to_mask(cells, shape)).tolist())

    given, values = question.ravel(), answer.ravel()
    for value, what in ((WALL, "wall"), (START, "S"), (GOAL, "G")):
        lost = np.flatnonzero((given == value) & (values != value)).tolist()
        if lost:
            became = _WORDS[values[lost[0]]]
            yield Problem(f"the {what} {_few_names(lost, width)} became {became}", tuple(lost))
    for value, what in ((WALL, "a wall"), (START, "an S"), (GOAL, "a G")):
        new = np.flatnonzero((given == OPEN) & (values == value)).tolist()
        if new:
            yield Problem(f"{what} that was not there {_few_names(new, width)}", tuple(new))

    start, goal = to_set(question == START), to_set(question == GOAL)
    marked = to_set((answer == PATH) & (question == OPEN))
    best = shortest(question)
    reached = layers(marked | start | goal, start, stride, goal)
    if not reached[-1] & goal:
        end = indices(reached[-1])[:1]
        if len(reached) == 1:
            yield Problem("no path leaves S", end)
        else:
            yield Problem(f"the path from S breaks off in {_name(end[0], width)}", end)
        return
    cells = marked.bit_count() + 2
    spare = cells - len(reached)
    if spare:
        beside = indices(marked & ~_between(reached, goal, stride))
        are = "1 cell is" if spare == 1 else f"{spare} cells are"
        yield Problem(f"{are} marked apart from the path: {_few_names(beside, width)}", beside)
    if len(reached) > len(best):
        yield Problem(f"the path is not shortest: it has {len(reached)} cells, {len(best)} would do", ())


def _between(reached: Sequence[int], goal: int, stride: int) -> int:
    """One path from ``goal``, in the last of these layers, back to the first."""
    here = path = goal
    for cells in reversed(reached[:-1]):
        near = spread(here, stride) & cells
        here = near & -near
        path |= here
    return path


def solved(question: Cells) -> Cells | None:
    """The maze with a shortest path by breadth-first search; of several, the one along :func:`directions`."""
    path = follow(question, directions(question))
    if not path:
        return None
    answer: Cells = question.copy()
    answer[to_mask(path, question.shape) & (question == OPEN)] = PATH
    return answer
