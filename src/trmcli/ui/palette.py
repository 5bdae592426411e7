"""The colours of the terminal, all of them: for dark and light papers, and for as many colours as it has.

Text in each of these inks has a contrast of at least 4.5:1 (WCAG 2.2, 1.4.3) on each paper that it may stand
on; a test computes it from these tables. What the colours say, signs or attributes say as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from rich.color import Color as RichColor
from rich.console import Console
from rich.style import Style

Color = tuple[int, int, int]
Theme = Literal["auto", "dark", "light"]
Depth = Literal["truecolor", "256", "16", "none"]

RAMP: tuple[Color, ...] = ((160, 168, 186), (232, 156, 92), (226, 200, 96), (72, 199, 142))
"""Confidence from low to high on dark paper: slate, orange, yellow, green."""
LOWEST = 0.3
"""Confidence at and below which a cell has the first colour of the ramp."""


@lru_cache(1024)
def ramp_color(confidence: float, ramp: tuple[Color, ...] = RAMP) -> Color:
    """The colour of a probability between 0 and 1."""
    place = _place(confidence) * (len(ramp) - 1)
    index = min(int(place), len(ramp) - 2)
    share = place - index
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(ramp[index], ramp[index + 1], strict=True))
    return red, green, blue


def rgb(color: Color) -> str:
    """As rich and SVG write it."""
    return f"rgb({color[0]},{color[1]},{color[2]})"


def luminance(color: Color) -> float:
    """Relative luminance from 0 to 1, WCAG 2.2."""
    parts = [part / 255 for part in color]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _place(confidence: float) -> float:
    return min(max((confidence - LOWEST) / (1 - LOWEST), 0.0), 1.0)


@dataclass(frozen=True)
class Palette:
    """The inks and papers of one theme in one depth, as rich names colours; None for the terminal's own.

    Attributes:
        ramp: inks of confidence, from low to high; in truecolor what lies between two of them is mixed.
        label: the ink of what explains.
        accent, second: inks of bars, and of the places where a path starts and where it ends.
        good, bad: inks of verdicts.
        line, wall, rest: of borders, of blocks, and of what is left of a bar; no text is written in them.
        changed: the paper of cells that are new.
        field: the paper of every second cell with pencil marks.
        wrong: the paper of cells that break a rule, and ``on_wrong`` the ink on it.
        on_ramp: the ink of signs on a paper of the ramp or of an accent.
    """

    ramp: tuple[str | None, ...] = (None,)
    label: str | None = None
    accent: str | None = None
    second: str | None = None
    good: str | None = None
    bad: str | None = None
    line: str | None = None
    wall: str | None = None
    rest: str | None = None
    changed: str | None = None
    field: str | None = None
    wrong: str | None = None
    on_wrong: str | None = None
    on_ramp: str | None = None
    depth: Depth = "truecolor"

    def name(self, confidence: float) -> str | None:
        """The colour of a probability between 0 and 1."""
        if self.depth == "truecolor":
            return rgb(ramp_color(round(confidence, 2), tuple(map(_triplet, self.ramp))))
        return self.ramp[round(_place(confidence) * (len(self.ramp) - 1))]

    def ink(self, confidence: float) -> Style:
        """Text of that confidence; without colours cells in deep doubt are dim."""
        return _ink(self.name(confidence), self.depth == "none" and confidence < 0.5)

    def paper(self, confidence: float) -> Style:
        """A piece of a way of that confidence, and a sign on it."""
        return Style(color=self.on_ramp, bgcolor=self.name(confidence))

    @property
    def conflict(self) -> Style:
        """A cell that breaks a rule."""
        return Style(color=self.on_wrong, bgcolor=self.wrong, bold=True, reverse=self.depth == "none")

    @property
    def fresh(self) -> Style:
        """A cell that is new."""
        return Style(bgcolor=self.changed, italic=True)

    @property
    def mark(self) -> Style:
        """The sign of a place, such as a start."""
        return Style(color=self.on_ramp, bgcolor=self.accent, bold=True, reverse=self.depth == "none")


GIVEN = Style(bold=True)
SUPPOSED = Style(underline=True)


@cache
def _ink(name: str | None, dim: bool) -> Style:
    return Style(color=name, dim=dim or None)


@cache
def _triplet(name: str | None) -> Color:
    return tuple(RichColor.parse(name or "default").get_truecolor())  # type: ignore[return-value]


PAPERS: dict[str, dict[Depth, tuple[str, ...]]] = {
    "dark": {
        "truecolor": ("rgb(0,0,0)", "rgb(30,30,30)", "rgb(40,44,52)"),
        "256": ("rgb(0,0,0)", "rgb(30,30,30)", "rgb(40,44,52)"),
        "16": ("rgb(0,0,0)",),
        "none": (),
    },
    "light": {
        "truecolor": ("rgb(255,255,255)", "rgb(253,246,227)", "rgb(240,240,240)"),
        "256": ("rgb(255,255,255)", "rgb(253,246,227)", "rgb(240,240,240)"),
        "16": ("rgb(255,255,255)",),
        "none": (),
    },
}
"""The terminals' own papers that the inks are made for; with 16 colours black and white."""

