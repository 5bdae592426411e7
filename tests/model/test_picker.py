"""Scores of pieces against the same in plain sums over their cells."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from trmcli.model.cells_config import CellsConfig
from trmcli.model.picker import Choice, Picker


def test_a_piece_is_scored_by_the_states_of_the_colours_that_its_cells_have() -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    colours, tall, wide, width = 3, 5, 4, 8
    picker = Picker(CellsConfig(width=width), 2).double()
    state = torch.randn(colours * tall * wide, width, dtype=torch.float64, requires_grad=True)
    has = random.integers(colours, size=(tall, wide))
    boxes = np.array([[0, 4, 0, 3], [1, 1, 2, 2], [2, 4, 1, 3], [0, 2, 0, 0]])
    features = random.standard_normal((4, 2)).astype(np.float32)
    own = (has * tall * wide + np.arange(tall * wide).reshape(tall, wide)).ravel()
    scores = picker.scores(state, Choice.build(own, (tall, wide), boxes, features))
    assert scores.shape == (4,)
    for (top, bottom, left, right), said, score in zip(boxes, features, scores, strict=True):
        cells = [
            state[has[y, x] * tall * wide + y * wide + x]
            for y in range(top, bottom + 1)
            for x in range(left, right + 1)
        ]
        whole = torch.stack(cells).sum(0)
        heard = torch.cat((whole / len(cells), whole / 10, torch.from_numpy(said).double()))
        torch.testing.assert_close(score, (F.silu(heard @ picker.enter) @ picker.leave)[0])
    torch.autograd.backward([scores[1]])
    assert state.grad is not None and (state.grad.abs().sum(1) > 0).sum() == 1
