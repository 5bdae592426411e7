"""Whole screens of the player, in all sizes and colours, as they were when somebody looked at them.

What is shown is a recording, and it is paused, so no clock decides what is seen. The screens are kept in
``tests/data/screens``. After a change that is meant, look at what ``git diff`` says of them:

    TRM_RENEW_SCREENS=1 pytest tests/cli/test_screens.py
"""

from __future__ import annotations

import os
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import Watched

FOLDER = Path(__file__).parents[1] / "data" / "screens"
RENEW = "TRM_RENEW_SCREENS" in os.environ
SIZES = {"80x24": (24, 80), "120x40": (40, 120), "40x15": (15, 40), "200x60": (60, 200)}
DEPTHS = {
    "truecolor": {},
    "256": {"COLORTERM": ""},
    "16": {"COLORTERM": "", "TERM": "xterm"},
    "none": {"NO_COLOR": "1"},
}  # fmt: skip
LENGTHS = {"sudoku": 8, "maze": 4}
"""Moments of the recordings: the steps, of a first try and of the one that solved it, and the end."""
SHOWN = {"sudoku": 5, "maze": 1}
"""The moment in which most is to be seen: cells that are changed, doubtful, supposed and conflicting."""
RIGHT, LEFT = "\x1b[C", "\x1b[D"

Play = Callable[..., Watched]


@pytest.fixture
def play() -> Iterator[Play]:
    sessions: list[Watched] = []

    def run(recording: str, size: str, *options: str, depth: str = "truecolor", **more: Any) -> Watched:
        rows, columns = SIZES[size]
        theme = [] if "--theme" in options else ["--theme", "dark"]
        arguments = ["solve", "--replay", FOLDER / f"{recording}.json", *theme, *options]
        sessions.append(Watched(*arguments, rows=rows, columns=columns, **DEPTHS[depth], **more))
        return sessions[-1]

    yield run
    for session in sessions:
        session.close()


def paused(session: Watched, place: int, of: int) -> None:
    """Stop the show and go to a moment: 0 is the question."""
    session.until("space")
    session.type(" " + LEFT * (of + 1) + RIGHT * place)
    session.at(place, of)


def same(name: str, picture: str) -> None:
    """Compare a screen with the one that is kept."""
    file = FOLDER / f"{name}.txt"
    if RENEW:
        file.write_text(picture, encoding="utf-8")
    assert picture == file.read_text(encoding="utf-8")


def is_left_whole(session: Watched, status: int) -> bool:
    """It has ended so, the cursor is there, and typing is seen again."""
    ended = session.end()
    return ended == status and session.is_whole() and not session.look().cursor.hidden


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("recording", ["sudoku", "maze"])
def test_every_size_has_its_picture(recording: str, size: str, play: Play) -> None:
    session = play(recording, size)
    length = LENGTHS[recording]
    paused(session, 0, length)
    same(f"{recording}-{size}-question", session.picture())
    session.type(RIGHT * SHOWN[recording])
    session.at(SHOWN[recording], length)
    same(f"{recording}-{size}-step", session.picture())
    session.type(RIGHT * length)
    assert "solved and checked" in session.at(length, length)
    same(f"{recording}-{size}-end", session.picture())
    session.type("q")
    assert is_left_whole(session, 0)
    assert "paused" not in "\n".join(session.lines())


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("depth", ["256", "16", "none"])
@pytest.mark.parametrize("recording", ["sudoku", "maze"])
def test_every_number_of_colours_has_its_picture(recording: str, depth: str, theme: str, play: Play) -> None:
    session = play(recording, "80x24", "--theme", theme, depth=depth)
    paused(session, SHOWN[recording], LENGTHS[recording])
    same(f"{recording}-{depth}-{theme}", session.picture())


def test_back_and_forth_leads_to_the_same_screens(play: Play) -> None:
    session = play("sudoku", "80x24")
    paused(session, 5, LENGTHS["sudoku"])
    first = session.picture()
    for keys, place in ((RIGHT, 6), (LEFT, 5), (LEFT, 4), (LEFT, 3), (RIGHT, 4), (RIGHT, 5)):
        session.type(keys)
        session.at(place, LENGTHS["sudoku"])
    assert session.picture() == first
    same("sudoku-80x24-step", session.picture())


def test_resized_in_the_middle_it_looks_as_if_it_had_begun_so(play: Play) -> None:
    session = play("sudoku", "80x24")
    paused(session, 5, LENGTHS["sudoku"])
    for size in ("40x15", "200x60", "120x40", "80x24"):
        session.resize(*SIZES[size])
        session.at(5, LENGTHS["sudoku"])
        same(f"sudoku-{size}-step", session.picture())


def test_candidates_have_their_picture(play: Play) -> None:
    session = play("sudoku", "120x40")
    paused(session, 5, LENGTHS["sudoku"])
    session.type("c")
    session.at(5, LENGTHS["sudoku"])
    same("sudoku-120x40-candidates", session.picture())


def test_suspended_and_resumed_it_goes_on_below(play: Play) -> None:
    session = play("sudoku", "120x40")
    paused(session, 5, LENGTHS["sudoku"])
    before = session.lines()
    session.type("\x1a")
    session.until("stopped")
    assert session.is_whole() and not session.look().cursor.hidden
    session.type("\n")
    session.at(5, LENGTHS["sudoku"])
    assert session.lines()[-len(before) :] == before
    session.type("q")
    assert is_left_whole(session, 0)


def test_interrupted_it_leaves_nothing_for_the_shell(play: Play) -> None:
    session = play("sudoku", "80x24")
    paused(session, 5, LENGTHS["sudoku"])
    session.type("ab\x03")
    assert is_left_whole(session, 130)
    assert termios.tcgetattr(session.ours)[3] & termios.ECHO
    lines = session.lines()
    assert "^C" not in "\n".join(lines) and "ab" not in "\n".join(lines)
    assert session.look().cursor.x == 0 and session.look().cursor.y == len(lines)
