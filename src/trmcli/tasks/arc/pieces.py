"""Pieces of a grid that an output may be: the boxes around its objects and colours, and what frames enclose.

Where every output is one of the pieces of its input, the task is to choose; no size has to be guessed then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trmcli.tasks.arc.objects import boxes, connected
from trmcli.tasks.arc.shapes import background_of
from trmcli.tasks.arc.tally import key_of
from trmcli.tasks.arc.task import ArcTask, Grid
from trmcli.tasks.base import Bools

Integers = npt.NDArray[np.int64]

FEATURES = 26
"""Numbers that tell of a piece; see :class:`Pieces`."""


@dataclass(frozen=True)
class Pieces:
    """K pieces of one grid.

    Attributes:
        boxes: ``[K, 4]``: first and last row, first and last column.
        contents: what lies in each.
        features: ``[K, 26]``, the same whichever way the grid is turned. Whether it is the box of an object
            of one colour, of one of any but the background, of a colour, or lies within the border of such a
            box. Of its cells, longer side, shorter side, colours, cells that are not background, and share of
            these: how many, whether no other piece has more, whether none has fewer. Whether it is its own
            mirror image one way or both ways, touches the border of the grid, and equals no other piece.
    """

    boxes: Integers
    contents: tuple[Grid, ...]
    features: npt.NDArray[np.float32]

    def equal(self, answer: Grid) -> Bools:
        """``[K]``: which are this grid."""
        return np.array([np.array_equal(content, answer) for content in self.contents], np.bool_)


def pieces_of(grid: Grid, background: int) -> Pieces:
    """All pieces, but for the grid itself; those of a grid of one cell are none."""
    lit = grid != background
    kinds: dict[tuple[int, ...], set[int]] = {}
    for diagonal in (True, False):
        for kind, keys in enumerate((grid.astype(np.int64), lit.astype(np.int64))):
            labels = connected(keys, diagonal)
            there = np.unique(labels[lit]) if kind else np.arange(int(labels.max()) + 1)
            for box in boxes(labels)[there].tolist():
                kinds.setdefault(tuple(box), set()).add(kind)
    for box in boxes(np.unique(grid, return_inverse=True)[1].reshape(grid.shape)).tolist():
        kinds.setdefault(tuple(box), set()).add(2)
    for top, bottom, left, right in list(kinds):
        if bottom - top > 1 and right - left > 1:
            kinds.setdefault((top + 1, bottom - 1, left + 1, right - 1), set()).add(3)
    kinds.pop((0, grid.shape[0] - 1, 0, grid.shape[1] - 1), None)
    found = sorted(kinds)
    contents = tuple(grid[top : bottom + 1, left : right + 1] for top, bottom, left, right in found)
    features = np.zeros((len(found), FEATURES), np.float32)
    if found:
        features[:, :4] = [[kind in kinds[box] for kind in range(4)] for box in found]
        features[:, 4:] = _compared(np.array(found), contents, grid.shape, background)
    return Pieces(np.array(found, np.int64).reshape(-1, 4), contents, features)


def _compared(
    found: Integers, contents: tuple[Grid, ...], shape: tuple[int, ...], background: int
) -> npt.NDArray[np.float32]:
    top, bottom, left, right = found.T
    lit = np.array([np.count_nonzero(content != background) for content in contents])
    tall, wide = bottom - top + 1, right - left + 1
    cells = tall * wide
    colours = np.array([len(np.unique(content)) for content in contents])
    longer, shorter = np.maximum(tall, wide), np.minimum(tall, wide)
    numbers = np.stack((cells, longer, shorter, colours, lit, lit / cells), 1)
    highest, lowest = numbers == numbers.max(0), numbers == numbers.min(0)
    keys = [key_of(content) for content in contents]
    across = np.array([np.array_equal(one, one[:, ::-1]) for one in contents])
    down = np.array([np.array_equal(one, one[::-1]) for one in contents])
    border = (top == 0) | (left == 0) | (bottom == shape[0] - 1) | (right == shape[1] - 1)
    single = np.array([keys.count(key) == 1 for key in keys])
    rest = np.stack((across | down, across & down, border, single), 1)
    return np.concatenate((np.log1p(numbers) / 2, highest, lowest, rest), 1).astype(np.float32)


def pieces_to_choose(task: ArcTask) -> tuple[tuple[Pieces, ...], tuple[Pieces, ...]] | None:
    """The pieces of the demonstrations' inputs and of the test inputs.

    None unless every demonstration's output is one of them, and each test input has some. An output of a
    single cell does not count: it says a colour, and some cell that stands alone may have it.
    """
    background = background_of(task)
    if not all(1 < pair.answer.size < pair.question.size for pair in task.shown):
        return None
    shown = tuple(pieces_of(pair.question, background) for pair in task.shown)
    if not all(pieces.equal(pair.answer).any() for pieces, pair in zip(shown, task.shown, strict=True)):
        return None
    tests = tuple(pieces_of(question, background) for question in task.tests)
    return (shown, tests) if all(pieces.contents for pieces in tests) else None
