"""The mixers of :mod:`trmcli.model.mixers` in NumPy, and the layer that they are a part of.

Each adds to ``x`` in place what its namesake gives.

``b`` puzzles are worked on together; each has ``T`` vectors, ``D`` wide, puzzle embeddings first.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Protocol

import numpy as np

from trmcli.model.config import TRMConfig
from trmcli.model.layout import Axes, Layout
from trmcli.solving.engine import Numbers
from trmcli.solving.numpy_layers import TILE, Room, SwiGLU, Weights, gate, halves, norm, softmax, turned
from trmcli.tasks.base import Ints

SCORES = 1 << 19
"""Attention weights that are computed at once."""


class Mixer(Protocol):
    """What lets the vectors of a puzzle hear of each other.

    ``norm_axis`` is the axis of ``[b, T, D]`` over which the norm goes that follows.
    """

    norm_axis: int

    def add(self, x: Numbers, layout: Layout, room: Room) -> None:
        """Add what is heard to ``[b, T, D]``."""


class MLPMixer:
    """A SwiGLU across the cells, for each channel. Its matrices stand on the left, so nothing is turned."""

    norm_axis = 1

    def __init__(self, config: TRMConfig, weights: Weights, prefix: str) -> None:
        self.gate_up = -weights[f"{prefix}.across.gate_up.weight"]
        self.down = weights[f"{prefix}.across.down.weight"]

    def add(self, x: Numbers, layout: Layout, room: Room) -> None:
        count, _, width = x.shape
        hidden = self.down.shape[1]
        both = np.matmul(self.gate_up, x, out=room("gate and up", count, 2 * hidden, width))
        gated = room("gated", count, hidden, width)
        gate(both[:, :hidden], both[:, hidden:], gated)
        x += np.matmul(self.down, gated, out=room("heard", *x.shape))


class AttentionMixer:
    """Full self-attention, some queries after others: the square of all cells is never there as a whole."""

    norm_axis = 2

    def __init__(self, config: TRMConfig, weights: Weights, prefix: str) -> None:
        self.heads, self.width = config.num_heads, config.head_width
        self.theta = config.rope_theta if config.positions == "rope" else None
        self.qkv = turned(scale_queries(weights[f"{prefix}.qkv.weight"], self.width))
        self.out = turned(weights[f"{prefix}.out.weight"])
        self._turns: tuple[Numbers, Numbers] | None = None

    def add(self, x: Numbers, layout: Layout, room: Room) -> None:
        count, length, size = x.shape
        rows = x.reshape(-1, size)
        qkv = np.matmul(rows, self.qkv, out=room("qkv", len(rows), self.qkv.shape[1]))
        parts = qkv.reshape(count, length, 3, self.heads, self.width)
        if self.theta is not None:
            self._rotate(parts[:, :, :2], self.theta, room)
        mixed = room("mixed", count, length, self.heads, self.width)
        step = max(1, SCORES // (self.heads * length))
        for row in range(count):
            q, k, v = parts[row].transpose(1, 2, 0, 3)  # [heads, T, width] each
            for start in range(0, length, step):
                some = q[:, start : start + step]
                scores = room("scores", self.heads, some.shape[1], length)
                softmax(np.matmul(some, k.swapaxes(1, 2), out=scores))
                np.matmul(scores, v, out=mixed[row, start : start + step].swapaxes(0, 1))
        rows += np.matmul(mixed.reshape(len(rows), -1), self.out, out=room("heard", *rows.shape))

    def _rotate(self, x: Numbers, theta: float, room: Room) -> None:
        """Turn ``[b, T, 2, heads, width]`` by its positions; halves are paired, not neighbours."""
        if self._turns is None or len(self._turns[0]) != x.shape[1]:
            places = np.arange(0, self.width, 2, dtype=x.dtype) / self.width
            angles = np.outer(np.arange(x.shape[1], dtype=x.dtype), theta**-places)
            self._turns = np.cos(angles), np.sin(angles)
        cos, sin = (turn[:, None, None] for turn in self._turns)
        first, second = np.split(x, 2, axis=-1)
        sideways = np.multiply(first, sin, out=room("sideways", *first.shape))
        back = np.multiply(second, sin, out=room("back", *first.shape))
        first *= cos
        first -= back
        second *= cos
        second += sideways


class RelationMixer:
    """Attention inside each group of each relation, a linear map of the neighbours, summed."""

    norm_axis = 2

    def __init__(self, config: TRMConfig, weights: Weights, prefix: str) -> None:
        self.heads, self.width, count = config.num_heads, config.head_width, config.group_relations
        self.maps: list[tuple[Numbers, Numbers]] = []
        if count:
            qkv = np.split(weights[f"{prefix}.qkv.weight"], count)
            out = np.split(weights[f"{prefix}.out.weight"], count, axis=1)
            self.maps = [
                (turned(scale_queries(one, self.width)), turned(other))
                for one, other in zip(qkv, out, strict=True)
            ]
        beside = weights.get(f"{prefix}.beside.weight")
        self.beside = None if beside is None else turned(beside)
        narrow = weights.get(f"{prefix}.narrow.weight")
        self.narrow = None if narrow is None else turned(narrow)

    def add(self, x: Numbers, layout: Layout, room: Room) -> None:
        before = room("before", x.shape[0], x.shape[1] + 1, x.shape[2])  # with nothing, where neighbours lack
        before[:, :-1] = x
        before[:, -1] = 0
        for number in range(len(self.maps)):
            self._attend(x, before, number, layout, room)
        if self.beside is not None:
            if self.narrow is not None:
                before = np.matmul(
                    before, self.narrow, out=room("narrow", *before.shape[:2], self.narrow.shape[1])
                )
            self._hear_neighbours(x, before, self.beside, layout.neighbours, room)

    def _attend(self, x: Numbers, before: Numbers, number: int, layout: Layout, room: Room) -> None:
        """Attention within the groups of one relation: vectors are brought in their order, and back."""
        (qkv, out), (there, back) = self.maps[number], layout.orders[number]
        count, length, size = x.shape
        members = layout.groups[number].shape[1]
        gathered = before.take(there, axis=1, out=room("gathered", *x.shape), mode="clip")
        parts = np.matmul(gathered.reshape(-1, size), qkv, out=room("qkv", count * length, qkv.shape[1]))
        q, k, v = parts.reshape(-1, members, 3, self.heads, self.width).transpose(2, 0, 3, 1, 4)
        scores = room("scores", len(q), self.heads, members, members)
        softmax(np.matmul(q, k.swapaxes(2, 3), out=scores))
        mixed = room("mixed", len(q), members, self.heads, self.width)
        np.matmul(scores, v, out=mixed.swapaxes(1, 2))
        heard = np.matmul(mixed.reshape(count * length, -1), out, out=room("heard", count * length, size))
        x += heard.reshape(x.shape).take(back, axis=1, out=gathered, mode="clip")

    def _hear_neighbours(self, x: Numbers, before: Numbers, beside: Numbers, index: Ints, room: Room) -> None:
        """The map of the neighbours ``[L, N]``, of some cells after others."""
        count, _, size = x.shape
        for start in range(0, len(index), TILE):
            some = index[start : start + TILE]
            there = room("gathered", count, some.size, before.shape[2])
            before.take(some.ravel(), axis=1, out=there, mode="clip")
            rows = there.reshape(-1, len(beside))
            heard = np.matmul(rows, beside, out=room("heard", len(rows), size))
            x[:, start : start + TILE] += heard.reshape(count, -1, size)


class MeanMixer:
    """The mean of each group, mapped by its relation's matrix, and its SwiGLU, are heard by every member.

    The groups of all relations stand one after another, so that one activation does for all of them.
    """

    norm_axis = 2

    def __init__(self, config: TRMConfig, weights: Weights, prefix: str) -> None:
        self.hidden, relations = config.group_size, range(config.group_relations)
        self.maps = [turned(weights[f"{prefix}.maps.{number}.weight"]) for number in relations]
        self.gate_up: list[Numbers] = []
        self.down: list[Numbers] = []
        if self.hidden:
            swiglus = [f"{prefix}.swiglus.{number}" for number in relations]
            self.gate_up = [halves(-weights[f"{swiglu}.gate_up.weight"]) for swiglu in swiglus]
            self.down = [turned(weights[f"{swiglu}.down.weight"]) for swiglu in swiglus]

    def add(self, x: Numbers, layout: Layout, room: Room) -> None:
        count, size = len(x), x.shape[2]
        rows = [count * len(groups) for groups in layout.groups]
        blocks = [slice(end - number, end) for end, number in zip(accumulate(rows), rows, strict=True)]
        views = [axes for axes in layout.axes if axes is not None]
        assert len(views) == len(self.maps), "the mean mixer needs groups that are axes of a grid"
        means, heard = room("means", sum(rows), size), room("heard", sum(rows), size)
        for block, axes, weight in zip(blocks, views, self.maps, strict=True):
            group_means(x, axes, means[block], room)
            np.matmul(means[block], weight, out=heard[block])
        if self.hidden:
            both = room("gate and up", 2, len(means), self.hidden)
            for block, weight in zip(blocks, self.gate_up, strict=True):
                np.matmul(means[block], weight, out=both[:, block])
            gated = room("gated", len(means), self.hidden)
            gate(both[0], both[1], gated)
            for block, weight in zip(blocks, self.down, strict=True):
                np.matmul(gated[block], weight, out=means[block])
            heard += means
        for block, (sizes, within) in zip(blocks, views, strict=True):
            seen = x.reshape(count, *sizes, size)
            once = [1 if axis in within else length for axis, length in enumerate(sizes)]
            seen += heard[block].reshape(count, *once, size)


def group_means(x: Numbers, axes: Axes, out: Numbers, room: Room) -> None:
    """The mean of each group, axis by axis: products with 1 / K, for they are faster than NumPy's sums."""
    (sizes, within), size = axes, x.shape[2]
    means, left = x, list(sizes)
    for axis in reversed(within):
        length, left[axis] = left[axis], 1
        inner = math.prod(left[axis:]) * size
        share = np.full((1, length), 1 / length, x.dtype)
        shape = math.prod(left[:axis]) * len(x), 1, inner
        into = out if axis == within[0] else room(f"means {axis}", math.prod(shape))
        means = np.matmul(share, means.reshape(shape[0], length, inner), out=into.reshape(shape))


