"""Mixers exchange information between cells; the rest of a layer looks at one cell at a time.

- :class:`MLPMixer` is the paper's Sudoku model (``mlp_t`` in the reference): a SwiGLU across the cells.
- :class:`AttentionMixer` is its maze and ARC model: full self-attention.
- :class:`RelationMixer` is ours: cells exchange only along the relations that the task declares. One set of
  weights serves every grid size, nothing has to be learned about which cells belong together, and the work is
  done inside groups of nine cells, say, never on the full square of all cells.
- :class:`MeanMixer` has the same relations and no attention: members of a group hear its mean.

What is said of cells holds of candidates (pairs of a cell and a token) where a model has a vector for each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trmcli.model.config import TRMConfig
from trmcli.model.layers import Linear, SwiGLU, rotary, rotate
from trmcli.model.layout import Axes, Layout


@dataclass(frozen=True)
class Relations:
    """The relations of one puzzle shape as index tensors, made once and handed to every forward pass.

    L counts what the states have a vector for: cells, or candidates, cell after cell.

    Attributes:
        cells: ``[R, L]``: for each group relation the members, group after group.
        sizes: members of a group of each of the R group relations.
        neighbours: ``[L, N]``: neighbour in each of N directions, ``L`` where there is none.
        candidates: ``[C]``: the tokens that a cell may hold; empty if vectors stand for cells.
        axes: for each group relation how it is seen as axes of a grid, or None: see
            :func:`trmcli.model.layout.grid_axes`.
    """

    cells: Tensor
    sizes: tuple[int, ...]
    neighbours: Tensor
    candidates: Tensor
    axes: tuple[Axes | None, ...]
    _orders: dict[int, tuple[Tensor, Tensor, Tensor, Tensor]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @staticmethod
    def build(
        groups: list[Tensor], neighbours: list[Tensor], length: int, candidates: Tensor | None = None
    ) -> Relations:
        """From ``[G, K]`` partitions and ``[length, directions]`` neighbours (-1: none) of cells; see
        :meth:`trmcli.model.layout.Layout.build`."""
        layout = Layout.build(
            [index.numpy() for index in groups],
            [index.numpy() for index in neighbours],
            length,
            None if candidates is None else candidates.numpy(),
        )
        members = [torch.from_numpy(index.flatten()) for index in layout.groups]
        return Relations(
            torch.stack(members) if members else torch.zeros(0, layout.length, dtype=torch.long),
            tuple(index.shape[1] for index in layout.groups),
            torch.from_numpy(layout.neighbours),
            torch.from_numpy(layout.candidates),
            layout.axes,
        )

    def to(self, device: torch.device) -> Relations:
        tensors = (self.cells, self.neighbours, self.candidates)
        cells, neighbours, candidates = (tensor.to(device) for tensor in tensors)
        return Relations(cells, self.sizes, neighbours, candidates, self.axes)

    @property
    def length(self) -> int:
        """L, the vectors of a puzzle."""
        return len(self.neighbours)

    def orders(self, heads: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """How vectors move between cells and groups, and how their gradients move back.

        Returns:
            ``[3, R * L * heads]``: where query, key and value of each relation, group, head and member stand
            among the vectors of the cells, ``[L, R, 3, heads]``; its inverse, flat; ``[L * R * heads]``:
            where the vector of each cell, relation and head stands among those of the groups; its inverse.
        """
        if heads not in self._orders:
            count = len(self.cells)
            head = torch.arange(heads, device=self.cells.device)
            places = []
            for number, size in enumerate(self.sizes):
                cells = self.cells[number].view(-1, 1, size) * count + number
                places.append(torch.stack((cells + 0 * head[:, None], head[:, None] + 0 * cells)).flatten(1))
            row, head = torch.cat(places, dim=1)
            gather = torch.stack([(row * 3 + part) * heads + head for part in range(3)])
            back = row * heads + head
            self._orders[heads] = gather, gather.flatten().argsort(), back.argsort(), back
        return self._orders[heads]


def _words(x: Tensor) -> Tensor:
    """The same memory in words of 16 bytes where possible: a CPU moves words one by one, however wide."""
    if torch.compiler.is_compiling():  # it copies well by itself, and knows no complex numbers
        return x
    width = x.shape[-1] * x.element_size()
    aligned = width % 16 == 0 and x.storage_offset() * x.element_size() % 16 == 0
    return x.view(torch.complex128) if x.device.type == "cpu" and x.is_contiguous() and aligned else x


def _pick(x: Tensor, order: Tensor) -> Tensor:
    """``x[:, order]`` of ``[B, N, width]``."""
    return _words(x).index_select(1, order).view(x.dtype)


class ToGroups(torch.autograd.Function):
    """Queries, keys and values ``x[:, order[0]], x[:, order[1]], x[:, order[2]]`` of ``[B, N, width]``.

    Together the orders are a permutation, so the gradient is a copy, not a sum.
    """

    @staticmethod
    def forward(x: Tensor, order: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _pick(x, order[0]), _pick(x, order[1]), _pick(x, order[2])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: object) -> None:
        ctx.inverse = inputs[2]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _pick(torch.cat(gradients, dim=1), ctx.inverse), None, None


class FromGroups(torch.autograd.Function):
    """``x[:, order]`` of ``[B, N, width]`` for a permutation."""

    @staticmethod
    def forward(x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        return _pick(x, order)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: object) -> None:
        ctx.inverse = inputs[2]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _pick(gradient.contiguous(), ctx.inverse), None, None


class MLPMixer(nn.Module):
    """A SwiGLU across the cells, shared by all channels. Fixed grid size.

    It works on ``[B, D, L]``, and the norm that follows is over the cells as well, as in the reference.
    """

    cells_last = True

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        length = config.seq_len + config.puzzle_emb_len
        self.across = SwiGLU(length, config.swiglu_size(config.expansion, length))

    def forward(self, x: Tensor, relations: Relations | None) -> Tensor:
        return self.across(x)  # type: ignore[no-any-return]


class AttentionMixer(nn.Module):
    """Full, non-causal self-attention (``models/layers.py: Attention``)."""

    cells_last = False

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.heads, self.width = config.num_heads, config.head_width
        self.theta = config.rope_theta if config.positions == "rope" else None
        self.qkv = Linear(config.hidden_size, 3 * self.heads * self.width, bias=False)
        self.out = Linear(self.heads * self.width, config.hidden_size, bias=False)

    def forward(self, x: Tensor, relations: Relations | None) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, self.width).unbind(2)
        if self.theta is not None:
            cos, sin = rotary(length, self.width, self.theta, x)
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.out(mixed.transpose(1, 2).reshape(batch, length, -1))  # type: ignore[no-any-return]


class RelationMixer(nn.Module):
    """Attention inside each group of each relation, a linear map of the neighbours, summed.

    Every relation has its own heads. Groups are small (nine cells), so attention is written as two batched
    products, which on a CPU is three times as fast as the fused kernel at this size.
    """

    cells_last = False

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.heads, self.width = config.num_heads, config.head_width
        self.groups = config.group_relations
        directions = sum(kind == "neighbours" for _, kind in config.relations)
        inner = self.groups * self.heads * self.width
        self.qkv = Linear(config.hidden_size, 3 * inner, bias=False) if self.groups else None
        self.out = Linear(inner, config.hidden_size, bias=False) if self.groups else None
        narrow = config.neighbour_size
        heard = directions * (narrow or config.hidden_size)
        self.narrow = Linear(config.hidden_size, narrow, bias=False) if narrow else None
        self.beside = Linear(heard, config.hidden_size, bias=False) if directions else None

    def forward(self, x: Tensor, relations: Relations | None) -> Tensor:
        assert relations is not None, "the relation mixer needs the task's relations"
        mixed = x.new_zeros(())
        if self.qkv is not None and self.out is not None:
            mixed = self.out(self._attend(self.qkv(x), relations))
        if self.beside is not None:
            padded = F.pad(x if self.narrow is None else self.narrow(x), (0, 0, 0, 1))
            mixed = mixed + self.beside(padded[:, relations.neighbours].flatten(2))
        return mixed

    def _attend(self, qkv: Tensor, relations: Relations) -> Tensor:
        """Attention in every group: ``[B, L, R * 3 * heads * width]`` to ``[B, L, R * heads * width]``."""
        batch, length, _ = qkv.shape
        gather, gather_back, scatter, scatter_back = relations.orders(self.heads)
        vectors = qkv.reshape(batch, -1, self.width)
        q, k, v = ToGroups.apply(vectors, gather, gather_back)  # type: ignore[no-untyped-call]
        if len(set(relations.sizes)) == 1:
            mixed = self._within(q, k, v, relations.sizes[0])
        else:
            parts = zip(*(part.chunk(self.groups, dim=1) for part in (q, k, v)), relations.sizes, strict=True)
            mixed = torch.cat([self._within(*part) for part in parts], dim=1)
        cells: Tensor = FromGroups.apply(mixed, scatter, scatter_back)  # type: ignore[no-untyped-call]
        return cells.reshape(batch, length, -1)

    def _within(self, q: Tensor, k: Tensor, v: Tensor, size: int) -> Tensor:
        """Attention among each ``size`` consecutive vectors of ``[B, N, width]``."""
        shape = q.shape
        q, k, v = (part.reshape(-1, size, self.width) for part in (q, k, v))
        weights = (torch.bmm(q, k.transpose(1, 2)) * self.width**-0.5).softmax(dim=-1)
        return torch.bmm(weights, v).view(shape)


class MeanMixer(nn.Module):
    """The mean of each group, mapped by its relation's matrix, is heard by every member; summed.

    Counting how many candidates of a unit are left needs no more, and the matrices see each group once
    instead of each of its members. So a SwiGLU for each relation (``group_expansion``), whose output is heard
    as well, is cheap. What it says is nothing at first: a model that gets it later goes on from where it was.
    """

    cells_last = False

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.maps = nn.ModuleList(Linear(size, size, bias=False) for _ in range(config.group_relations))
        count = config.group_relations if config.group_size else 0
        self.swiglus = nn.ModuleList(SwiGLU(size, config.group_size, silent=True) for _ in range(count))

    def forward(self, x: Tensor, relations: Relations | None) -> Tensor:
        assert relations is not None, "the mean mixer needs the task's relations"
        mixed: Tensor | None = None
        parts = zip(self.maps, relations.axes, relations.sizes, strict=True)
        for number, (linear, axes, size) in enumerate(parts):
            assert axes is not None, "the mean mixer needs groups that are axes of a grid"
            sizes, within = axes
            sums = x.view(len(x), *sizes, -1)
            seen = sums.shape
            for axis in reversed(within):  # two axes at once take a CPU many times as long
                sums = sums.sum(dim=axis + 1, keepdim=True)
            mean = sums / size
            heard = linear(mean)
            if self.swiglus:
                heard = heard + self.swiglus[number](mean)
            heard = heard.expand(seen) if mixed is None else mixed.view(seen) + heard
            mixed = heard.reshape(x.shape)
        assert mixed is not None, "a configuration with this mixer has relations"
        return mixed


MIXERS: dict[str, type[MLPMixer] | type[AttentionMixer] | type[RelationMixer] | type[MeanMixer]] = {
    "mlp": MLPMixer,
    "attention": AttentionMixer,
    "relation": RelationMixer,
    "mean": MeanMixer,
}
