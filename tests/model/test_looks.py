"""Where a cell looks, against a walk from cell to cell."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trmcli.model.looks import WAYS, Looks, images, images_within, in_blocks, looks_of, sights

GRIDS = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-1, 2))
)


@given(GRIDS)
def test_a_sight_is_the_first_cell_of_another_colour(numbers: np.ndarray) -> None:
    found = sights(numbers)
    height, width = numbers.shape
    for row, column in np.ndindex(numbers.shape):
        for way, (down, right) in enumerate(WAYS):
            y, x, met = row + down, column + right, -1
            while met < 0 and 0 <= y < height and 0 <= x < width:
                if numbers[y, x] != numbers[row, column]:
                    met = y * width + x
                y, x = y + down, x + right
            assert found[way, row, column] == met


def test_images_are_those_of_the_grid() -> None:
    assert images(2, 3).reshape(-1, 2, 3).tolist() == [
        [[2, 1, 0], [5, 4, 3]],
        [[3, 4, 5], [0, 1, 2]],
        [[5, 4, 3], [2, 1, 0]],
    ]
    square = np.arange(9).reshape(3, 3)
    turned = [square.T, np.rot90(square.T, 2), np.rot90(square), np.rot90(square, -1)]
    assert images(3, 3)[3:].reshape(-1, 3, 3).tolist() == [one.tolist() for one in turned]


def test_images_within_an_object_are_those_of_the_smallest_box() -> None:
    objects = np.array([[1, 1, 1, 0], [1, 0, 2, 0], [1, 2, 2, 3]])
    seen = images_within(objects, objects == 0)
    # The large box has nine cells, the small one four, of which it takes three and the blank one from it.
    assert seen[0].tolist() == [[2, 1, 0, -1], [6, 6, 5, -1], [10, 10, 9, -1]]
    assert seen[3].tolist() == [[0, 4, 8, -1], [1, 5, 9, -1], [2, 6, 10, -1]]


def test_the_same_place_in_other_blocks() -> None:
    """Two rows of three blocks, one row high and two columns wide, with lines between columns of blocks."""
    cells = np.add.outer([[0, 3, 6], [8, 11, 14]], [[0, 1]])
    above, left, right, below = in_blocks((2, 8), cells)
    assert (above == -1).all()  # it is below as well
    assert left.tolist() == [[6, 7, -1, 0, 1, -1, 3, 4], [14, 15, -1, 8, 9, -1, 11, 12]]
    assert right.tolist() == [[3, 4, -1, 6, 7, -1, 0, 1], [11, 12, -1, 14, 15, -1, 8, 9]]
    assert below.tolist() == [[8, 9, -1, 11, 12, -1, 14, 15], [0, 1, -1, 3, 4, -1, 6, 7]]


@given(GRIDS)
def test_who_sees_whom_is_told_both_ways(numbers: np.ndarray) -> None:
    colours = 2
    cells, ways = looks_of(numbers, numbers + 1, numbers < 0)
    looks = Looks.build(cells, ways, colours)
    rows = colours * numbers.size
    assert looks.count == len(cells) == len(ways) and looks.ways.tolist() == ways.tolist()
    expected = set()
    for way, row, column in np.argwhere(cells >= 0).tolist():
        for first in range(0, rows, numbers.size):
            own = first + row * numbers.shape[1] + column
            expected.add((own, way, first + int(cells[way, row, column])))
    offsets = looks.seen.offset.tolist()
    seen = {
        (row, entry % looks.count, entry // looks.count)
        for row in range(rows)
        for entry in looks.seen.index[offsets[row] : offsets[row + 1]].tolist()
    }
    offsets = looks.back.offset.tolist()
    back = {
        (entry // looks.count, entry % looks.count, row)
        for row in range(rows)
        for entry in looks.back.index[offsets[row] : offsets[row + 1]].tolist()
    }
    taken = looks.taken.view(looks.count, rows)
    assert seen == back == expected
    assert {(row, way, int(taken[way, row])) for row, way, _ in expected} == expected
    assert int((taken < rows).sum()) == len(expected)
