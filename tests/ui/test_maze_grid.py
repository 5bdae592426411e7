"""Mazes as people see them: blocks, a path in the colour of its confidence, S and G marked."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console
from rich.segment import Segment

from trmcli.errors import Origin
from trmcli.tasks import get_task
from trmcli.tasks.base import Cells, Puzzle
from trmcli.ui.grid import Grid, conflicts, in_doubt
from trmcli.ui.live import fits

MAZE = get_task("maze")


def maze(text: str) -> Cells:
    return np.array([[" #SGo".index(sign) for sign in row] for row in text.split("/")], dtype=np.uint8)


QUESTION = maze("####/#S #/#  G")
CELLS = maze("####/#So#/#  G")
CONFIDENCE = np.full((3, 4), 0.99, dtype=np.float32)
CONFIDENCE[1, 2] = 0.4
CONFIDENCE[2, 1] = 0.5


def grid() -> Grid:
    changed = np.zeros((3, 4), dtype=bool)
    changed[2, 2] = True
    return Grid(MAZE, QUESTION, CELLS, CONFIDENCE, changed, conflicts(MAZE, QUESTION, CELLS))


def drawn(content: Grid, encoding: str = "utf-8", width: int = 80) -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width, color_system=None).print(content)
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    return file.buffer.getvalue().decode(encoding).splitlines()


def test_without_colour_everything_is_said_in_signs() -> None:
    assert drawn(grid()) == [
        "┏━━━━━━━━┓",
        "┃████████┃",
        "┃██S o!██┃",
        "┃██·? ›G ┃",
        "┗━━━━━━━━┛",
    ]
    assert drawn(grid(), "ascii") == ["+--------+", "|########|", "|##S o!##|", "|##.? >G |", "+--------+"]
    assert drawn(grid(), width=8) == ["┏━━━━┓", "┃████┃", "┃█So█┃", "┃█· G┃", "┗━━━━┛"]


def test_the_path_has_the_colour_of_its_confidence() -> None:
    question, cells = maze("S   G"), maze("SoooG")
    confidence = np.array([[1, 0.3, 0.6, 1, 1]], dtype=np.float32)
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80)
    segments: list[Segment] = list(console.render(Grid(MAZE, question, cells, confidence)))
    row = [one for one in segments if len(one.text) == 2]
    assert [one.text for one in row] == ["S ", " ?", " ?", "  ", "G "]
    backgrounds = [one.style.bgcolor for one in row if one.style is not None]
    assert len(set(backgrounds)) == 4 and None not in backgrounds
    assert backgrounds[0] == backgrounds[4]


def test_open_cells_are_answers_and_not_in_doubt_for_being_empty() -> None:
    doubt = in_doubt(MAZE, QUESTION, CELLS, CONFIDENCE)
    assert np.argwhere(doubt).tolist() == [[1, 2], [2, 1]]


def test_thirty_by_thirty_fits_eighty_by_forty() -> None:
    puzzle = Puzzle(np.zeros((30, 30), dtype=np.uint8), Origin("here"))
    assert Grid(MAZE, puzzle.cells, puzzle.cells).size() == (62, 32)
    assert fits(Console(width=80, height=40), MAZE, puzzle)
    assert fits(Console(width=40, height=40), MAZE, puzzle)
    assert not fits(Console(width=80, height=30), MAZE, puzzle)
    assert not fits(Console(width=30, height=40), MAZE, puzzle)