_NONE = Palette(depth="none")

PALETTES: dict[str, dict[Depth, Palette]] = {
    "dark": {
        "truecolor": Palette(
            ramp=tuple(map(rgb, RAMP)),
            label="rgb(160,168,186)",
            accent="rgb(124,170,244)",
            second="rgb(208,156,250)",
            good="rgb(72,199,142)",
            bad="rgb(240,136,144)",
            line="rgb(104,114,134)",
            wall="rgb(84,92,110)",
            rest="rgb(76,84,102)",
            changed="rgb(44,52,76)",
            field="rgb(36,40,50)",
            wrong="rgb(190,48,62)",
            on_wrong="rgb(255,255,255)",
            on_ramp="rgb(16,20,28)",
        ),
        "256": Palette(
            ramp=("color(249)", "color(215)", "color(221)", "color(79)"),
            label="color(248)",
            accent="color(111)",
            second="color(177)",
            good="color(79)",
            bad="color(210)",
            line="color(242)",
            wall="color(240)",
            rest="color(239)",
            changed="color(17)",
            field="color(235)",
            wrong="color(160)",
            on_wrong="color(231)",
            on_ramp="color(16)",
            depth="256",
        ),
        "16": Palette(
            ramp=("bright_magenta", "bright_yellow", "bright_cyan", "bright_green"),
            label="white",
            accent="bright_cyan",
            second="bright_magenta",
            good="bright_green",
            bad="bright_red",
            line="bright_black",
            wall="white",
            rest="bright_black",
            changed=None,
            field=None,
            wrong="red",
            on_wrong="bright_white",
            on_ramp="black",
            depth="16",
        ),
        "none": _NONE,
    },
    "light": {
        "truecolor": Palette(
            ramp=("rgb(86,92,106)", "rgb(152,62,4)", "rgb(112,80,0)", "rgb(0,92,56)"),
            label="rgb(86,92,106)",
            accent="rgb(24,84,184)",
            second="rgb(120,44,180)",
            good="rgb(0,92,56)",
            bad="rgb(168,24,44)",
            line="rgb(140,148,164)",
            wall="rgb(92,100,116)",
            rest="rgb(190,196,208)",
            changed="rgb(222,230,250)",
            field="rgb(232,235,241)",
            wrong="rgb(186,28,44)",
            on_wrong="rgb(255,255,255)",
            on_ramp="rgb(255,255,255)",
        ),
        "256": Palette(
            ramp=("color(241)", "color(94)", "color(58)", "color(22)"),
            label="color(241)",
            accent="color(25)",
            second="color(90)",
            good="color(22)",
            bad="color(124)",
            line="color(245)",
            wall="color(241)",
            rest="color(250)",
            changed="color(195)",
            field="color(255)",
            wrong="color(160)",
            on_wrong="color(231)",
            on_ramp="color(231)",
            depth="256",
        ),
        "16": Palette(
            ramp=("red", "magenta", "blue", "black"),
            label="black",
            accent="blue",
            second="magenta",
            good="blue",
            bad="red",
            line="bright_black",
            wall="bright_black",
            rest="white",
            changed=None,
            field=None,
            wrong="red",
            on_wrong="bright_white",
            on_ramp="bright_white",
            depth="16",
        ),
        "none": _NONE,
    },
}


class Terminal(Console):
    """A console that knows how light its paper is."""

    def __init__(self, theme: Theme = "dark", stderr: bool = False) -> None:
        super().__init__(stderr=stderr, emoji=False)  # a file may be called :x:.txt
        if theme == "auto":
            from trmcli.ui.background import is_light

            theme = "light" if self.is_terminal and not self.no_color and is_light() else "dark"
        self.paper = theme


def palette_of(console: Console) -> Palette:
    """What a console's theme and colours call for."""
    theme = console.paper if isinstance(console, Terminal) else "dark"
    return PALETTES[theme][depth_of(console)]


def depth_of(console: Console) -> Depth:
    """How many colours there are."""
    if console.no_color or console.color_system is None:
        return "none"
    system = console.color_system
    return "truecolor" if system == "truecolor" else "256" if system == "256" else "16"
