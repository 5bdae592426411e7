"""Mazes in half blocks: two rows of cells in one line, where a terminal has the colours for it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from rich.segment import Segment

from trmcli.tasks import get_task
from trmcli.tasks.base import Cells
from trmcli.ui.grid import Grid
from trmcli.ui.live import no_room

MAZE = get_task("maze")


def maze(text: str) -> Cells:
    return np.array([[" #SGo".index(sign) for sign in row] for row in text.split("/")], dtype=np.uint8)


def console(width: int, height: int, colours: str | None = "truecolor", encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    system: dict[str, object] = {"color_system": colours}
    return Console(file=file, force_terminal=True, width=width, height=height, no_color=False, **system)  # type: ignore[arg-type]


def walls(height: int, width: int) -> Grid:
    cells = np.ones((height, width), dtype=np.uint8)
    return Grid(MAZE, cells, cells)


@pytest.mark.parametrize("colours", ["truecolor", "256"])
def test_64_by_64_takes_64_columns_and_32_rows(colours: str) -> None:
    grid = walls(64, 64)
    assert grid.size("halves") == (64, 32)
    assert walls(128, 128).size("halves") == (128, 64)
    assert grid.fitting(console(64, 34, colours), 2) == "halves"
    assert grid.fitting(console(64, 33, colours), 2) is None
    assert grid.fitting(console(63, 34, colours), 2) is None
    assert walls(41, 41).fitting(console(80, 24, colours), 2) == "halves"


def test_a_maze_that_fits_in_whole_cells_is_drawn_in_whole_cells() -> None:
    assert walls(20, 30).fitting(console(80, 24), 2) == "wide"


@pytest.mark.parametrize(("colours", "encoding"), [("standard", "utf-8"), (None, "utf-8"), ("256", "ascii")])
def test_few_colours_or_no_blocks_mean_one_row_a_line(colours: str | None, encoding: str) -> None:
    grid = walls(64, 64)
    assert grid.fitting(console(80, 40, colours, encoding), 2) is None
    assert grid.fitting(console(70, 70, colours, encoding), 2) == "tight"


def test_what_does_not_fit_says_what_it_needs() -> None:
    needs = "64x64 cells need {} columns and {} rows here, and this terminal has 80 and 24"
    assert no_room(console(80, 24), walls(64, 64)) == "not drawn: " + needs.format(64, 34)
    assert no_room(console(80, 24, None), walls(64, 64)) == "not drawn: " + needs.format(66, 68)


def test_an_upper_cell_is_the_ink_and_a_lower_one_the_paper() -> None:
    question, cells = maze("S #/# #/# G"), maze("So#/#o#/#oG")
    confidence = np.array([[1, 1, 1], [1, 0.3, 1], [1, 0.6, 1]], dtype=np.float32)
    grid = Grid(MAZE, question, cells, confidence, conflicts=(7,), form="halves")
    lines = list(Segment.split_lines(console(80, 24).render(grid)))
    assert ["".join(one.text for one in line) for line in lines] == ["▀▀▀", "▀▀▀"]
    (start, path, wall), (below_wall, wrong, goal) = (
        [one.style for one in line for _ in one.text] for line in lines
    )
    assert start is not None and path is not None and wall is not None
    assert below_wall is not None and wrong is not None and goal is not None
    assert wall.color == wall.bgcolor == start.bgcolor == below_wall.color  # walls above and below
    assert len({str(style.color) for style in (start, path, wall, goal)}) == 4  # S, path, wall, G
    assert path.color != path.bgcolor  # sure above, in doubt below
    assert below_wall.bgcolor is None and wrong.bgcolor is None  # nothing is below the last row
    assert wrong.color is not None and "190,48,62" in str(wrong.color.triplet and wrong.color.triplet.rgb)


def test_open_cells_show_the_terminal_itself() -> None:
    cells = maze("  /# ")
    (line,) = Segment.split_lines(console(80, 24).render(Grid(MAZE, cells, cells, form="halves")))
    assert [one.text for one in line] == ["▄", " "]
    assert line[0].style is not None and line[0].style.bgcolor is None
