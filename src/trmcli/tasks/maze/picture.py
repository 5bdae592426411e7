"""Mazes drawn as PNG.

A cell is a pixel, or a block of k x k pixels: k is the largest number that divides every run of one colour,
in rows and columns alike. S and G are one cell each, so that blocks of different sizes are noticed. Lines of
one pixel between the blocks are taken out where they have a colour that nothing else has.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any, BinaryIO, NoReturn

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Bools, Cells, Ints
from trmcli.tasks.maze.grid import LARGEST_SIDE

_COLOURS = {"#": (0, 0, 0), ".": (255, 255, 255), "S": (0, 255, 0), "G": (255, 0, 0), "o": (0, 0, 255)}
_NAMES = ("black", "white", "green", "red", "blue")
_WALL, _OPEN, _START, _GOAL, _PATH = range(5)
_STRANGE = 5
_ALIKE = 96
"""How far each of red, green and blue may be from a colour's own."""
_LARGEST_PICTURE = 4096
"""Pixels of a side, so that it can be looked at in a second and 400 MiB."""
_USE = "use black for walls, white for open cells, green for S, red for G and blue for a path"


def picture_lines(file: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a maze that is drawn as PNG: black walls, white or transparent open cells, S green, G red,
    and the path, if it is drawn in, blue. It needs Pillow, the extra ``png``.

    Raises:
        InputError: Pillow is not installed, or the picture is damaged, too large, or no maze.
    """
    picture = _without_lines(_Picture.read(file, name))
    strange = np.argwhere(picture.signs == _STRANGE)
    if len(strange):
        picture.fail_at(*strange[0].tolist())
    cells = picture.scaled()
    height, width = cells.shape
    if max(cells.shape) > LARGEST_SIDE:
        most = f"at most {LARGEST_SIDE}x{LARGEST_SIDE}"
        what = "pixels is too large: " + most + ", one a cell"
        if picture.signs.shape != cells.shape:
            what = "cells is too large: " + most
        raise InputError(f"a maze of {height}x{width} {what}", name)
    for value in (_START, _GOAL):
        places = np.argwhere(cells == value)
        if len(places) > 1 and np.ptp(places, axis=0).max() < len(places):  # side by side
            size = f"{picture.step}x{picture.step}"
            message = (
                f"the {_NAMES[value]} covers {len(places)} blocks of {size} pixels, the largest that fit the "
                "picture: make all cells blocks of one size, S and G one each"
            )
            picture.fail(message, *(places[0] * picture.step).tolist())
    if (cells == _START).any() != (cells == _GOAL).any():
        lost = _GOAL if (cells == _START).any() else _START
        raise InputError(f"has no {_NAMES[lost]} cell: {_USE}", name)
    if not np.isin(cells, (_WALL, _START, _GOAL)).any():
        raise InputError(f"is a picture without a maze: {_USE}", name)
    signs = np.array(list(_COLOURS))[cells]
    yield from ("".join(row) + "\n" for row in signs.tolist())


@dataclass(frozen=True)
class _Picture:
    """A picture by its different colours.

    Attributes:
        colours: ``[n, 3]``, red, green and blue from 0 to 255.
        pixels: ``[height, width]``, which of them each pixel has.
        rows, columns: where in the file these pixels stand.
    """

    name: str
    colours: Ints
    pixels: Ints
    rows: Ints
    columns: Ints

    @staticmethod
    def read(file: BinaryIO, name: str) -> _Picture:
        try:
            from PIL import Image
        except ImportError:
            raise InputError("is a picture: to read it, pip install 'trmcli[png]'", name) from None
        most = f"at most {_LARGEST_PICTURE}x{_LARGEST_PICTURE}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # it is refused below
                image = Image.open(file, formats=["PNG"])
            with image:
                height, width = image.height, image.width
                if max(height, width) > _LARGEST_PICTURE:
                    raise InputError(f"a picture of {height}x{width} pixels is too large: {most}", name)
                packed, inverse = np.unique(_rgba(image).view("<u4"), return_inverse=True)
        except Image.DecompressionBombError:
            raise InputError(f"this picture is too large: {most}", name) from None
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"is not a whole PNG file: {error}", name) from None
        rgba = packed.astype("<u4").view(np.uint8).reshape(-1, 4).astype(np.int64)
        alpha = rgba[:, 3:]
        colours = (rgba[:, :3] * alpha + 255 * (255 - alpha)) // 255  # on white paper
        return _Picture(name, colours, inverse.reshape(height, width), np.arange(height), np.arange(width))

    @cached_property
    def signs(self) -> Cells:
        """``[height, width]``: the sign of each pixel."""
        away = np.abs(self.colours[:, None] - np.array(list(_COLOURS.values()))).max(axis=-1)
        signs = np.where(away.min(axis=-1) > _ALIKE, _STRANGE, away.argmin(axis=-1)).astype(np.uint8)
        return signs[self.pixels]

    @cached_property
    def step(self) -> int:
        """Pixels of a cell's side."""
        signs = self.signs
        borders = [*signs.shape]
        borders += (np.flatnonzero((signs[1:] != signs[:-1]).any(axis=1)) + 1).tolist()
        borders += (np.flatnonzero((signs[:, 1:] != signs[:, :-1]).any(axis=0)) + 1).tolist()
        return gcd(*borders)

    def scaled(self) -> Cells:
        """``[height, width]``: the sign of each cell."""
        step = self.step
        return self.signs[::step, ::step]

    def kept(self, rows: Bools, columns: Bools) -> _Picture:
        """The picture with these rows and columns alone."""
        pixels = self.pixels[rows][:, columns]
        return _Picture(self.name, self.colours, pixels, self.rows[rows], self.columns[columns])

    def fail(self, message: str, row: int, column: int) -> NoReturn:
        origin = Origin(self.name, int(self.rows[row]) + 1)
        raise InputError(message, origin, int(self.columns[column]) + 1)

    def fail_at(self, row: int, column: int) -> NoReturn:
        """Say what is wrong with a pixel."""
        colour = self.colours[self.pixels[row, column]]
        text = "#" + "".join(f"{value:02x}" for value in colour.tolist())
        around = np.unique(self.signs[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2])
        known = [sign for sign in around.tolist() if sign != _STRANGE]
        for number, one in enumerate(known):
            for other in known[number + 1 :]:
                if _is_mixed(colour, one, other):
                    message = f"the pixel {text} is between {_NAMES[one]} and {_NAMES[other]}"
                    self.fail(f"{message}: save the picture without smooth edges (antialiasing)", row, column)
        self.fail(f"the pixel {text} is not a part of a maze: {_USE}", row, column)


def _rgba(image: Any) -> npt.NDArray[np.uint8]:
    """``[height, width, 4]`` of a Pillow image of any mode."""
    if image.mode.startswith("I"):  # 16 bits of grey, of which Pillow would cut the upper ones off
        grey = np.asarray(image).astype(np.int64)
        alpha = np.where(grey == image.info.get("transparency", -1), 0, 255)
        return np.stack([grey >> 8] * 3 + [alpha], axis=-1).astype(np.uint8)
    return np.ascontiguousarray(np.asarray(image.convert("RGBA")))


def _is_mixed(colour: Ints, one: int, other: int) -> bool:
    """Whether a colour is on the way from one of the maze's colours to another."""
    first, second = (np.array(list(_COLOURS.values())[sign]) for sign in (one, other))
    way = second - first
    share = float(np.clip(np.dot(colour - first, way) / np.dot(way, way), 0, 1))
    return bool(np.abs(first + share * way - colour).max() <= _ALIKE // 2)


def _without_lines(picture: _Picture) -> _Picture:
    """Take out lines of one pixel that divide the picture evenly, and whose colour nothing else has."""
    for colour in range(min(len(picture.colours), 64)):
        mask = picture.pixels == colour
        rows, columns = mask.all(axis=1), mask.all(axis=0)
        if not np.array_equal(mask, rows[:, None] | columns):
            continue
        gaps = {int(gap) for lines in (rows, columns) for gap in np.diff(np.flatnonzero(lines))}
        if min(rows.sum(), columns.sum()) > 2 and len(gaps) == 1 and gaps != {1}:
            return picture.kept(~rows, ~columns)
    return picture
