"""Blocks that a canvas is made of."""

from __future__ import annotations

import numpy as np
import pytest

from trmcli.tasks.arc.canvas import lay

COLOURS = np.arange(10, dtype=np.uint8)


Blocks = tuple[tuple[int, ...], tuple[int, ...], tuple[int, int]]
"""First rows, first columns, and the size."""


@pytest.mark.parametrize(
    ("rows", "out", "expected"),
    [
        ("1200 3400", (2, 2), ((0,), (0, 2), (2, 2))),  # side by side
        ("12500 34500", (2, 2), ((0,), (0, 3), (2, 2))),  # a line between
        ("125 345 555 121", (1, 3), ((0, 1, 2, 3), (0,), (1, 3))),  # blocks of the output's size first
        ("125 345 555 121 343", (5, 3), ((0, 3), (0,), (2, 3))),  # else those between lines
        ("12512 34534 55555 12512 34534", (5, 5), ((0, 3), (0, 3), (2, 2))),
        ("12512 34534 55555 12512", (4, 5), None),  # unequal
        ("151 555 151", (3, 3), None),  # single cells
        ("123 456", (2, 3), None),  # no line
        ("125 345 555 121 343", (7, 7), None),  # the output is larger
    ],
)
def test_blocks_are_of_the_outputs_size_or_lie_between_lines(
    rows: str, out: tuple[int, int], expected: Blocks | None
) -> None:
    grid = np.array([list(map(int, row)) for row in rows.split()], np.uint8)
    blocks = lay(grid, out, COLOURS, 0).blocks
    if expected is None:
        assert blocks is None
        return
    tops, lefts, (height, width) = expected
    cells = np.arange(grid.size).reshape(grid.shape)
    assert blocks is not None
    assert blocks.tolist() == [[cells[y : y + height, x : x + width].tolist() for x in lefts] for y in tops]
