"""Mixers exchange information between cells; the rest of a layer looks at one cell at a time.

- :class:`MLPMixer` is the paper's Sudoku model (``mlp_t`` in the reference): a SwiGLU across the cells.
- :class:`AttentionMixer` is its maze and ARC model: full self-attention.
- :class:`RelationMixer` is ours: cells exchange only along the relations that the task declares. One set of
  weights serves every grid size, nothing has to be learned about which cells belong together, and the work is
  done inside groups of nine cells, say, never on the full square of all cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trmcli.model.config import TRMConfig
from trmcli.model.layers import Linear, SwiGLU, rotary, rotate


@dataclass(frozen=True)
class Relations:
    """The relations of one puzzle shape as index tensors, made once and handed to every forward pass.

    Attributes:
        gather: ``[R * L]``: for relation r, group g, member k the row ``cell * R + r`` of the cells.
        scatter: ``[L * R]``: the inverse of ``gather``.
        sizes: cells in a group of each of the R group relations.
        neighbours: ``[L, N]``: neighbour in each of N directions, ``L`` where there is none.
    """

    gather: Tensor
    scatter: Tensor
    sizes: tuple[int, ...]
    neighbours: Tensor

    @staticmethod
    def build(groups: list[Tensor], neighbours: list[Tensor], length: int) -> Relations:
        """From ``[G, K]`` partitions and ``[length, directions]`` neighbours (-1: none)."""
        count = len(groups)
        gather = torch.cat(
            [index.flatten() * count + r for r, index in enumerate(groups)] or [torch.zeros(0)]
        )
        beside = torch.cat(neighbours, dim=1) if neighbours else torch.zeros(length, 0)
        gather, beside = gather.long(), beside.long()
        return Relations(
            gather=gather,
            scatter=gather.argsort(),
            sizes=tuple(index.shape[1] for index in groups),
            neighbours=beside.masked_fill(beside < 0, length),
        )

    def to(self, device: torch.device) -> Relations:
        return Relations(
            self.gather.to(device), self.scatter.to(device), self.sizes, self.neighbours.to(device)
        )


class Permute(torch.autograd.Function):
    """``x[:, order]`` for a permutation; its gradient is ``g[:, inverse]``, a copy instead of a sum."""

    @staticmethod
    def forward(x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        return x[:, order]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        _, ctx.order, ctx.inverse = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return permute(gradient, ctx.inverse, ctx.order), None, None


def permute(x: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    """Rows of ``[B, N, D]`` in another order."""
    return cast(Tensor, Permute.apply(x, order, inverse))  # type: ignore[no-untyped-call]


class MLPMixer(nn.Module):
    """A SwiGLU across the cells, shared by all channels. Fixed grid size.

    It works on ``[B, D, L]``, and the norm that follows is over the cells as well, as in the reference.
    """

    cells_last = True

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        length = config.seq_len + config.puzzle_emb_len
        hidden = -(-round(config.expansion * length * 2 / 3) // config.ffn_multiple) * config.ffn_multiple
        self.across = SwiGLU(length, hidden)

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
            cos, sin = rotary(length, self.width, self.theta, x.device)
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
        self.groups = sum(kind == "groups" for _, kind in config.relations)
        directions = sum(kind == "neighbours" for _, kind in config.relations)
        inner = self.groups * self.heads * self.width
        self.qkv = Linear(config.hidden_size, 3 * inner, bias=False) if self.groups else None
        self.out = Linear(inner, config.hidden_size, bias=False) if self.groups else None
        self.beside = (
            Linear(directions * config.hidden_size, config.hidden_size, bias=False) if directions else None
        )

    def forward(self, x: Tensor, relations: Relations | None) -> Tensor:
        assert relations is not None, "the relation mixer needs the task's relations"
        mixed = x.new_zeros(())
        if self.qkv is not None and self.out is not None:
            mixed = self.out(self._attend(self.qkv(x), relations))
        if self.beside is not None:
            padded = F.pad(x, (0, 0, 0, 1))
            mixed = mixed + self.beside(padded[:, relations.neighbours].flatten(2))
        return mixed

    def _attend(self, qkv: Tensor, relations: Relations) -> Tensor:
        batch, length, _ = qkv.shape
        rows = qkv.view(batch, length * self.groups, -1)
        rows = permute(rows, relations.gather, relations.scatter)
        if len(set(relations.sizes)) == 1:
            mixed = self._within(rows, relations.sizes[0])
        else:
            parts = zip(rows.chunk(self.groups, dim=1), relations.sizes, strict=True)
            mixed = torch.cat([self._within(part, size) for part, size in parts], dim=1)
        return permute(mixed, relations.scatter, relations.gather).view(batch, length, -1)

    def _within(self, rows: Tensor, size: int) -> Tensor:
        """Attention among each ``size`` consecutive rows of ``[B, rows, 3 * heads * width]``."""
        batch, count, _ = rows.shape
        q, k, v = rows.reshape(-1, size, 3, self.heads, self.width).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) * self.width**-0.5).softmax(dim=-1)
        mixed: Tensor = (weights @ v).transpose(1, 2).reshape(batch, count, -1)
        return mixed


MIXERS: dict[str, type[MLPMixer] | type[AttentionMixer] | type[RelationMixer]] = {
    "mlp": MLPMixer,
    "attention": AttentionMixer,
    "relation": RelationMixer,
}