MIXERS: dict[str, type[MLPMixer] | type[AttentionMixer] | type[RelationMixer] | type[MeanMixer]] = {
    "mlp": MLPMixer,
    "attention": AttentionMixer,
    "relation": RelationMixer,
    "mean": MeanMixer,
}


def scale_queries(weight: Numbers, width: int) -> Numbers:
    """``[3 * heads * width, D]`` of queries, keys and values, whose scores are then scaled already."""
    scaled: Numbers = weight.copy()
    scaled[: len(weight) // 3] /= math.sqrt(width)
    return scaled


class Update(Protocol):
    """What does the work of a layer."""

    def update(self, x: Numbers, layout: Layout, room: Room) -> None:
        """``[b, T, D]`` in place."""


class Layer:
    """Mix, then a SwiGLU for each vector; post-norm.

    Attributes:
        fused: what does its work, if not this.
    """

    fused: Update | None = None

    def __init__(self, config: TRMConfig, weights: Weights, prefix: str) -> None:
        self.mixer = MIXERS[config.mixer](config, weights, f"{prefix}.mixer")
        self.ffn = SwiGLU(weights, f"{prefix}.ffn")
        self.eps = config.norm_eps

    def update(self, x: Numbers, layout: Layout, room: Room) -> None:
        """``[b, T, D]`` in place."""
        if self.fused is not None:
            self.fused.update(x, layout, room)
            return
        self.mixer.add(x, layout, room)
        norm(x, self.mixer.norm_axis, self.eps)
        self.ffn.add(x, room)
        norm(x, 2, self.eps)
