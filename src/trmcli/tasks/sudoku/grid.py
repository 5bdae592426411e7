"""Sizes, boxes and units of a Sudoku, and the signs of its digits."""

from __future__ import annotations

from functools import cache

import numpy as np

from trmcli.tasks.base import Bools, Ints, Shape

BOX_SHAPES: dict[int, Shape] = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}
"""Rows and columns of a box, by the size of the grid, where nothing else is said."""

OTHER_BOXES: dict[int, Shape] = {6: (3, 2)}
"""The boxes that a grid may have instead, where its borders are drawn so."""

SIZES = {size * size: size for size in BOX_SHAPES}
"""Sizes by the number of cells."""

SYMBOLS = ".123456789ABCDEFG"
HEXADECIMAL = ".0123456789ABCDEF"
LETTERS = ".ABCDEFGHIJKLMNOP"
"""The sign of each value; a blank is 0."""


@cache
def units(size: int, boxes: Shape | None = None) -> Ints:
    """``[3, size, size]``: the flat cell indices of every row, every column and every box (of the usual shape
    if no other is given)."""
    height, width = boxes or BOX_SHAPES[size]
    cells = np.arange(size * size).reshape(size, size)
    by_box = cells.reshape(size // height, height, size // width, width).swapaxes(1, 2)
    return np.stack([cells, cells.T, by_box.reshape(size, size)])


@cache
def peers(size: int, boxes: Shape | None = None) -> Bools:
    """``[L, L]``: whether two cells share a row, a column or a box."""
    together = np.zeros((size * size, size * size), dtype=np.bool_)
    for unit in units(size, boxes).reshape(-1, size):
        together[np.ix_(unit, unit)] = True
    return together


def box_shapes(size: int) -> list[Shape]:
    """All shapes that boxes may have, the usual one first."""
    return [BOX_SHAPES[size], *([OTHER_BOXES[size]] if size in OTHER_BOXES else [])]
