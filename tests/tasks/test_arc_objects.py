"""Objects and what is said of them, against the same in plain code, cell by cell."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trmcli.tasks.arc.objects import boxes, connected, object_features

Cell = tuple[int, int]
GRIDS = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 2), fill=st.nothing()
)


def parts(grid: Any, diagonal: bool) -> list[set[Cell]]:
    """Cells of one colour that touch, in the order of their first cells."""
    found: list[set[Cell]] = []
    height, width = grid.shape
    for start in product(range(height), range(width)):
        if any(start in part for part in found):
            continue
        part, todo = {start}, [start]
        while todo:
            y, x = todo.pop()
            for dy, dx in product((-1, 0, 1), repeat=2):
                cell = y + dy, x + dx
                near = diagonal or dy == 0 or dx == 0
                inside = 0 <= cell[0] < height and 0 <= cell[1] < width
                if near and inside and cell not in part and grid[cell] == grid[y, x]:
                    part.add(cell)
                    todo.append(cell)
        found.append(part)
    return found


def box(part: set[Cell]) -> tuple[int, int, int, int]:
    rows, columns = [y for y, _ in part], [x for _, x in part]
    return min(rows), max(rows), min(columns), max(columns)


def shape(part: set[Cell]) -> frozenset[Cell]:
    top, _, left, _ = box(part)
    return frozenset((y - top, x - left) for y, x in part)


def at_border(part: set[Cell], grid: Any) -> bool:
    return any(y in (0, grid.shape[0] - 1) or x in (0, grid.shape[1] - 1) for y, x in part)


def features(grid: Any, background: int) -> Any:
    said = np.zeros((*grid.shape, 10))
    found = parts(grid, diagonal=True)
    lit = [part for part in found if grid[next(iter(part))] != background]
    for part in found:
        top, bottom, left, right = box(part)
        tall, wide = bottom - top + 1, right - left + 1
        own = shape(part)
        is_lit = part in lit
        across = own == {(y, wide - 1 - x) for y, x in own}
        down = own == {(tall - 1 - y, x) for y, x in own}
        values = [
            math.log(len(part)) / 2,
            at_border(part, grid),
            len(part) == tall * wide,
            across or down,
            across and down,
            is_lit and len(part) == max(map(len, lit)),
            is_lit and len(part) == min(map(len, lit)),
            is_lit and sum(shape(other) == own for other in lit) == 1,
        ]
        for cell in part:
            said[cell][:8] = values
            said[cell][9] = (max(tall, wide) - 1) / 10
    for part in parts(grid, diagonal=False):
        if grid[next(iter(part))] == background and not at_border(part, grid):
            for cell in part:
                said[cell][8] = 1
    return said


@given(GRIDS, st.booleans())
def test_parts_are_cells_that_touch(grid: Any, diagonal: bool) -> None:
    labels, expected = connected(grid, diagonal), parts(grid, diagonal)
    assert [set(zip(*np.nonzero(labels == n), strict=True)) for n in range(labels.max() + 1)] == expected
    assert [tuple(row) for row in boxes(labels).tolist()] == [box(part) for part in expected]


@given(GRIDS, st.integers(0, 3))
def test_what_is_said_of_objects_is_what_plain_code_says(grid: Any, background: int) -> None:
    np.testing.assert_allclose(object_features(grid, background), features(grid, background), atol=1e-6)


@given(GRIDS, st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_a_turned_grid_has_the_same_features_turned(
    grid: Any, background: int, turn: int, mirrored: bool
) -> None:
    plain = object_features(grid, background)
    moved = np.rot90(grid.T if mirrored else grid, turn)
    expected = np.rot90(plain.swapaxes(0, 1) if mirrored else plain, turn)
    np.testing.assert_array_equal(object_features(np.ascontiguousarray(moved), background), expected)


@pytest.mark.parametrize("size", [1, 30])
def test_a_spiral_is_one_object_however_long(size: int) -> None:
    grid = np.zeros((size, size), np.uint8)
    y, x, dy, dx, turns = 0, 0, 0, 1, 0
    while turns < 2 and size > 1:  # every wall has a gap of one cell to the next
        grid[y, x] = 1
        ahead = y + dy, x + dx
        beyond = y + 2 * dy, x + 2 * dx
        free = 0 <= ahead[0] < size and 0 <= ahead[1] < size and not grid[ahead]
        if free and not (0 <= beyond[0] < size and 0 <= beyond[1] < size and grid[beyond]):
            y, x, turns = *ahead, 0
        else:
            dy, dx, turns = dx, -dy, turns + 1
    assert connected(grid, diagonal=False).max() == (1 if size > 1 else 0)
    assert len(parts(grid, diagonal=False)) == connected(grid, diagonal=False).max() + 1
