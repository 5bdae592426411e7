"""The pieces of :mod:`trmcli.model.layers` in NumPy.

Weights stand as ``[in, out]``. What is only needed on the way is written into a :class:`Room`: to map memory
anew costs more than to fill it. Numbers that stand alone are Python's, for one of NumPy's float64 would make
float64 of all it meets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from trmcli.solving.engine import Numbers

Weights = Mapping[str, Numbers]

TILE = 256
"""Vectors that a SwiGLU works on at once, so that what it hides stays in the cache."""


class Room:
    """Memory by name that is used again and again. What stood there before is lost."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._kept: dict[str, Numbers] = {}

    def __call__(self, name: str, *shape: int) -> Numbers:
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size, self.dtype)
        return kept[:size].reshape(shape)


def turned(weight: Numbers) -> Numbers:
    """``[out, in]`` as it is stored to ``[in, out]`` in one piece."""
    return np.ascontiguousarray(weight.T)


def halves(weight: Numbers) -> Numbers:
    """``[2 * out, in]`` as it is stored to ``[2, in, out]``: a product gives two results, each in one piece.

    On such, activations take four fifths of the time.
    """
    return np.stack([turned(half) for half in np.split(weight, 2)])


def tiles(rows: Numbers) -> Iterator[Numbers]:
    """Views of :data:`TILE` rows, one after another."""
    for start in range(0, len(rows), TILE):
        yield rows[start : start + TILE]


def norm(x: Numbers, axis: int, eps: float) -> None:
    """Divide each vector of ``[b, T, D]`` along axis 1 or 2 by its root mean square, in place."""
    square = np.einsum("btd,btd->bt" if axis == 2 else "btd,btd->bd", x, x)
    square /= x.shape[axis]
    square += eps
    np.sqrt(square, out=square)
    x /= np.expand_dims(square, axis)


def gate(minus_gate: Numbers, minus_up: Numbers, out: Numbers) -> None:
    """``silu(gate) * up``, of both with their signs turned, which spares a pass: g u / (1 + exp(-g))."""
    np.exp(minus_gate, out=out)
    out += 1
    np.divide(minus_gate, out, out=out)
    out *= minus_up


def softmax(x: Numbers) -> Numbers:
    """Over the last axis, in place."""
    x -= x.max(axis=-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=-1, keepdims=True)
    return x


class SwiGLU:
    """``down(silu(gate(x)) * up(x))`` of each vector."""

    def __init__(self, weights: Weights, prefix: str) -> None:
        self.gate_up = halves(-weights[f"{prefix}.gate_up.weight"])
        self.down = turned(weights[f"{prefix}.down.weight"])

    def add(self, x: Numbers, room: Room) -> None:
        """Add it to the vectors ``[b, T, D]``."""
        hidden = len(self.down)
        for tile in tiles(x.reshape(-1, x.shape[2])):
            both = np.matmul(tile, self.gate_up, out=room("gate and up", 2, len(tile), hidden))
            gated = room("gated", len(tile), hidden)
            gate(both[0], both[1], gated)
            tile += np.matmul(gated, self.down, out=room("down", *tile.shape))
