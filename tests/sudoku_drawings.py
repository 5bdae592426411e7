"""Drawings of Sudoku for tests: each draws ``[N, N]`` cells, given the sign of each cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from trmcli.tasks.base import Cells, Shape
from trmcli.tasks.sudoku.grid import BOX_SHAPES
from trmcli.tasks.sudoku.kind import sudoku_task

Draw = Callable[[list[str], Shape], str]


def bars(bar: str, rule: str, cross: str, space: str = " ", frame: bool = True) -> Draw:
    """Bars and rules between boxes, and around them if there is a ``frame``."""

    def draw(signs: list[str], boxes: Shape) -> str:
        height, width = boxes
        size, room = height * width, width + (width + 1) * len(space)
        border = cross.join([rule * room] * (size // width))
        lines = []
        for row in range(size):
            if row % height == 0 and (row or frame):
                lines.append(cross + border + cross if frame else border)
            parts = [
                space + space.join(signs[row * size + column : row * size + column + width]) + space
                for column in range(0, size, width)
            ]
            lines.append(bar + bar.join(parts) + bar if frame else bar.join(parts))
        return "\n".join([*lines, cross + border + cross] if frame else lines)

    return draw


def framed_cells(light: str, heavy: str, rule: str, heavy_rule: str) -> Draw:
    """A border around every cell, and stronger ones around the boxes."""

    def draw(signs: list[str], boxes: Shape) -> str:
        (height, width), size = boxes, boxes[0] * boxes[1]
        lines = []
        for row in range(size + 1):
            sign = heavy_rule if row % height == 0 else rule
            lines.append("+" + "+".join([sign * 3] * size) + "+")
            if row < size:
                text = heavy
                for column in range(size):
                    text += f" {signs[row * size + column]} "
                    text += heavy if (column + 1) % width == 0 else light
                lines.append(text)
        return "\n".join(lines)

    return draw


def only_bars(signs: list[str], boxes: Shape) -> str:
    size, width = boxes[0] * boxes[1], boxes[1]
    rows = ["".join(signs[i : i + size]) for i in range(0, size * size, size)]
    return "\n".join("|".join(row[i : i + width] for i in range(0, size, width)) for row in rows)


def only_rules(signs: list[str], boxes: Shape) -> str:
    size, height = boxes[0] * boxes[1], boxes[0]
    rows = [" ".join(signs[i : i + size]) for i in range(0, size * size, size)]
    bands = ["\n".join(rows[i : i + height]) for i in range(0, size, height)]
    return f"\n{'-' * (2 * size - 1)}\n".join(bands)


def gaps(signs: list[str], boxes: Shape) -> str:
    """Nothing but room between the boxes."""
    return "\n\n".join(
        "\n".join(row.replace("|", "  ") for row in band.split("\n"))
        for band in _bands(only_bars(signs, boxes).split("\n"), boxes[0])
    )


def _bands(rows: list[str], height: int) -> list[str]:
    return ["\n".join(rows[i : i + height]) for i in range(0, len(rows), height)]


def slashes(signs: list[str], boxes: Shape) -> str:
    return only_bars(signs, boxes).replace("\n", "/")


def flat(signs: list[str], boxes: Shape) -> str:
    """A drawing that a shell has put on one line."""
    return " ".join(WITH_BOXES["plus"](signs, boxes).split())


WITH_BOXES: dict[str, Draw] = {
    "plus": bars("|", "-", "+"),
    "tight": bars("|", "-", "+", space=""),
    "unicode": bars("┃", "━", "╋"),
    "no frame": bars("|", "-", "+", frame=False),
    "double": bars("‖", "=", "="),
    "double bars": bars("||", "=", "++"),
    "cells, heavy": framed_cells("│", "┃", "─", "━"),
    "cells, double": framed_cells("|", "║", "-", "="),
    "only bars": only_bars,
    "only rules": only_rules,
    "gaps": gaps,
    "slashes": slashes,
    "flat": flat,
}
"""Drawings that show the boxes."""

SHAPES: list[Shape] = [*BOX_SHAPES.values(), (3, 2)]


@st.composite
def valid(draw: st.DrawFn, shapes: list[Shape] = SHAPES) -> tuple[Cells, Shape]:
    """Part of a solved grid, so that no givens contradict each other, and its boxes."""
    boxes = draw(st.sampled_from(shapes))
    height, width = boxes
    size = height * width
    row, column = np.mgrid[:size, :size]
    solved = (row % height * width + row // height + column) % size
    task = sudoku_task(boxes)
    tokens = task.codec.encode((solved + 1)[None])
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    full: Cells = task.codec.decode(task.views.symmetries((size, size), 1, rng).apply(tokens), (size, size))[
        0
    ]
    full[rng.random(full.shape) < draw(st.sampled_from([0.0, 0.3, 0.6, 0.9]))] = 0
    return full, boxes


def signs_of(cells: Cells, symbols: str = ".123456789ABCDEFG") -> list[str]:
    return [symbols[value] for value in cells.ravel().tolist()]
