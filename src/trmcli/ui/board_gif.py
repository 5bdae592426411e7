"""Boards as a GIF that plays again and again, or one of them as PNG, drawn by Pillow, which is an extra.

All moments of a GIF share one palette: the exact colours of the cells, and between each ink and its paper the
shades that make letters smooth.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.ui.palette import Color
from trmcli.ui.storyboard import DIM, THICK, THIN, WHITE, Moment, Storyboard, Tile

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

Pixels = npt.NDArray[np.uint8]

_SHADES = (0.25, 0.5, 0.75)
_DOT: Color = (182, 188, 200)
_MOST_COLORS = 255
"""One of the 256 is left for what stays as it was from one moment to the next."""


def check_pillow(suffix: str, option: str) -> None:
    """Raise InputError unless Pillow is there."""
    if find_spec("PIL") is None:
        name = suffix.removeprefix(".")
        raise InputError(f"a {name.upper()} needs Pillow: pip install 'trmcli[{name}]'", option)


def board_png(board: Storyboard) -> bytes:
    """A PNG file of the last moment."""
    file = io.BytesIO()
    *_, picture = _pictures(board)
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def board_gif(board: Storyboard) -> bytes:
    """A GIF file."""
    from PIL import Image

    palette = _Palette(_colors(board))
    frames = []
    for picture in _pictures(board):
        frame = Image.fromarray(palette.nearest(np.asarray(picture)))
        frame.putpalette(palette.flat)
        frames.append(frame)
    file = io.BytesIO()
    durations = [round(moment.seconds * 100) * 10 for moment in board.moments]
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=0,
        optimize=True,  # what stays as it was is left out
        comment=board.title.encode(),
    )
    return file.getvalue()


def _pictures(board: Storyboard) -> Iterator[Picture]:
    """The moments, drawn one over the other on the same canvas."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", board.size, WHITE)
    pen = ImageDraw.Draw(picture)
    shown: list[Tile | None] = [None] * len(board.moments[0].tiles)
    for moment in board.moments:
        for cell, tile in enumerate(moment.tiles):
            if tile != shown[cell]:
                _draw_tile(pen, board, cell, tile)
                shown[cell] = tile
        _draw_lines(pen, board)
        _draw_said(pen, board, moment)
        yield picture


@cache
def font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _draw_tile(pen: ImageDraw, board: Storyboard, cell: int, tile: Tile) -> None:
    (x, y), side = board.place(cell), board.side
    pen.rectangle((x, y, x + side - 1, y + side - 1), fill=tile.paper)
    middle = x + side / 2, y + side / 2
    if tile.wrong:
        pen.polygon(board.cut(cell), fill=WHITE)
    if tile.changed:
        pen.line(board.hook(cell), WHITE if tile.wrong else DIM, 2)
    if tile.blank:
        _dot(pen, *middle, 2, _DOT)
    if tile.text and side >= 8:
        thick = side // 40 if tile.bold else 0
        pen.text(
            middle,
            tile.text,
            fill=tile.ink,
            font=font(side * 0.58),
            anchor="mm",
            stroke_width=thick,
            stroke_fill=tile.ink,
        )
    if tile.doubt:
        _dot(pen, x + side * 0.86, y + side * 0.16, 2, tile.ink)
    if tile.supposed:
        pen.line((x + side // 4, y + side * 0.88, x + side * 3 // 4, y + side * 0.88), tile.ink)


def _dot(pen: ImageDraw, x: float, y: float, radius: float, color: Color) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _draw_lines(pen: ImageDraw, board: Storyboard) -> None:
    for lines, color, wide in zip(board.lines, (THIN, THICK), (1, 2), strict=True):
        for x, y, right, down in lines:
            pen.line((x, y, x + right, y + down), color, wide)


def _draw_said(pen: ImageDraw, board: Storyboard, moment: Moment) -> None:
    across, down = board.size
    (upper, lower), (large, small) = board.baselines, board.letters
    pen.rectangle((0, upper - large, across, down), fill=WHITE)
    for text, size, y, color in ((moment.head, large, upper, THICK), (moment.tail, small, lower, DIM)):
        pen.text((across / 2, y), text, fill=color, font=font(size), anchor="ms")


def _colors(board: Storyboard) -> list[Color]:
    """The palette, colours of the cells first."""
    looks = {tile for moment in board.moments for tile in moment.tiles}
    pairs = {(THICK, WHITE), (DIM, WHITE)} | {(tile.ink, tile.paper) for tile in looks if tile.text}
    exact = dict.fromkeys([WHITE, THIN, THICK, _DOT, *sorted({tile.paper for tile in looks})])
    exact.update(dict.fromkeys(ink for ink, _ in sorted(pairs)))
    for ink, paper in sorted(pairs):
        for share in _SHADES:
            exact[_between(paper, ink, share)] = None
    return list(exact)[:_MOST_COLORS]


def _between(one: Color, other: Color, share: float) -> Color:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class _Palette:
    """Finds for each pixel the nearest of a few colours; what was found once is looked up."""

    def __init__(self, colors: Sequence[Color]) -> None:
        self.colors = np.array(colors, dtype=np.int64)
        self._known = np.full(1 << 24, -1, dtype=np.int16)  # by red, green and blue

    @property
    def flat(self) -> bytes:
        return self.colors.astype(np.uint8).tobytes()

    def nearest(self, pixels: Pixels) -> Pixels:
        """``[height, width]`` numbers of colours, of ``[height, width, 3]`` pixels."""
        wide = pixels.astype(np.int32)
        codes = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
        found = self._known[codes]
        if (found < 0).any():
            strange = np.unique(codes[found < 0])
            colors = strange[:, None] >> np.array([16, 8, 0]) & 255
            distance = ((colors[:, None, :] - self.colors[None]) ** 2).sum(axis=2)
            self._known[strange] = distance.argmin(axis=1)
            found = self._known[codes]
        numbers: Pixels = found.astype(np.uint8)
        return numbers
