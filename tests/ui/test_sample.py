"""The puzzle that a run shows as it learns: on the panel of training, and in the report."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from trmcli.tasks import get_task
from trmcli.training.config import load_config
from trmcli.training.journal import Evaluation, Interval
from trmcli.training.sample import Sample
from trmcli.ui.dashboard import Dashboard
from trmcli.ui.report import write_report
from trmcli.ui.sample import MOST_BOARDS, boards_html, spread, told

QUESTION = (1, 0, 0, 4, 0, 0, 1, 0, 0, 1, 0, 0, 2, 0, 0, 1)
RIGHT = Sample((4, 4), QUESTION, (1, 2, 3, 4, 3, 4, 1, 2, 4, 1, 2, 3, 2, 3, 4, 1), (), 1)
HALF = Sample((4, 4), QUESTION, (1, 2, 3, 4, 3, 4, 1, 2, 4, 1, 3, 3, 2, 3, 0, 1), (10, 14), 6)
NINE = Sample((9, 9), (5,) + (0,) * 80, (5,) + (3,) * 80, tuple(range(1, 81)), 16)
MAZE = Sample((3, 4), (1, 1, 1, 1, 2, 0, 0, 3, 1, 0, 0, 1), (1, 1, 1, 1, 2, 4, 0, 3, 1, 4, 0, 1), (6, 9), 2)


def panel(sample: Sample | None, width: int, height: int, task: str = "sudoku-small") -> list[str]:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None, _environ={}
    )
    dashboard = Dashboard(load_config(task), Path("runs/x"), console=console)
    dashboard.progressed(Interval(50, 5.0, 2.0, 1.0, 0.5, 0.9, 0.1, 7.5, 1e-3, 1.0, 320.0))
    dashboard.evaluated(Evaluation(50, 5.0, 0.5, 6.25, 0.875, True, sample))
    with console.capture() as shown:
        console.print(dashboard.drawing())
    return shown.get().splitlines()


def test_right_wrong_and_open_cells_have_different_signs() -> None:
    text = "\n".join(panel(HALF, 120, 40))
    assert "┃ 1  2 ┃ 3  4 ┃" in text and "┃ 4  1 ┃ 3! 3 ┃" in text and "┃ 2  3 ┃ ·  1 ┃" in text
    assert "┃ 1  · ┃ ·  4 ┃" in text
    assert "a held-out puzzle: 8 of 10 cells right, 1 wrong, 1 open, 6 steps" in text
    assert "a held-out puzzle: all 10 cells right after 1 step " in "\n".join(panel(RIGHT, 120, 40))


def test_a_wall_where_there_is_none_has_a_sign_as_well() -> None:
    wall = Sample((3, 4), MAZE.question, (1, 1, 1, 1, 2, 1, 0, 3, 1, 0, 0, 1), (5,), 2)
    assert any("S ▒!" in line for line in panel(wall, 120, 40, "maze-small"))


@pytest.mark.parametrize(
    ("width", "height", "boards", "beside"),
    [
        (120, 40, 2, True),
        (80, 24, 1, True),
        (80, 40, 2, False),
        (60, 40, 1, False),
        (80, 18, 0, False),
        (40, 15, 0, False),
    ],
)
def test_it_is_drawn_where_there_is_room(width: int, height: int, boards: int, beside: bool) -> None:
    lines = panel(NINE, width, height)
    assert len(lines) <= height and {len(line) for line in lines[:-1]} == {width}
    assert max(line.count("┏") for line in lines) == boards
    assert any("┏" in line and "loss" in line for line in lines) is beside
    assert any("a held-out puzzle: " in line for line in lines) is (boards > 0)
    assert lines[:-1][-1][0] == "╰" and any("gone" in line for line in lines)


def test_a_puzzle_that_never_fits_and_none_at_all_leave_the_panel_as_it_is() -> None:
    large = Sample((16, 16), (0,) * 256, (1,) * 256, (), 1)
    assert panel(large, 80, 24) == panel(None, 80, 24)


def test_the_report_has_a_row_of_boards(run_directory: Path) -> None:
    add(run_directory, [HALF, HALF, RIGHT])
    page = write_report(run_directory).read_text(encoding="utf-8")
    (row,) = rows(page)
    boards = row.findall("div")
    titles = [board.find("b") for board in boards]
    assert [(title.text, title.tail) for title in titles if title is not None] == [
        ("the question", None),
        ("step 1,000", "8 of 10, 6 steps"),
        ("step 2,000", "8 of 10, 6 steps"),
        ("step 3,000", "10 of 10, 1 step"),
    ]
    question, half, _, right = boards
    signs = [[sign.get("class", "") for sign in board.iter("text")] for board in (question, half, right)]
    assert signs[0].count("open") == 10 and signs[0].count("given") == 6
    assert (signs[1].count("wrong"), signs[1].count("open"), signs[1].count("given")) == (1, 1, 6)
    assert signs[2].count("") == 10 and signs[2].count("given") == 6
    (drawing,) = half.findall("svg")
    assert drawing.get("aria-label") == "step 1,000: 8 of 10 cells right, 1 wrong, 1 open, 6 steps"


def test_a_given_that_the_model_overwrote_is_wrong_and_not_open() -> None:
    sample = Sample((4, 4), QUESTION, (0, *RIGHT.answer[1:]), (0,), 6)
    (row,) = rows(boards_html(get_task("sudoku"), [(10, sample)]))
    assert [sign.text for sign in row.iter("text") if sign.get("class") == "wrong"] == ["1"]
    assert told(get_task("sudoku"), sample) == "10 of 11 cells right, 1 wrong, 6 steps"


def test_a_maze_shows_what_is_missing_otherwise_than_what_is_too_much() -> None:
    (row,) = rows(boards_html(get_task("maze"), [(10, MAZE)]))
    drawn = {path.get("class"): path.get("d") for path in row.findall("div")[1].iter("path")}
    assert drawn["way"] == "M1 1.5h1" and drawn["bad"] == "M1 2.5h1" and drawn["missing"] == "M2 1.5h1"
    assert [sign.text for sign in row.findall("div")[1].iter("text")] == ["S", "G"]


def test_of_many_evaluations_the_first_the_last_and_some_between_are_shown(run_directory: Path) -> None:
    many = [(step, HALF) for step in range(1000)]
    shown = [step for step, _ in spread(many)]
    assert shown == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999] and len(shown) == MOST_BOARDS
    assert spread(many[:3]) == many[:3]
    large = Sample((16, 16), (0,) * 256, tuple(range(1, 17)) * 16, tuple(range(0, 256, 2)), 16)
    assert len(boards_html(get_task("sudoku"), [(step, large) for step in range(1000)])) < 150_000


def test_a_question_that_changes_is_shown_again() -> None:
    row = boards_html(get_task("sudoku"), [(1, HALF), (2, RIGHT), (3, NINE)])
    assert row.count("the question") == 2 * 3  # the label, the title, and below it


def test_a_sample_that_the_kind_cannot_show_is_left_out(run_directory: Path) -> None:
    add(run_directory, [Sample((1, 1), (0,), (200,), (), 1)])
    assert "held-out puzzle" not in write_report(run_directory).read_text(encoding="utf-8")


def add(folder: Path, samples: list[Sample]) -> None:
    """Give the first evaluations of a log these samples."""
    lines, left = [], list(samples)
    for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        if values["kind"] == "evaluation" and left:
            values["sample"] = asdict(left.pop(0))
        lines.append(json.dumps(values) + "\n")
    (folder / "log.jsonl").write_text("".join(lines), encoding="utf-8")


def rows(page: str) -> Iterator[ElementTree.Element]:
    """The rows of boards in a page."""
    for part in page.split('<div class="boards">')[1:]:
        yield ElementTree.fromstring(f"<div>{part.partition('</figure>')[0].rstrip()}")
