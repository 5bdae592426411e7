"""Grids of ARC in a terminal, and the view of a task that is being learned."""

from __future__ import annotations

import io
import re
import time

import numpy as np
import pytest
from rich.console import Console

from trmcli.errors import Origin
from trmcli.solving.adapted import Adapted, Attempts, Progress
from trmcli.tasks.arc.task import ArcTask, Grid, Pair
from trmcli.ui.arc import (
    PALETTE,
    Drawing,
    Lines,
    Look,
    above,
    beside,
    differs,
    digits,
    fitted,
    grid_drawing,
    width_of,
)
from trmcli.ui.arc_live import TaskView, attempts_drawing

TRUE = Look("truecolor", ascii_only=False)
SIXTEEN = Look("16", ascii_only=False)
PLAIN = Look("none", ascii_only=False)
ASCII = Look("none", ascii_only=True)
ALL_COLOURS = np.arange(10, dtype=np.uint8).reshape(2, 5)


def terminal(columns: int = 80, rows: int = 24, colours: str | None = "truecolor") -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=columns,
        height=rows,
        color_system=colours,  # type: ignore[arg-type]
        legacy_windows=False,
    )


def text(drawing: Drawing) -> list[str]:
    return ["".join(segment.text for segment in line).rstrip() for line in drawing]


def papers(drawing: Drawing) -> list[list[str]]:
    """The background of every cell of a wide drawing."""
    return [
        [str(segment.style.bgcolor.name) for segment in line if segment.style and segment.style.bgcolor]
        for line in drawing[1:-1]
    ]


def test_cells_have_the_official_colours() -> None:
    shown = papers(grid_drawing(ALL_COLOURS, TRUE, wide=True))
    assert shown[0][1] == "rgb(0,116,217)"
    assert [name for row in shown for name in row] == [f"rgb({r},{g},{b})" for r, g, b in PALETTE]


def test_sixteen_colours_are_enough_to_tell_ten_apart() -> None:
    shown = [name for row in papers(grid_drawing(ALL_COLOURS, SIXTEEN, wide=True)) for name in row]
    assert len(set(shown)) == 10
    assert all("rgb" not in name for name in shown)


@pytest.mark.parametrize("system", ["256", "truecolor"])
def test_ten_colours_stay_ten_in_every_terminal(system: str) -> None:
    console = terminal(colours=system)
    console.print(Lines(grid_drawing(ALL_COLOURS, Look.of(console), wide=True)))
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(set(re.findall(r"48;[25];[\d;]+", written))) >= 10


def test_without_colours_cells_are_digits() -> None:
    assert text(grid_drawing(ALL_COLOURS, PLAIN, wide=True))[1:3] == ["▕0 1 2 3 4 ▏", "▕5 6 7 8 9 ▏"]
    assert text(grid_drawing(ALL_COLOURS, ASCII, wide=False)) == [" -----", "|01234|", "|56789|", " -----"]


def test_a_tight_drawing_has_two_cells_in_a_column() -> None:
    drawing = grid_drawing(np.array([[1, 2], [3, 4], [5, 6]], np.uint8), TRUE, wide=False)
    assert text(drawing)[1:3] == ["▕▀▀▏", "▕▀▀▏"]
    upper = drawing[1][1].style
    assert upper is not None and upper.color is not None and upper.bgcolor is not None
    assert (upper.color.name, upper.bgcolor.name) == ("rgb(0,116,217)", "rgb(46,204,64)")
    last = drawing[2][1].style
    assert last is not None and last.bgcolor is None


def test_marks_stand_in_the_cells() -> None:
    marks = np.array([[True, False], [False, True]])
    grid = np.array([[1, 2], [3, 4]], np.uint8)
    assert text(grid_drawing(grid, PLAIN, True, marks, "×"))[1:3] == ["▕1×2 ▏", "▕3 4×▏"]
    assert text(grid_drawing(grid, TRUE, True, marks))[1:3] == ["▕?   ▏", "▕  ? ▏"]


def test_what_two_grids_do_not_share_is_different() -> None:
    a, b = np.array([[1, 2, 3]], np.uint8), np.array([[1, 5], [1, 1]], np.uint8)
    assert differs(a, b).tolist() == [[False, True, True]]


def test_rows_of_digits_are_for_pipes() -> None:
    assert digits(np.array([[0, 9], [1, 2]], np.uint8)) == "09\n12"


def block(side: int, wide: bool, stacked: bool, look: Look = TRUE) -> Drawing:
    one = grid_drawing(np.zeros((side, side), np.uint8), look, wide)
    return above(one, one) if stacked else beside([one, one], " → ")


@pytest.mark.parametrize("look", [TRUE, PLAIN])
@pytest.mark.parametrize(("columns", "rows"), [(80, 19), (120, 35), (40, 10), (20, 5)])
@pytest.mark.parametrize("side", [1, 3, 10, 20, 30])
def test_a_drawing_never_exceeds_its_room(look: Look, columns: int, rows: int, side: int) -> None:
    drawing = fitted(lambda wide, stacked: [block(side, wide, stacked, look)] * 4, columns, rows)
    assert len(drawing) <= rows
    assert width_of(drawing) <= columns


