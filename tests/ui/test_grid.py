"""The grid as people see it: fixed cells, the exact text, and the styles of single cells."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from rich.segment import Segment

from trmcli.tasks import get_task
from trmcli.tasks.base import Cells, Ints, Relation, Shape
from trmcli.tasks.sudoku.kind import SudokuStructure, sudoku_task
from trmcli.ui.grid import Grid, conflicts, in_doubt
from trmcli.ui.palette import ramp_color

SUDOKU = get_task("sudoku")
QUESTION = np.array([[1, 0, 0, 4], [0, 0, 1, 0], [0, 1, 0, 0], [2, 0, 0, 1]], dtype=np.uint8)
CELLS = np.array([[1, 2, 3, 4], [3, 0, 1, 2], [0, 1, 2, 2], [2, 3, 4, 1]], dtype=np.uint8)
CONFIDENCE = np.full((4, 4), 0.99, dtype=np.float32)
CONFIDENCE[0, 1] = 0.4


def grid(**changes: object) -> Grid:
    changed = np.zeros((4, 4), dtype=bool)
    changed[0, 2] = True
    marks = {"changed": changed, "conflicts": conflicts(SUDOKU, QUESTION, CELLS)}
    return Grid(SUDOKU, QUESTION, CELLS, CONFIDENCE, **{**marks, **changes})  # type: ignore[arg-type]


def drawn(content: Grid, encoding: str = "utf-8", width: int = 80) -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width, color_system=None).print(content)
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    return file.buffer.getvalue().decode(encoding).splitlines()


def cells_in_colour(content: Grid) -> list[Segment]:
    """The 16 segments of the cells."""
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=False, width=80
    )
    return [segment for segment in console.render(content) if len(segment.text) == 3]


def test_without_colour_everything_is_said_in_signs() -> None:
    assert drawn(grid()) == [
        "┏━━━━━━┳━━━━━━┓",
        "┃ 1  2?┃›3  4 ┃",
        "┃ 3  · ┃ 1  2!┃",
        "┣━━━━━━╋━━━━━━┫",
        "┃ ·  1 ┃ 2! 2!┃",
        "┃ 2  3 ┃ 4  1 ┃",
        "┗━━━━━━┻━━━━━━┛",
    ]


def test_ascii_where_the_terminal_has_no_boxes() -> None:
    assert drawn(grid(), encoding="ascii") == [
        "+------+------+",
        "| 1  2?|>3  4 |",
        "| 3  . | 1  2!|",
        "+------+------+",
        "| .  1 | 2! 2!|",
        "| 2  3 | 4  1 |",
        "+------+------+",
    ]


def test_a_narrow_terminal_gets_the_symbols_alone() -> None:
    assert drawn(grid(), width=10)[:3] == ["┏━━┳━━┓", "┃12┃34┃", "┃3·┃12┃"]


def test_colours_say_the_same() -> None:
    cells = cells_in_colour(grid())
    given, unsure, changed, sure, wrong = cells[0], cells[1], cells[2], cells[13], cells[10]
    assert [cell.text for cell in (given, unsure, changed, wrong)] == [" 1 ", " 2?", "›3 ", " 2!"]
    styles = [cell.style for cell in (given, unsure, changed, sure, wrong) if cell.style is not None]
    assert len(styles) == 5
    assert styles[0].bold and styles[0].color is None
    assert not styles[3].bold
    assert styles[1].color != styles[3].color
    assert styles[2].bgcolor is not None and styles[2].italic and styles[2].color == styles[3].color
    assert styles[4].bgcolor not in (None, styles[2].bgcolor)
    assert styles[3].bgcolor is None


def test_what_is_supposed_is_underlined_or_starred() -> None:
    supposing = grid(supposed=(2, 13))
    assert drawn(supposing)[1] == "┃ 1  2?┃›3* 4 ┃"
    underlined = [bool(cell.style and cell.style.underline) for cell in cells_in_colour(supposing)]
    assert np.flatnonzero(underlined).tolist() == [2, 13]


@pytest.mark.parametrize("size", [4, 6, 9, 16])
def test_every_size_has_borders_around_its_boxes(size: int) -> None:
    blank = np.zeros((size, size), dtype=np.uint8)
    blank[0, 0] = size
    lines = drawn(Grid(SUDOKU, blank, blank))
    box_height, box_width = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}[size]
    assert len(lines) == size + size // box_height + 1
    assert {len(line) for line in lines} == {3 * size + size // box_width + 1}
    assert lines[1].startswith(f"┃ {SUDOKU.paint.symbol(size, (size, size))}  · ")
    assert Grid(SUDOKU, blank, blank).size() == (len(lines[0]), len(lines))


class Jigsaw(SudokuStructure):
    """4x4 with one box that is no rectangle."""

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        boxes: Ints = np.array([[0, 1, 2, 4], [3, 6, 7, 11], [5, 8, 9, 12], [10, 13, 14, 15]])
        return (Relation("box", "groups", boxes),)


def test_borders_follow_boxes_of_any_shape() -> None:
    blank = np.zeros((4, 4), dtype=np.uint8)
    assert drawn(Grid(replace(SUDOKU, structure=Jigsaw()), blank, blank)) == [
        "┏━━━━━━━━━━━┳━━━┓",
        "┃ ·   ·   · ┃ · ┃",
        "┃   ┏━━━┳━━━┛   ┃",
        "┃ · ┃ · ┃ ·   · ┃",
        "┣━━━┛   ┣━━━┓   ┃",
        "┃ ·   · ┃ · ┃ · ┃",
        "┃   ┏━━━┛   ┗━━━┫",
        "┃ · ┃ ·   ·   · ┃",
        "┗━━━┻━━━━━━━━━━━┛",
    ]


def test_doubt_is_low_confidence_conflict_or_blank_but_no_given() -> None:
    doubt = in_doubt(SUDOKU, QUESTION, CELLS, CONFIDENCE)
    assert set(map(tuple, np.argwhere(doubt).tolist())) == {(0, 1), (1, 1), (1, 3), (2, 0), (2, 2), (2, 3)}


def test_conflicts_leave_blank_cells_out() -> None:
    cells: Cells = np.zeros((4, 4), dtype=np.uint8)
    assert conflicts(SUDOKU, cells, cells) == frozenset()


def test_the_ramp_has_ends_and_no_jumps() -> None:
    colours = np.array([ramp_color(value) for value in np.linspace(0, 1, 201)])
    assert ramp_color(-1) == ramp_color(0.1)
    assert ramp_color(2) == ramp_color(1)
    assert np.abs(np.diff(colours, axis=0)).max() <= 5


def test_borders_are_those_of_the_boxes_of_the_puzzle() -> None:
    blank = np.zeros((6, 6), dtype=np.uint8)
    assert drawn(Grid(sudoku_task((3, 2)), blank, blank), "ascii")[:5] == [
        "+------+------+------+",
        "| .  . | .  . | .  . |",
        "| .  . | .  . | .  . |",
        "| .  . | .  . | .  . |",
        "+------+------+------+",
    ]
    assert drawn(Grid(SUDOKU, blank, blank), "ascii")[0] == "+---------+---------+"
