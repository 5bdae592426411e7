"""A head that chooses one of the pieces of a grid, by the states of the cells in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trmcli.model.cells import matrix
from trmcli.model.cells_config import CellsConfig


@dataclass(frozen=True)
class Choice:
    """The pieces of one grid, H times W.

    Attributes:
        own: ``[H * W]``: for each cell the row of the state that stands for the colour that it has.
        canvas: H and W.
        corners: ``[4, K]``: places in the table of sums, ``[H + 1, W + 1]``, whose first and last less the
            others give the sum over a piece.
        area: ``[K, 1]`` cells.
        features: ``[K, F]`` of the piece.
    """

    own: Tensor
    canvas: tuple[int, int]
    corners: Tensor
    area: Tensor
    features: Tensor

    @staticmethod
    def build(
        own: npt.NDArray[np.int64],
        canvas: tuple[int, int],
        boxes: npt.NDArray[np.int64],
        features: npt.NDArray[np.float32],
    ) -> Choice:
        """Of ``boxes`` ``[K, 4]``: first and last row, first and last column."""
        top, bottom, left, right = boxes.T
        pitch = canvas[1] + 1
        corners = [y * pitch + x for y in (top, bottom + 1) for x in (left, right + 1)]
        area = ((bottom - top + 1) * (right - left + 1)).astype(np.float32)
        return Choice(
            torch.from_numpy(own),
            canvas,
            torch.from_numpy(np.stack(corners)),
            torch.from_numpy(area)[:, None],
            torch.from_numpy(features),
        )


class Picker(nn.Module):
    """Scores of pieces: a layer of its mean state, the sum of it in tenths, and what is said of the piece."""

    def __init__(self, config: CellsConfig, features: int) -> None:
        super().__init__()
        self.enter = matrix(2 * config.width + features, 2 * config.width)
        self.leave = matrix(2 * config.width, 1, 0.5)

    def scores(self, state: Tensor, choice: Choice) -> Tensor:
        """``[K]`` before the softmax over the pieces, from ``[rows, D]``."""
        cells = state.index_select(0, choice.own).view(*choice.canvas, -1)
        table = F.pad(cells.cumsum(0).cumsum(1), (0, 0, 1, 0, 1, 0)).flatten(0, 1)
        first, second, third, last = (table.index_select(0, corner) for corner in choice.corners)
        whole = first - second - third + last
        heard = torch.cat((whole / choice.area, whole / 10, choice.features), 1)
        return (F.silu(heard @ self.enter) @ self.leave)[:, 0]
