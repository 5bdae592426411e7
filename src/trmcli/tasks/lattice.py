"""What every rectangle of cells has: turns that keep its shape, neighbours, rows and columns."""

from __future__ import annotations

from functools import cache

import numpy as np

from trmcli.tasks.base import Ints, Relation, Shape

_DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def lattice_names(reach: int = 1) -> tuple[str, ...]:
    """Of :func:`lattice_relations`, in order: up, down, left, right, up2, down2, …, row, column."""
    far = range(2, reach + 1)
    return (*_DIRECTIONS, *(f"{name}{away}" for away in far for name in _DIRECTIONS), "row", "column")


NAMES = lattice_names()


def _turns(shape: Shape) -> list[tuple[bool, int]]:
    """The rotations and reflections that keep a shape: whether left becomes right, and how many quarters are
    turned to the left after that."""
    quarters = range(0, 4, 1 if shape[0] == shape[1] else 2)
    return [(mirrored, turn) for mirrored in (False, True) for turn in quarters]


@cache
def dihedral(shape: Shape) -> Ints:
    """``[8, L]``, of an oblong ``[4, L]``: the rotations and reflections that keep a shape as permutations of
    the cells, for :class:`trmcli.tasks.base.Symmetry`; the identity first."""
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    kept = [np.rot90(np.fliplr(cells) if mirrored else cells, turn) for mirrored, turn in _turns(shape)]
    return np.stack([one.ravel() for one in kept])


@cache
def dihedral_directions(shape: Shape) -> Ints:
    """``[8, 4]``, of an oblong ``[4, 4]``: what :func:`dihedral` makes of up, down, left and right."""
    to_the_left = np.array([2, 3, 1, 0])
    found = []
    for mirrored, turn in _turns(shape):
        directions = np.array([0, 1, 3, 2] if mirrored else [0, 1, 2, 3])
        for _ in range(turn):
            directions = to_the_left[directions]
        found.append(directions)
    return np.stack(found)


def lattice_relations(shape: Shape, reach: int = 1) -> tuple[Relation, ...]:
    """The cells that are one to ``reach`` away in each direction, rows and columns."""
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    around = np.pad(cells, reach, constant_values=-1)
    beside = [
        around[reach + down * away :, reach + right * away :][: shape[0], : shape[1]]
        for away in range(1, reach + 1)
        for down, right in _DIRECTIONS.values()
    ]
    return (
        *(
            Relation(name, "neighbours", index.reshape(-1, 1))
            for name, index in zip(lattice_names(reach), beside, strict=False)
        ),
        Relation("row", "groups", cells),
        Relation("column", "groups", np.ascontiguousarray(cells.T)),
    )
