"""The vectors that a puzzle's states have, and how its relations join them: NumPy arrays of one puzzle shape.

L counts what there is a vector for: cells, or candidates (pairs of a cell and a token), cell after cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
Axes = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Layout:
    """The relations of one puzzle shape.

    Attributes:
        groups: for each group relation ``[G, K]``, the members of its groups.
        neighbours: ``[L, N]``: neighbour in each of N directions, ``L`` where there is none.
        candidates: ``[C]``: the tokens that a cell may hold; empty if vectors stand for cells.
    """

    groups: tuple[Ints, ...]
    neighbours: Ints
    candidates: Ints

    @staticmethod
    def build(
        groups: Sequence[Ints], neighbours: Sequence[Ints], cells: int, candidates: Ints | None = None
    ) -> Layout:
        """From ``[G, K]`` partitions and ``[cells, directions]`` neighbours (-1: none) of cells.

        With ``[C]`` candidates each group becomes C groups, one of each token's candidates in its cells, and
        the candidates of each cell are a group, in a relation that stands last.
        """
        length = cells
        if candidates is not None:
            tokens = np.arange(len(candidates))
            groups = [
                (index[:, None, :] * len(tokens) + tokens[:, None]).reshape(-1, index.shape[1])
                for index in groups
            ]
            length = cells * len(tokens)
            groups.append(np.arange(length).reshape(cells, -1))
        beside = np.concatenate(neighbours, axis=1) if neighbours else np.zeros((length, 0), dtype=np.int64)
        return Layout(
            tuple(groups),
            np.where(beside < 0, length, beside),
            np.zeros(0, dtype=np.int64) if candidates is None else candidates,
        )

    @property
    def length(self) -> int:
        """L, the vectors of a puzzle."""
        return len(self.neighbours)

    @cached_property
    def orders(self) -> tuple[tuple[Ints, Ints], ...]:
        """For each group relation the members, group after group, and where each vector is among them."""
        return tuple((index.ravel(), index.ravel().argsort()) for index in self.groups)

    @cached_property
    def tables(self) -> tuple[Ints32, Ints32, Ints32]:
        """What compiled layers read.

        Returns:
            ``[R]``: members that a group of each relation has; ``[R, L]``: the members, group after group;
            ``[R, L]``: the group of each vector, counted through all relations.
        """
        sizes = np.array([index.shape[1] for index in self.groups], dtype=np.int32)
        members = np.array([there for there, _ in self.orders], dtype=np.int32)
        first = np.cumsum([0, *(len(index) for index in self.groups)])[:-1]
        pairs = zip(self.orders, sizes, first, strict=True)
        group_of = np.array([start + back // size for (_, back), size, start in pairs], dtype=np.int32)
        return sizes, members, group_of

    @cached_property
    def axes(self) -> tuple[Axes | None, ...]:
        """Each group relation seen as axes of a grid, or None: see :func:`grid_axes`."""
        return tuple(grid_axes(index) for index in self.groups)


def grid_axes(index: Ints) -> Axes | None:
    """Sizes of axes into which L members fall, and which of them run within a group of ``[G, K]``.

    The boxes of a 9x9 grid are ``(3, 3, 3, 3, 1)`` with the second and fourth axis inside a box. Groups that
    are no axes of a grid give None.
    """
    length = index.size
    first = index[(index == 0).any(axis=1)].ravel().tolist()
    sizes, within, inner, place = [], [], length, 0
    steps: list[tuple[int, int]] = []  # between neighbours inside a group, and how many there are
    while len(first) > 1:
        step = sorted(first)[1]
        count = next(number for number in range(1, length + 1) if step * number not in first)
        steps.append((step, count))
        first = [member for member in first if member // step % count == 0]
    for step, count in reversed(steps):
        if inner % (step * count):
            return None
        sizes += [inner // (step * count), count]
        within.append(place + 1)
        inner, place = step, place + 2
    sizes.append(inner)
    outside = [axis for axis in range(len(sizes)) if axis not in within]
    seen = np.arange(length).reshape(sizes).transpose(*outside, *within).reshape(-1, index.shape[1])
    return (tuple(sizes), tuple(within)) if _same(seen, index) else None


def _same(one: Ints, other: Ints) -> bool:
    """Whether two partitions have the same groups, in whatever order."""
    one, other = (np.sort(groups, axis=1) for groups in (one, other))
    return np.array_equal(one[one[:, 0].argsort()], other[other[:, 0].argsort()])
