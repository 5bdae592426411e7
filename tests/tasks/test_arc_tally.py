"""Votes for grids."""

from __future__ import annotations

import numpy as np
import pytest

from trmcli.tasks.arc.tally import Tally, key_of


def test_grids_are_equal_in_shape_and_cells_however_they_lie_in_memory() -> None:
    grid = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert key_of(grid) == key_of(np.asfortranarray(grid)) == key_of(grid.astype(np.int64))
    assert key_of(grid) != key_of(grid.reshape(3, 2)) and key_of(grid) != key_of(grid[:, ::-1])


def test_weights_of_equal_grids_are_added_and_the_first_of_equals_is_best() -> None:
    one, two, three = (np.full((1, 2), colour, np.uint8) for colour in (1, 2, 3))
    tally = Tally()
    assert tally.best() == [] and tally.total == 0
    for grid, weight in ((one, 0.25), (two, 0.25), (three, 0.5), (two.copy(), 0.25)):
        tally.add(grid, weight)
    copy = tally.copy()
    copy.add(one, 1.0)
    assert [(int(grid[0, 0]), weight) for grid, weight in tally.best()] == [(2, 0.5), (3, 0.5), (1, 0.25)]
    assert tally.total == pytest.approx(1.25) and int(copy.best()[0][0][0, 0]) == 1
