"""Charts as PNG: the SVG document, drawn by Pillow, the extra ``trmcli[png]``.

It knows what :mod:`trmcli.ui.plots_svg` writes, and nothing else of SVG: groups that are moved, rectangles,
circles, lines, and text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from trmcli.ui.board_gif import font

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Point = tuple[float, float]

_SCALE = 2
"""Pixels of the picture for one of the document, for screens that are dense."""
_FINE = 2
"""Lines are drawn so many times as large, and made smooth when the picture is made smaller."""
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def png(document: str) -> bytes:
    """The file, of what :func:`trmcli.ui.plots_svg.svg` gives."""
    from PIL import Image, ImageDraw

    root = ElementTree.fromstring(document)
    size = round(float(root.get("width", 0))), round(float(root.get("height", 0)))
    whole = Image.new("RGB", (size[0] * _SCALE * _FINE, size[1] * _SCALE * _FINE), "#ffffff")
    letters = float(root.get("font-size", 12))
    _Pen(ImageDraw.Draw(whole), letters).draw(root, (0.0, 0.0))
    file = io.BytesIO()
    whole.resize((size[0] * _SCALE, size[1] * _SCALE), Image.Resampling.LANCZOS).save(
        file, "PNG", optimize=True
    )
    return file.getvalue()


class _Pen:
    """Draws elements, each in the document's own pixels."""

    def __init__(self, pen: ImageDraw, letters: float) -> None:
        self.pen, self.letters, self.scale = pen, letters, _SCALE * _FINE

    def draw(self, parent: ElementTree.Element, corner: Point) -> None:
        for element in parent:
            name, has = element.tag.rpartition("}")[2], element.attrib
            if name == "g":
                across, down = map(float, re.findall(r"[\d.]+", has["transform"]))
                self.draw(element, (corner[0] + across, corner[1] + down))
            elif name == "text":
                self._text(element.text or "", has, corner)
            elif name == "circle":
                (x, y), radius = (
                    self._at(corner, float(has["cx"]), float(has["cy"])),
                    float(has["r"]) * self.scale,
                )
                self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=has["fill"])
            elif name == "rect" and "x" in has:  # the page itself is white already
                x, y = self._at(corner, float(has["x"]), float(has["y"]))
                right, below = x + float(has["width"]) * self.scale, y + float(has["height"]) * self.scale
                edge = has.get("stroke")
                self.pen.rectangle((x, y, right, below), fill=has["fill"], outline=edge, width=self.scale)
            elif name == "polyline":
                points = [tuple(map(float, pair.split(","))) for pair in has["points"].split()]
                self._line([self._at(corner, x, y) for x, y in points], has)
            elif name == "path":
                self._line([self._at(corner, x, y) for x, y in _path(has["d"])], has)

    def _at(self, corner: Point, x: float, y: float) -> Point:
        return (corner[0] + x) * self.scale, (corner[1] + y) * self.scale

    def _text(self, text: str, has: Mapping[str, str], corner: Point) -> None:
        size = float(has.get("font-size", self.letters)) * self.scale
        self.pen.text(
            self._at(corner, float(has["x"]), float(has["y"])),
            text,
            fill=has["fill"],
            font=font(size),
            anchor=_ANCHORS[has.get("text-anchor", "start")],
            stroke_width=round(size / 40) if has.get("font-weight") else 0,
        )

    def _line(self, points: Sequence[Point], has: Mapping[str, str]) -> None:
        width = round(float(has.get("stroke-width", 1)) * self.scale)
        colour = _faded(has["stroke"], float(has.get("stroke-opacity", 1)))
        dash = float(has.get("stroke-dasharray", 0)) * self.scale
        for piece in _dashes(points, dash) if dash else [points]:
            self.pen.line([*piece], colour, width, joint="curve")


def _path(data: str) -> list[Point]:
    """The places of one line that begins with ``M`` and goes on with ``h``, ``V`` or ``L``."""
    places: list[Point] = []
    for command, numbers in re.findall(r"([MLVh])([^MLVh]*)", data):
        values = [float(number) for number in numbers.split()]
        x, y = places[-1] if places else (0.0, 0.0)
        if command in "ML":
            x, y = values
        elif command == "V":
            y = values[0]
        else:
            x += values[0]
        places.append((x, y))
    return places


def _dashes(points: Sequence[Point], length: float) -> list[list[Point]]:
    """A straight line in pieces, as far apart as they are long."""
    (x, y), (right, below) = points
    count = max(1, round(((right - x) ** 2 + (below - y) ** 2) ** 0.5 / length))
    places = [(x + (right - x) * n / count, y + (below - y) * n / count) for n in range(count + 1)]
    return [places[n : n + 2] for n in range(0, count, 2)]


def _faded(colour: str, opacity: float) -> tuple[int, int, int]:
    """A colour over white."""
    from PIL import ImageColor

    red, green, blue = ImageColor.getrgb(colour)[:3]
    red, green, blue = (round(255 + (channel - 255) * opacity) for channel in (red, green, blue))
    return red, green, blue
