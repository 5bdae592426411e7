"""What can be counted and measured in a grid, by name: sides, repetitions, boxes around colours and objects.

Names that differ in "height" and "width" alone belong together: they are the sides of one thing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from trmcli.tasks.arc.objects import boxes, connected
from trmcli.tasks.arc.task import Grid

Quantities = dict[str, int]


def quantities(grid: Grid, background: int) -> Quantities:
    """Everything that is measured in a grid."""
    height, width = grid.shape
    lit = grid != background
    count = len(np.unique(grid))
    found = {
        "height": height,
        "width": width,
        "shorter": min(height, width),
        "longer": max(height, width),
        "colours": count,
        "other colours": count - 1,
        "lit": int(lit.sum()),
        **_sides("box", _extent(lit)),
        **_of_lines("height", grid, background),
        **_of_lines("width", grid.T, background),
        **_of_colours(grid, background),
    }
    kinds = (("corner", grid, True), ("side", grid, False), ("mixed", lit.astype(np.int64), True))
    for name, keys, diagonal in kinds:
        found |= _of_objects(name, grid, connected(keys, diagonal), background)
    return found


def _extent(lit: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """Height and width of the box around what is lit; zeros if nothing is."""
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    return (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if len(rows) else (0, 0)


def _sides(name: str, size: Iterable[int]) -> Quantities:
    height, width = size
    return {f"{name} height": int(height), f"{name} width": int(width)}


def _of_lines(name: str, lines: Grid, background: int) -> Quantities:
    """Of rows, or of columns: those of one colour that part the grid, runs of equal ones, repetition."""
    separators = [n for n, line in enumerate(lines) if line[0] != background and (line == line[0]).all()]
    ends = [-1, *separators, len(lines)]
    parts = [after - before - 1 for before, after in itertools.pairwise(ends)]
    parts = [part for part in parts if part > 0]
    repeats = (n for n in range(1, len(lines) + 1) if (lines[n:] == lines[: len(lines) - n]).all())
    return {
        f"separated {name}": len(separators) + 1,
        f"part {name}": parts[0] if len(set(parts)) == 1 else -1,
        f"parts {name}": len(parts),
        f"runs {name}": 1 + int((lines[1:] != lines[:-1]).any(1).sum()),
        f"period {name}": next(repeats),
    }


def _of_colours(grid: Grid, background: int) -> Quantities:
    """The cells of each colour, and the boxes around them."""
    colours, numbers = (found.tolist() for found in np.unique(grid, return_counts=True))
    counts: dict[int, int] = dict(zip(colours, numbers, strict=True))
    found = {"most cells": max(numbers), "fewest cells": min(numbers)}
    for colour, number in counts.items():
        found[f"colour {colour} cells"] = number
        found |= _sides(f"colour {colour}", _extent(grid == colour))
    counts.pop(background, None)
    for name, choose in (("commonest", max), ("rarest", min)):
        if counts:
            colour = choose(counts, key=counts.__getitem__)
            found |= _sides(name, _extent(grid == colour))
            found[f"{name} cells"] = counts[colour]
    return found


def _of_objects(name: str, grid: Grid, labels: npt.NDArray[np.int64], background: int) -> Quantities:
    """The number of objects that are not background, sizes, and the boxes around those that stand out."""
    flat, colours = labels.ravel(), grid.ravel()
    parts = np.flatnonzero(colours[np.unique(flat, return_index=True)[1]] != background)
    found = {f"{name} objects": len(parts)}
    if not len(parts):
        return found
    sizes, around = np.bincount(flat)[parts], boxes(labels)[parts]
    tall, wide = around[:, 1] - around[:, 0] + 1, around[:, 3] - around[:, 2] + 1
    full = sizes / (tall * wide)
    stand_out = {"largest": np.argmax(sizes), "smallest": np.argmin(sizes)}
    stand_out |= {"fullest": np.argmax(full), "emptiest": np.argmin(full)}
    for which, size in (("largest", int(sizes.max())), ("smallest", int(sizes.min()))):
        found[f"{name} {which} cells"] = size
        found[f"{name} {which} objects"] = int((sizes == size).sum())
    if name == "mixed":
        holds = {
            colour: np.bincount(flat[colours == colour], minlength=int(flat.max()) + 1)[parts]
            for colour in np.unique(colours).tolist()
            if colour != background
        }
        kinds = sum((held > 0).astype(np.int64) for held in holds.values())
        stand_out |= {"most coloured": np.argmax(kinds), "least coloured": np.argmin(kinds)}
        stand_out |= {f"most {colour}": np.argmax(held) for colour, held in holds.items()}
    for which, part in stand_out.items():
        found |= _sides(f"{which} {name}", (tall[part], wide[part]))
    return found
