"""Losses of deep supervision: cross entropy of the tokens, binary cross entropy of the halting head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from trmcli.model.layers import at_least_float32
from trmcli.model.trm import Output

TokenLoss = Literal["softmax", "stablemax"]


def stablemax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy with ``s(x) = x + 1 if x >= 0 else 1 / (1 - x)`` for exp, in float64.

    Source: "Grokking at the edge of numerical stability", and ``models/losses.py`` of the reference.

    Args:
        logits: ``[..., V]``; labels: ``[...]`` int64.

    Returns:
        ``[...]`` float64, one loss a cell.
    """
    x = logits.double()
    s = torch.where(x < 0, 1 / (1 - x + 1e-30), x + 1)
    chosen = s.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return s.sum(dim=-1).log() - chosen.log()


def softmax_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """The usual cross entropy, in float32 at least: ``[..., V]`` and ``[...]`` to ``[...]``.

    ``smoothing`` is the share of each label that is spread over all tokens (Szegedy et al. 2015,
    arXiv:1512.00567, section 7).
    """
    return F.cross_entropy(
        at_least_float32(logits).flatten(0, -2), labels.flatten(), reduction="none", label_smoothing=smoothing
    ).view_as(labels)


@dataclass(frozen=True)
class Waiting:
    """Cells that cannot know their label yet, for news of what decides it go from neighbour to neighbour.

    Attributes:
        near: ``[B, L]`` bool, cells that have been reached.
        far: ``[B, L]`` bool, cells that cannot have been. Those between count in no loss.
        needed: ``[B, L]`` bool, cells that have to be right for the answer to be right.
        undecided: ``[V, V]``: for each label, the probabilities that a cell gives that does not know yet.
    """

    near: Tensor
    far: Tensor
    needed: Tensor
    undecided: Tensor

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """``[B, L]``: of undecided cells, from ``[B, L, V]`` logits."""
        return -(self.undecided[labels] * at_least_float32(logits).log_softmax(dim=-1)).sum(dim=-1)


@dataclass(frozen=True)
class Losses:
    """One supervision step's losses and what is worth watching; all tensors, nothing synchronised.

    Attributes:
        total: scalar to differentiate: the mean over the batch.
        tokens: scalar, mean token loss of a puzzle.
        halt: scalar, mean halting loss.
        go_on: scalar, mean loss of HRM's second halting output; 0 without a target for it.
        exact: ``[B]`` bool, answers that are exactly right.
        cells: ``[B]`` float32, share of cells that are right.
    """

    total: Tensor
    tokens: Tensor
    halt: Tensor
    go_on: Tensor
    exact: Tensor
    cells: Tensor


def go_on_target(following: Output, last: Tensor) -> Tensor:
    """HRM's bootstrapped target of ``go_on``: how good halting will be if one goes on now.

    Args:
        following: what the heads say one supervision step later, without gradient.
        last: ``[B]`` bool, which puzzles have no further step than that one.

    Returns:
        ``[B]`` probabilities (``models/recursive_reasoning/hrm.py``: ``target_q_continue``).
    """
    best = torch.maximum(following.halt, following.go_on)
    return torch.where(last, following.halt, best).sigmoid()


def supervision_loss(
    output: Output,
    labels: Tensor,
    *,
    kind: TokenLoss = "stablemax",
    halt_weight: float = 0.5,
    go_on: Tensor | None = None,
    smoothing: float = 0.0,
    meaning: Tensor | None = None,
    waiting: Waiting | None = None,
) -> Losses:
    """The loss of one supervision step. Labels below 1 (padding; -100 in the reference) do not count.

    Tokens are averaged over a puzzle's cells; the weighted halting loss is added. ``go_on`` is the target of
    the second halting output (:func:`go_on_target`), which only HRM trains. ``smoothing`` is for softmax.
    ``meaning`` is ``[V]``: tokens that have one number there are one answer, right if any of them is.
    ``waiting`` says which cells cannot know their label yet.

    ``models/losses.py: ACTLossHead`` of the reference; there both are summed over the batch and divided by
    its size afterwards, which gives the mean used here.
    """
    counted = labels > 0
    labels = labels.clamp(min=0)
    count = counted.sum(dim=-1).clamp(min=1)
    if kind == "stablemax":
        per_cell = stablemax_cross_entropy(output.logits, labels)
    else:
        per_cell = softmax_cross_entropy(output.logits, labels, smoothing)
    learned = counted
    if waiting is not None:
        per_cell = torch.where(waiting.far, waiting.cross_entropy(output.logits, labels), per_cell)
        learned = counted & (waiting.near | waiting.far)
    tokens = ((per_cell * learned).sum(dim=-1) / learned.sum(dim=-1).clamp(min=1)).mean()
    with torch.no_grad():
        said, wanted = output.logits.argmax(dim=-1), labels
        if meaning is not None:
            said, wanted = meaning[said], meaning[wanted]
        right = (said == wanted) & counted
        wrong = counted & ~right
        exact = ~(wrong if waiting is None else wrong & waiting.needed).any(dim=-1)
        cells = right.sum(dim=-1) / count
    halt = F.binary_cross_entropy_with_logits(output.halt, exact.to(output.halt.dtype))
    later = (
        torch.zeros_like(halt) if go_on is None else F.binary_cross_entropy_with_logits(output.go_on, go_on)
    )
    total = tokens + halt_weight * (halt + later)
    return Losses(total, tokens.detach(), halt.detach(), later.detach(), exact, cells)
