"""Sizes, boxes and units of a Sudoku, and the signs of its digits."""

from __future__ import annotations

from functools import cache

import numpy as np

from trmcli.tasks.base import Bools, Ints, Shape

BOX_SHAPES: dict[int, Shape] = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}
"""Rows and columns of a box, by the size of the grid."""

SIZES = {size * size: size for size in BOX_SHAPES}
"""Sizes by the number of cells."""

SYMBOLS = ".123456789ABCDEFG"
HEXADECIMAL = ".0123456789ABCDEF"
"""The sign of each value; a blank is 0."""


@cache
def units(size: int) -> Ints:
    """``[3, size, size]``: the flat cell indices of every row, every column and every box."""
    box_height, box_width = BOX_SHAPES[size]
    cells = np.arange(size * size).reshape(size, size)
    boxes = cells.reshape(size // box_height, box_height, size // box_width, box_width).swapaxes(1, 2)
    return np.stack([cells, cells.T, boxes.reshape(size, size)])


@cache
def peers(size: int) -> Bools:
    """``[L, L]``: whether two cells share a row, a column or a box."""
    together = np.zeros((size * size, size * size), dtype=np.bool_)
    for unit in units(size).reshape(-1, size):
        together[np.ix_(unit, unit)] = True
    return together
