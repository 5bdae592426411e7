"""Which grids are equal, and how much weight there is for each of them."""

from __future__ import annotations

import numpy as np

from trmcli.tasks.arc.task import Grid

Key = tuple[tuple[int, ...], bytes]
"""A grid's shape and cells."""


def key_of(grid: Grid) -> Key:
    """What equal grids have in common, and no others."""
    return grid.shape, np.ascontiguousarray(grid, dtype=np.uint8).tobytes()


class Tally:
    """Adds up weights for grids."""

    def __init__(self) -> None:
        self._weights: dict[Key, float] = {}
        self._grids: dict[Key, Grid] = {}

    def add(self, grid: Grid, weight: float) -> None:
        """Add some for a grid."""
        key = key_of(grid)
        self._grids.setdefault(key, grid)
        self._weights[key] = self._weights.get(key, 0.0) + weight

    @property
    def total(self) -> float:
        """All the weight."""
        return sum(self._weights.values())

    @property
    def most(self) -> float:
        """The weight of the heaviest."""
        return max(self._weights.values(), default=0.0)

    def best(self) -> list[tuple[Grid, float]]:
        """Distinct grids and their weights, the heaviest first; of equals, the one that came first."""
        order = sorted(self._weights, key=lambda key: -self._weights[key])
        return [(self._grids[key], self._weights[key]) for key in order]

    def copy(self) -> Tally:
        """Another one with the same weights."""
        other = Tally()
        other._weights, other._grids = dict(self._weights), dict(self._grids)
        return other
