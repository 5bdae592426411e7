"""Objects of a grid: connected cells, and what can be said of them whichever way the grid is turned."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]

FEATURES = 10


def connected(keys: npt.NDArray[np.integer], diagonal: bool) -> Labels:
    """``[H, W]``: numbers, from 0, of the parts in which neighbours have equal keys.

    Parts are numbered in the order of their first cells. Cells that touch at a corner are neighbours where
    ``diagonal`` says so.
    """
    height, width = keys.shape
    labels = np.arange(height * width).reshape(height, width)
    pairs: list[tuple[Any, Any]] = [(np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1])]
    if diagonal:
        pairs += [(np.s_[1:, 1:], np.s_[:-1, :-1]), (np.s_[1:, :-1], np.s_[:-1, 1:])]
    joined = [(one, other, keys[one] == keys[other]) for one, other in pairs]
    while True:
        before = labels
        for one, other, same in joined:
            lower = np.minimum(labels[one], labels[other])
            labels = labels.copy()
            # Every cell takes the least label near it, and so does the cell that its own label names.
            np.minimum.at(labels.reshape(-1), labels[one][same], lower[same])
            np.minimum.at(labels.reshape(-1), labels[other][same], lower[same])
            labels[one][same] = np.minimum(labels[one][same], lower[same])
            labels[other][same] = np.minimum(labels[other][same], lower[same])
        labels = labels.reshape(-1)[labels]
        if (labels == before).all():
            return np.unique(labels, return_inverse=True)[1].reshape(height, width)


def boxes(labels: Labels) -> npt.NDArray[np.int64]:
    """``[parts, 4]``: first and last row, first and last column of every part."""
    count = int(labels.max()) + 1
    rows, columns = np.indices(labels.shape)
    result = np.empty((count, 4), np.int64)
    for place, (values, lowest) in enumerate(
        ((rows, True), (rows, False), (columns, True), (columns, False))
    ):
        result[:, place] = 10**6 if lowest else -1
        (np.minimum if lowest else np.maximum).at(result[:, place], labels, values)
    return result


def object_features(grid: npt.NDArray[np.integer], background: int) -> npt.NDArray[np.float32]:
    """``[H, W, 10]``: what is said of the object that each cell belongs to.

    An object is made of cells of one colour that touch, at corners too. In order: half the logarithm of its
    cells; whether it touches the border; fills its box; is its own mirror image, left-right or up-down; is
    both; is the largest; the smallest; has a shape that no other has (these three of what is not background);
    whether the cell is background that the border does not reach, by sides; the longer side of its box less
    one, in tenths. A grid that is mirrored or turned has the same features, mirrored or turned.
    """
    height, width = grid.shape
    labels = connected(grid, diagonal=True)
    sizes = np.bincount(labels.ravel())
    box = boxes(labels)
    top, bottom, left, right = box.T
    first = np.unique(labels, return_index=True)[1]
    lit = grid.ravel()[first] != background
    said = np.zeros((len(sizes), FEATURES), np.float32)
    said[:, 0] = np.log(sizes) / 2
    said[:, 1] = (top == 0) | (left == 0) | (bottom == height - 1) | (right == width - 1)
    said[:, 2] = sizes == (bottom - top + 1) * (right - left + 1)
    said[:, 9] = np.maximum(bottom - top, right - left) / 10
    shapes: dict[tuple[bytes, int], list[int]] = {}
    for part, (y, last_y, x, last_x) in enumerate(box.tolist()):
        shape = labels[y : last_y + 1, x : last_x + 1] == part
        mirrored = (shape == shape[:, ::-1]).all(), (shape == shape[::-1]).all()
        said[part, 3:5] = any(mirrored), all(mirrored)
        if lit[part]:
            shapes.setdefault((shape.tobytes(), shape.shape[1]), []).append(part)
    if lit.any():
        said[lit, 5] = sizes[lit] == sizes[lit].max()
        said[lit, 6] = sizes[lit] == sizes[lit].min()
        said[[parts[0] for parts in shapes.values() if len(parts) == 1], 7] = 1
    features = said[labels]
    by_sides = connected(grid, diagonal=False)
    top, bottom, left, right = boxes(by_sides).T
    inside = (top > 0) & (left > 0) & (bottom < height - 1) & (right < width - 1)
    features[..., 8] = inside[by_sides] & (grid == background)
    return features
