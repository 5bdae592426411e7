"""Mazes drawn as PNG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from trmcli.errors import InputError, Origin
from trmcli.tasks.maze.grid import LARGEST_SIDE

_COLOURS = {"#": (0, 0, 0), ".": (255, 255, 255), "S": (0, 255, 0), "G": (255, 0, 0), "o": (0, 0, 255)}
_ALIKE = 96
"""How far each of red, green and blue may be from a colour's own."""


def picture_lines(file: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a maze that is drawn as PNG, one pixel a cell: black walls, white open cells, S green, G
    red, and the path, if it is drawn in, blue. It needs Pillow, the extra ``png``.

    Raises:
        InputError: Pillow is not installed, or the picture is damaged, too large, or has other colours.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise InputError("is a picture: to read it, pip install 'trmcli[png]'", name) from None
    try:
        with Image.open(file, formats=["PNG"]) as image:
            if max(image.size) > LARGEST_SIDE:
                sizes, most = f"{image.height}x{image.width}", f"{LARGEST_SIDE}x{LARGEST_SIDE}"
                raise InputError(f"a maze of {sizes} pixels is too large: at most {most}, one a cell", name)
            pixels = np.asarray(image.convert("RGB")).astype(np.int64)
    except (OSError, SyntaxError, UnidentifiedImageError, ValueError) as error:
        raise InputError(f"is no whole PNG file: {error}", name) from None
    away = np.abs(pixels[:, :, None] - np.array(list(_COLOURS.values()))).max(axis=-1)
    strange = np.argwhere(away.min(axis=-1) > _ALIKE)
    if len(strange):
        row, column = strange[0].tolist()
        colour = "#" + "".join(f"{value:02x}" for value in pixels[row, column].tolist())
        message = f"the pixel {colour} is no part of a maze: use black, white, green for S and red for G"
        raise InputError(message, Origin(name, row + 1), column + 1)
    signs = np.array(list(_COLOURS))[away.argmin(axis=-1)]
    yield from ("".join(row) + "\n" for row in signs.tolist())
