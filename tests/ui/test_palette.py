"""Text can be read on every paper that it may stand on, by the tables themselves."""

from __future__ import annotations

from itertools import product

import pytest
from rich.color import ANSI_COLOR_NAMES, Color
from rich.console import Console

from trmcli.ui.background import by_answer, by_environment
from trmcli.ui.palette import PALETTES, PAPERS, Depth, palette_of

XTERM = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205),
    (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255),
    (0, 255, 255), (255, 255, 255),
)  # fmt: skip
VGA = tuple(
    tuple((170 if number >> bit & 1 else 0) + (85 if number >= 8 else 0) for bit in range(3))
    for number in range(16)
)
"""What the 16 colours look like in xterm, and in the console of Linux."""


def light(name: str, sixteen: tuple[tuple[int, ...], ...]) -> float:
    """Relative luminance, WCAG 2.2."""
    number = ANSI_COLOR_NAMES.get(name)
    triplet = Color.parse(name).get_truecolor() if number is None else sixteen[number]
    parts = [part / 255 for part in triplet]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(ink: str, paper: str, sixteen: tuple[tuple[int, ...], ...]) -> float:
    lights = sorted((light(ink, sixteen), light(paper, sixteen)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize(("theme", "depth"), [*product(("dark", "light"), ("truecolor", "256", "16"))])
def test_text_has_a_contrast_of_at_least_four_and_a_half(theme: str, depth: Depth) -> None:
    palette, shares = PALETTES[theme][depth], [number / 100 for number in range(101)]
    ramp = {palette.name(share) for share in shares}
    inks = {*ramp, palette.label, palette.accent, palette.second, palette.good, palette.bad}
    papers = {*PAPERS[theme][depth], palette.changed, palette.field} - {None}
    pairs = {*product(inks, papers), (palette.on_wrong, palette.wrong)}
    pairs |= {(palette.on_ramp, paper) for paper in (*ramp, palette.accent)}
    weak = {
        (ink, paper, round(contrast(str(ink), str(paper), sixteen), 2))
        for ink, paper in pairs
        for sixteen in ((XTERM, VGA) if depth == "16" else (XTERM,))
        if contrast(str(ink), str(paper), sixteen) < 4.5
    }
    assert not weak


def test_contrast_is_what_wcag_says() -> None:
    assert contrast("rgb(0,0,0)", "rgb(255,255,255)", XTERM) == pytest.approx(21)
    assert contrast("rgb(119,119,119)", "rgb(255,255,255)", XTERM) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_each_depth_keeps_to_its_own_colours(theme: str) -> None:
    for depth, palette in PALETTES[theme].items():
        names = [
            *palette.ramp,
            *(value for key, value in vars(palette).items() if key not in ("ramp", "depth")),
        ]
        for name in filter(None, names):
            assert {"truecolor": "rgb(", "256": "color("}.get(depth, "") in name
            assert depth != "16" or ANSI_COLOR_NAMES[name] < 16
            assert depth != "none"


def test_without_colours_nothing_is_coloured() -> None:
    plain = Console(force_terminal=True, no_color=True)
    for style in (
        palette_of(plain).conflict,
        palette_of(plain).fresh,
        palette_of(plain).mark,
        palette_of(plain).ink(0),
    ):
        assert style.color is None and style.bgcolor is None
        assert style.bold or style.italic or style.dim


@pytest.mark.parametrize(
    ("said", "is_light"),
    [
        ("15;0", False),
        ("0;15", True),
        ("0;default;7", True),
        ("12;8", False),
        ("", None),
        ("0;default", None),
    ],
)
def test_the_environment_may_say_it(said: str, is_light: bool | None) -> None:
    assert by_environment(said) is is_light


@pytest.mark.parametrize(
    ("answer", "is_light"),
    [
        ("\x1b]11;rgb:ffff/ffff/dddd\x1b\\\x1b[?62;c", True),
        ("\x1b]11;rgb:1e/1e/2e\x07", False),
        ("\x1b]11;rgba:0000/0000/0000/ffff\x1b\\", False),
        ("\x1b[?1;2c", None),
        ("", None),
    ],
)
def test_the_terminal_may_say_it(answer: str, is_light: bool | None) -> None:
    assert by_answer(answer) is is_light
