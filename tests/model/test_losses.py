"""Losses against their formulas."""

from __future__ import annotations

import torch

from trmcli.model.losses import softmax_cross_entropy


def test_label_smoothing_spreads_a_share_of_each_label() -> None:
    logits, labels = torch.randn(3, 4, 5), torch.randint(5, (3, 4))
    logs = logits.log_softmax(dim=-1)
    right = -logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    expected = 0.8 * right - 0.2 * logs.mean(dim=-1)
    assert torch.allclose(softmax_cross_entropy(logits, labels, 0.2), expected, atol=1e-6)
    assert torch.allclose(softmax_cross_entropy(logits, labels), right, atol=1e-6)
