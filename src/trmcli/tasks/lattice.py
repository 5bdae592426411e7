"""What every rectangle of cells has: turns that keep its shape, neighbours, rows and columns."""

from __future__ import annotations

from functools import cache

import numpy as np

from trmcli.tasks.base import Ints, Relation, Shape

NAMES = ("up", "down", "left", "right", "row", "column")
"""Of :func:`lattice_relations`, in order."""


@cache
def dihedral(shape: Shape) -> Ints:
    """``[8, L]``, of an oblong ``[4, L]``: the rotations and reflections that keep a shape as permutations of
    the cells, for :class:`trmcli.tasks.base.Symmetry`; the identity first."""
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    turned = [np.rot90(one, turn) for one in (cells, np.fliplr(cells)) for turn in range(4)]
    return np.stack([one.ravel() for one in turned if one.shape == cells.shape])


def lattice_relations(shape: Shape) -> tuple[Relation, ...]:
    """The neighbour in each direction, rows and columns."""
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    around = np.pad(cells, 1, constant_values=-1)
    beside = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    return (
        *(
            Relation(name, "neighbours", index.reshape(-1, 1))
            for name, index in zip(NAMES, beside, strict=False)
        ),
        Relation("row", "groups", cells),
        Relation("column", "groups", np.ascontiguousarray(cells.T)),
    )