def test_a_long_row_is_folded() -> None:
    row = np.arange(93, dtype=np.uint8).reshape(1, 93) % 10
    marks = row == 9
    for wide, lines in ((True, 9), (False, 6)):
        drawing = grid_drawing(row, PLAIN, wide, marks)
        assert len(drawing) == lines
        assert width_of(drawing) <= 80
        shown = "".join(line[1:-1] for line in text(drawing)[1::3])
        assert shown.replace(" ", "").replace("?", "") == "0123456789" * 9 + "012"
        assert shown.count("?") == (9 if wide else 0)


def test_what_has_no_room_is_counted() -> None:
    drawing = fitted(lambda wide, stacked: [block(30, wide, stacked)] * 3, 80, 19)
    assert text(drawing)[-1] == "and 2 more"


def test_a_grid_that_is_too_high_is_cut_and_that_is_said() -> None:
    drawing = fitted(lambda wide, stacked: [block(30, wide, stacked, PLAIN)] * 3, 80, 19)
    assert len(drawing) == 19
    assert text(drawing)[-1] == "and more: there is no room for it"


RNG = np.random.default_rng(0)


def grid(height: int, width: int) -> Grid:
    return RNG.integers(0, 10, (height, width)).astype(np.uint8)


def task(side: int = 4) -> ArcTask:
    shown = tuple(Pair(grid(side, side), grid(side, side)) for _ in range(3))
    return ArcTask("turn", shown, (grid(side, side),), None, Origin("turn.json"))


def progress(one: ArcTask, member: int = 1, stage: str = "fitting", step: int = 0) -> Progress:
    shown = tuple(pair.answer.copy() for pair in one.shown) if stage == "fitting" else one.tests
    if stage == "fitting":
        shown[1][0, 0] = (shown[1][0, 0] + 1) % 10
    confidence = tuple(np.full(grid.shape, 0.5, np.float32) for grid in shown)
    return Progress(member, stage, 0.25, (True, False, True), shown, step, 1.0, confidence)  # type: ignore[arg-type]


def seen(view: TaskView, console: Console) -> list[str]:
    with console.capture() as capture:
        console.print(view.content())
    return [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", capture.get()).splitlines()]


@pytest.mark.parametrize("colours", ["truecolor", "256", "standard", None])
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (30, 12)])
@pytest.mark.parametrize("side", [1, 4, 12, 30])
def test_the_view_fits_the_terminal(colours: str | None, columns: int, rows: int, side: int) -> None:
    console, one = terminal(columns, rows, colours), task(side)
    view = TaskView(console, one, "turn", 60.0)
    for step in (None, progress(one), progress(one, stage="answering", step=1)):
        if step is not None:
            view.update(step)
        lines = seen(view, console)
        assert len(lines) < rows
        assert max(map(len, lines)) <= columns


def test_the_view_says_which_demonstrations_are_right() -> None:
    console, one = terminal(120, 40), task()
    view = TaskView(console, one, "turn", 60.0)
    assert "starting" in seen(view, console)[1]
    view.update(progress(one))
    lines = seen(view, console)
    assert lines[0] == "turn"
    assert lines[1] == "learning the demonstrations: member 1, 2 of 3 right, loss 0.250"
    assert re.search(r"at most (60|5\d) s left", lines[2])
    assert re.split(r"\s{2,}", lines[4]) == ["1 ✔", "2 ✘ 1 wrong", "3 ✔"]
    assert sum(line.count("×") for line in lines) == 1


def test_the_view_follows_one_member_and_then_plays_its_answer() -> None:
    console, one = terminal(120, 40), task()
    view = TaskView(console, one, "turn", 60.0, fps=1000)
    view.update(progress(one, member=1))
    view.update(progress(one, member=2))
    assert "member 1" in seen(view, console)[1]
    for step in (1, 2):
        view.update(progress(one, member=1, stage="answering", step=step))
    assert "answering: member 1, step 1" in seen(view, console)[1]
    assert any("? ? ? ?" in line for line in seen(view, console))  # a probability of a half is in doubt
    time.sleep(0.01)
    assert "answering: member 1, step 2" in seen(view, console)[1]
    assert "1 of 2 members answered" in seen(view, console)[2]
    view.update(progress(one, member=2))
    view._until = 0.0
    assert "member 2" in seen(view, console)[1]


def test_the_view_leaves_its_title_and_the_cursor() -> None:
    console, one = terminal(), task()
    with TaskView(console, one, "turn, 1 of 2", 60.0, fps=0) as view:
        view.update(progress(one))
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "turn, 1 of 2" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


@pytest.mark.parametrize("look", [TRUE, PLAIN])
@pytest.mark.parametrize("side", [2, 12, 30])
def test_both_attempts_are_drawn_whole(look: Look, side: int) -> None:
    one = task(side)
    attempts = Attempts((one.tests[0], one.shown[0].answer), (0.75, 0.25), 3, 4)
    drawing = attempts_drawing(Adapted(one, (attempts,), 3, 1.0, 2.0, True), 0, look, 80, 21)
    words = "\n".join(text(drawing))
    assert width_of(drawing) <= 80
    for caption in ("test 1", "attempt 1, 75% of the votes", "attempt 2, 25% of the votes"):
        assert caption in words
    if look is PLAIN and side == 30:
        assert digits(one.tests[0]).splitlines()[29] in words
