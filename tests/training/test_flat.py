"""The optimizer of small networks, against the ones of PyTorch."""

from __future__ import annotations

import torch
from torch import nn

from trmcli.training.flat import FlatOptimizer, orthogonal


def test_the_update_of_all_but_matrices_is_adam() -> None:
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(4))]
    theirs = [nn.Parameter(one.detach().clone()) for one in ours]
    optimizer = FlatOptimizer([nn.Parameter(torch.eye(2))], ours[:2], ours[2:], (0.1, 0.01, 0.03), 0.9)
    groups = [{"params": theirs[:2], "lr": 0.01}, {"params": theirs[2:], "lr": 0.03}]
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    for _ in range(5):
        for mine, other in zip(ours, theirs, strict=True):
            gradient = torch.randn(mine.shape) * 0.1
            assert mine.grad is not None
            mine.grad.copy_(gradient)
            other.grad = gradient.clone()
        optimizer.update(1.0)
        adam.step()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.data, other.data, atol=1e-5, rtol=1e-4)


def test_a_code_with_a_large_gradient_is_clipped() -> None:
    """Adam does not feel a constant factor, so one of a later gradient is compared."""
    codes = [nn.Parameter(torch.zeros(2)) for _ in range(2)]
    rates = 0.1, 0.1, 0.1
    optimizers = [FlatOptimizer([nn.Parameter(torch.eye(2))], [], [one], rates, 0.9) for one in codes]
    for size in (0.5, 1.0):
        for code, optimizer, factor in zip(codes, optimizers, (1.0, 100.0), strict=True):
            assert code.grad is not None
            code.grad.copy_(torch.tensor([size, 0.0]) * (factor if size == 1.0 else 1.0))
            optimizer.update(1.0)
    torch.testing.assert_close(codes[0].data, codes[1].data)


def test_a_direction_is_nearly_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((3, 8, 4), (3, 4, 8)):
        singular = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert singular.min() > 0.5 and singular.max() < 1.5


def test_rows_of_codes_that_no_gradient_asks_for_become_zero_and_others_do_not() -> None:
    code, single = nn.Parameter(torch.tensor([[0.0, 0.0], [0.3, 0.4]])), nn.Parameter(torch.ones(2))
    optimizer = FlatOptimizer(
        [nn.Parameter(torch.eye(2))], [], [code, single], (0.1, 0.01, 0.01), 0.9, shrinkage=1.0
    )
    code.data[0] = 1.0
    assert code.grad is not None
    for update in range(200):
        code.grad[1] = code.detach()[1] - torch.tensor([3.0, 4.0])
        optimizer.update(1.0)
        if update == 0:  # by 0.01 times the root of two
            torch.testing.assert_close(code.detach()[0], torch.full((2,), 0.99))
    assert (code.detach()[0] == 0).all() and (code.detach()[1] > 0.3).all()
    assert (single.detach() == 1).all()
