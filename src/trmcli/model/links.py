"""Who hears what, as index tensors: sums over given rows of a table, and the reverse.

Means over the cells of an object, over a colour's whole grid and over a cell's colours are all the same
operation, a sum over given rows of a table; so is the way back from the table to the candidates. Both
directions are kept, as each is the other's gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bags:
    """Sums over given rows of a table: ``result[i] = sum of table[index[offset[i]:offset[i + 1]]]``."""

    index: Tensor
    offset: Tensor

    def sum(self, table: Tensor) -> Tensor:
        """``[bags, D]`` from a contiguous ``[rows, D]``; gives no gradient."""
        sums: Tensor = torch.ops.aten._embedding_bag_forward_only(
            table, self.index, self.offset, False, 0, False, None, True
        )[0]
        return sums


@dataclass(frozen=True)
class Links:
    """Who hears what: every candidate hears some rows of a table.

    Attributes:
        out: from the table to the candidates.
        back: from the candidates to the table.
        share: ``[table rows, 1]``: one over the number of candidates that hear a row.
    """

    out: Bags
    back: Bags
    share: Tensor

    @staticmethod
    def build(heard: Integers, table: int) -> Links:
        """From ``[rows, k]`` rows of a table of ``table`` rows; -1 where nothing is heard."""
        there = heard >= 0
        flat = heard[there]
        counts = np.bincount(flat, minlength=table)
        order = np.nonzero(there)[0][np.argsort(flat, kind="stable")]
        share = 1 / np.maximum(counts, 1).astype(np.float32)
        return Links(
            Bags(torch.from_numpy(flat), ends(there.sum(1))),
            Bags(torch.from_numpy(order), ends(counts)),
            torch.from_numpy(share)[:, None],
        )


def ends(counts: Integers) -> Tensor:
    """Where each of bags with so many rows begins, and where the last one ends."""
    return torch.from_numpy(np.concatenate(([0], np.cumsum(counts))))


class _Hear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, links: Links) -> Tensor:
        ctx.links = links
        return links.out.sum(table)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.links.back.sum(gradient.contiguous()), None


def hear(table: Tensor, links: Links) -> Tensor:
    """``[rows, D]``: for every candidate the sum of the rows of ``table`` that it hears."""
    result: Tensor = _Hear.apply(table, links)  # type: ignore[no-untyped-call]
    return result
