"""Puzzles side by side: how many fit where, and what each of them shows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from support import plain

from trmcli.errors import Origin
from trmcli.solving.answers import Frame, settle
from trmcli.tasks import get_task
from trmcli.tasks.base import Puzzle
from trmcli.ui.live import Film
from trmcli.ui.wall import Together, Wall, room

SUDOKU = get_task("sudoku")
ANSWER = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]], dtype=np.uint8)
QUESTION = np.where(np.eye(4, dtype=bool), ANSWER, 0).astype(np.uint8)
SURE = np.ones((4, 4), dtype=np.float32)


def console(width: int, height: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, no_color=True)


def wall(count: int) -> Wall:
    return Wall([Film(SUDOKU, Puzzle(QUESTION, Origin("here")), "", 16, 1) for _ in range(count)])


def drawn(scene: object, width: int = 80, height: int = 24) -> list[str]:
    shown = console(width, height)
    with shown.capture() as captured:
        shown.print(scene)
    return [line.rstrip() for line in plain(captured.get()).splitlines()]


def frame(step: int, right: bool) -> Frame:
    cells = ANSWER if right else np.where(QUESTION, QUESTION, 1).astype(np.uint8)
    return Frame(1, step, cells, SURE, 0.5, right, 0.1)


@pytest.mark.parametrize(
    ("width", "height", "count", "expected"),
    [
        (80, 24, 2, (2, 1, "wide")),
        (80, 24, 5, (5, 1, "tight")),
        (80, 24, 9, (5, 1, "tight")),
        (120, 40, 9, (8, 2, "tight")),
        (200, 60, 9, (6, 4, "wide")),
        (40, 15, 9, (0, 0, "tight")),
    ],
)
def test_as_many_fit_as_there_is_room_for_and_the_best_form_is_taken(
    width: int, height: int, count: int, expected: tuple[int, int, str]
) -> None:
    puzzle = Puzzle(np.zeros((9, 9), dtype=np.uint8), Origin("here"))
    assert room(console(width, height), SUDOKU, puzzle, count) == expected


def test_each_puzzle_shows_its_own_step() -> None:
    moments = [
        Together((frame(1, False), frame(1, False)), 1),
        Together((frame(1, False), frame(2, True)), 1),
    ]
    shown = drawn(wall(2).scene(moments, 1, None, False, "keys"), 30)
    text = "\n".join(shown)
    assert "1 step 1" in text and "2 ✔ step 2" in text
    assert shown[-1] == "keys" and shown[-2] == "solving side by side"
    assert "!" in shown[1][:15] and "!" not in shown[1][16:]


def test_lines_are_of_about_equal_length() -> None:
    shown = drawn(wall(9).scene([], -1, None, False, ""), 120, 24)
    assert [line.count("┏") for line in shown if "┏" in line] == [5, 4]


def test_the_end_shows_the_answers() -> None:
    puzzles = [film.puzzle for film in wall(2).films]
    answers = [settle(puzzles[0], [frame(1, True)]), settle(puzzles[1], [frame(1, False)])]
    moments = [Together((frame(1, True), frame(1, False)), 1)]
    shown = drawn(wall(2).scene(moments, 1, (answers, "1 of 2 solved"), False, "keys"), 40)
    text = "\n".join(shown)
    assert "1 ✔ step 1" in text and "2 step 1" in text and "1 of 2 solved" in text


def test_without_room_it_says_so() -> None:
    assert "9 puzzles do not fit" in "\n".join(drawn(wall(9).scene([], -1, None, False, ""), 30, 10))
