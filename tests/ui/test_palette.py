"""Text can be read on every paper that it may stand on, by the tables themselves and as it is drawn."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from rich.color import ANSI_COLOR_NAMES, Color
from rich.console import Console, RenderableType
from rich.segment import Segment

from trmcli.errors import Origin
from trmcli.solving.adapted import Progress
from trmcli.tasks.arc.task import ArcTask, Pair
from trmcli.training.config import load_config
from trmcli.training.journal import Evaluation, Interval
from trmcli.training.sample import Sample
from trmcli.ui.arc_live import TaskView
from trmcli.ui.background import by_answer, by_environment
from trmcli.ui.dashboard import Dashboard
from trmcli.ui.palette import PALETTES, PAPERS, Depth, Terminal, palette_of

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


class Paper(Terminal):
    """A terminal of 120x40 with a theme and so many colours."""

    def __init__(self, theme: Literal["dark", "light"], depth: Depth) -> None:
        system = "standard" if depth == "16" else depth
        Console.__init__(
            self,
            file=io.StringIO(),
            force_terminal=True,
            width=120,
            height=40,
            color_system=None if depth == "none" else system,  # type: ignore[arg-type]
            _environ={},
        )
        self.paper = theme


Views = Callable[[Console], Iterator[RenderableType]]


def training(console: Console) -> Iterator[RenderableType]:
    """The panel of a run, before and after an evaluation with right, wrong and open cells."""
    answer = tuple(number % 3 for number in range(81))
    sample = Sample((9, 9), (5,) + (0,) * 80, answer, tuple(range(3, 81, 2)), 16)
    maze = Sample(
        (3, 4), (1, 1, 1, 1, 2, 0, 0, 3, 1, 0, 0, 1), (1, 1, 1, 1, 2, 4, 0, 3, 1, 4, 0, 1), (6, 9), 2
    )
    for task, shown in (("sudoku-small", sample), ("maze-small", maze)):
        dashboard = Dashboard(load_config(task), Path("runs/x"), console=console)
        yield dashboard.drawing()
        dashboard.progressed(Interval(50, 5.0, 2.0, 1.0, 0.5, 0.9, 0.1, 7.5, 1e-3, 1.0, 320.0))
        dashboard.evaluated(Evaluation(50, 5.0, 0.5, 6.25, 0.875, True, shown))
        yield dashboard.drawing()


def arc(console: Console) -> Iterator[RenderableType]:
    """The view of an ARC task: nothing yet, demonstrations, and an answer in doubt; all colours marked."""
    every = np.arange(10, dtype=np.uint8).reshape(2, 5)
    task = ArcTask("turn", (Pair(every, every),), (every,), None, Origin("turn.json"))
    view = TaskView(console, task, "turn", 60.0, fps=0)
    yield view.content()
    doubt = np.full(every.shape, 0.5, np.float32)
    view.update(Progress(1, "fitting", 0.25, (False,), ((every + 1) % 10,), 0, 1.0, (doubt,)))
    yield view.content()
    view.update(Progress(1, "answering", 0.25, (True,), (every,), 1, 1.0, (doubt,)))
    yield view.content()


DRAWN_WITH = frozenset("█▓▒▀▄━─╺╸╹╻┃┏┓┗┛┣┫┳┻╋│╭╮╰╯▁▔▕▏▂▃▅▆▇█# .·")
"""Signs that are no text: blocks, bars, borders, curves, and dots for what is not there."""


@pytest.mark.parametrize("views", [training, arc])
@pytest.mark.parametrize("depth", ["truecolor", "256", "16"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_training_and_arc_draw_can_be_read(
    theme: Literal["dark", "light"], depth: Depth, views: Views
) -> None:
    console, weak, read = Paper(theme, depth), set(), 0
    for view in views(console):
        for segment in console.render(view):
            if set(segment.text) <= DRAWN_WITH or "\n" in segment.text:
                continue
            read += 1
            inks, papers = drawn(segment, console, theme, depth)
            weak |= {
                (segment.text, ink, paper, round(contrast(ink, paper, sixteen), 2))
                for ink, paper in product(inks, papers)
                for sixteen in ((XTERM, VGA) if depth == "16" else (XTERM,))
                if contrast(ink, paper, sixteen) < 4.5
            }
    assert read > 20 and not weak


def drawn(segment: Segment, console: Console, theme: str, depth: Depth) -> tuple[list[str], list[str]]:
    """The ink of a piece of text and the papers that it may stand on, as the terminal has them; the
    terminal's own ink is taken for readable."""
    style = segment.style
    if style is None or style.color is None or style.color.is_default:
        return [], []
    assert not style.dim, segment  # how dim that is, nobody knows
    system = console._color_system
    assert system is not None
    ink = style.color.downgrade(system)
    if style.bgcolor is None:
        return [named(ink)], list(PAPERS[theme][depth])
    return [named(ink)], [named(style.bgcolor.downgrade(system))]


def named(color: Color) -> str:
    """By its number among sixteen, or by its parts."""
    names = {number: name for name, number in reversed(ANSI_COLOR_NAMES.items())}
    if color.number is not None and color.number < 16:
        return names[color.number]
    red, green, blue = color.get_truecolor()
    return f"rgb({red},{green},{blue})"


@pytest.mark.parametrize("views", [training, arc])
def test_without_colours_they_have_none(views: Views) -> None:
    console = Paper("light", "none")
    for view in views(console):
        with console.capture() as shown:
            console.print(view)
        assert "[3" not in shown.get().replace("[3m", "") and "[4" not in shown.get().replace("[4m", "")


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
