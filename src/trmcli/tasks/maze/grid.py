"""Cells of a maze, and searches that work on whole sets of them.

A set is one integer, with bit ``row * (width + 1) + column`` for each cell. The extra column is never in a
set, so that a shift moves every cell onto its neighbour, and none from the end of one row to the beginning of
the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.tasks.base import Bools

OPEN, WALL, START, GOAL, PATH = range(5)
"""The values of cells. What a puzzle leaves to decide is 0, as in every task: open, or on the path."""

LARGEST_SIDE = 128
"""Rows and columns that a maze may have."""

LETTERS = " #SGo"
"""The sign of each value."""


# Sets of cells


def to_set(mask: npt.NDArray[Any]) -> int:
    """A set from ``[height, width]`` bool."""
    padded = np.pad(mask, ((0, 0), (0, 1)))
    return int.from_bytes(np.packbits(padded, bitorder="little").tobytes(), "little")


def to_mask(cells: int, shape: tuple[int, ...]) -> Bools:
    """``[height, width]`` bool from a set."""
    height, width = shape
    count = height * (width + 1)
    data = np.frombuffer(cells.to_bytes(-(-count // 8), "little"), dtype=np.uint8)
    bits = np.unpackbits(data, count=count, bitorder="little").view(np.bool_)
    return bits.reshape(height, width + 1)[:, :width]


def layers(free: int, start: int, stride: int, goal: int = 0) -> list[int]:
    """Breadth-first search in ``free``: the cells at distance 0, 1, … from ``start``, until ``goal`` is among
    them or there are no more. ``stride`` is the width + 1."""
    found = [start]
    left = free & ~start
    while not found[-1] & goal:
        cells = spread(found[-1], stride) & left
        if not cells:
            break
        left ^= cells
        found.append(cells)
    return found


def spread(cells: int, stride: int) -> int:
    """All neighbours of a set's cells, those outside of the maze included."""
    return cells << 1 | cells >> 1 | cells << stride | cells >> stride


def shortest(question: npt.NDArray[Any]) -> list[int]:
    """The first, second, … cells of all shortest paths, S and G included; none if S and G are not joined."""
    stride = question.shape[1] + 1
    start, goal = to_set(question == START), to_set(question == GOAL)
    if not start or not goal:
        return []
    back = layers(to_set(question != WALL), goal, stride, start)
    if not back[-1] & start:
        return []
    places = [start]
    for cells in reversed(back[:-1]):
        places.append(spread(places[-1], stride) & cells)
    return places


def directions(question: npt.NDArray[Any]) -> tuple[int, int, int, int]:
    """The cells from which the way to G is shortest up, down, left and right; of several directions, the
    first. A cell can follow this rule that knows its neighbours alone: when the wave from G reaches it, it
    points to the first of those that were reached before it."""
    stride = question.shape[1] + 1
    waves = layers(to_set(question != WALL), to_set(question == GOAL), stride)
    found = [0, 0, 0, 0]
    for before, cells in pairwise(waves):
        for turn, nearer in enumerate((before << stride, before >> stride, before << 1, before >> 1)):
            found[turn] |= cells & nearer
            cells &= ~nearer
    return tuple(found)  # type: ignore[return-value]


def follow(cells: npt.NDArray[Any], pointing: Sequence[int]) -> int:
    """The cells on the way from S along these directions, S included, G not; none if it does not lead to G.

    Args:
        cells: ``[height, width]``: a maze.
        pointing: which cells point up, down, left and right.
    """
    stride = cells.shape[1] + 1
    up, down, left, right = pointing
    here, path = to_set(cells == START), 0
    while here & ~path:
        path |= here
        here = (here & up) >> stride | (here & down) << stride | (here & left) >> 1 | (here & right) << 1
    return path & (up | down | left | right) if path & to_set(cells == GOAL) else 0
