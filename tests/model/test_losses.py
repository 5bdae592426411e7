"""Losses against their formulas."""

from __future__ import annotations

import torch

from trmcli.model import Output
from trmcli.model.losses import Waiting, softmax_cross_entropy, supervision_loss


def test_label_smoothing_spreads_a_share_of_each_label() -> None:
    logits, labels = torch.randn(3, 4, 5), torch.randint(5, (3, 4))
    logs = logits.log_softmax(dim=-1)
    right = -logs.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    expected = 0.8 * right - 0.2 * logs.mean(dim=-1)
    assert torch.allclose(softmax_cross_entropy(logits, labels, 0.2), expected, atol=1e-6)
    assert torch.allclose(softmax_cross_entropy(logits, labels), right, atol=1e-6)


def test_cells_that_cannot_know_yet_learn_to_say_so() -> None:
    """The first one knows, the second one is undecided between 1 and 2, the third one learns nothing."""
    logits, labels = torch.randn(2, 3, 5), torch.tensor([[1, 2, 3], [0, 1, 4]])
    output = Output(logits, torch.zeros(2), torch.zeros(2))
    near, far = torch.tensor([True, False, False]), torch.tensor([False, True, False])
    undecided = torch.eye(5)
    undecided[1:3, 1:3] = 0.5
    needed = torch.zeros(2, 3, dtype=torch.bool)
    waiting = Waiting(near.expand(2, 3), far.expand(2, 3), needed, undecided)
    logs = logits.log_softmax(dim=-1)
    doubt = -logs[:, 1, 1:3].mean(dim=-1)
    first = (-logs[0, 0, 1] + doubt[0]) / 2
    every, some = (supervision_loss(output, labels, kind="softmax", waiting=one) for one in (None, waiting))
    assert torch.allclose(some.tokens, (first + doubt[1]) / 2)  # label 0 counts nowhere
    assert torch.equal(some.cells, every.cells)
    assert some.exact.all() and not every.exact.any()  # of what is wrong nothing is needed


def test_an_answer_is_right_if_it_means_the_same() -> None:
    """Tokens 1 and 2 mean one value here, token 3 another one."""
    logits = torch.eye(4)[torch.tensor([[1, 3], [2, 3], [2, 1]])] * 9
    labels = torch.tensor([[1, 3]]).expand(3, 2)
    output = Output(logits, torch.zeros(3), torch.zeros(3))
    plain = supervision_loss(output, labels)
    meant = supervision_loss(output, labels, meaning=torch.tensor([0, 1, 1, 2]))
    assert plain.exact.tolist() == [True, False, False]
    assert meant.exact.tolist() == [True, True, False]
    assert meant.cells.tolist() == [1.0, 1.0, 0.5]
    assert torch.equal(meant.tokens, plain.tokens)
