"""The player on a pseudo-terminal: keys, pauses, and a whole terminal in every ending."""

from __future__ import annotations

import json
import os
import re
import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Screen, Session, plain, resize

from trmcli.ui.palette import PALETTES
from trmcli.ui.recorded import read_replays

PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
PANEL = """
import signal, sys, time
from rich.console import Console
from trmcli.ui.keys import Keys
from trmcli.ui.live_panel import LivePanel

def content():
    global drawings
    drawings += 1
    if drawings == (1 if sys.argv[2] == "opens" else 2):
        signal.raise_signal(signal.SIGTSTP)
    return f"drawn {drawings} times"

drawings = 0
panel = LivePanel(Console(), content, tick=1000, keys=Keys())
panel.open()
panel.close()
print("the end")
"""
"""A panel that is suspended while it opens, or while it closes."""


Start = Callable[..., Session]


@pytest.fixture
def start(random_weights: Path) -> Iterator[Start]:
    sessions: list[Session] = []

    def run(*arguments: object, steps: int = 3, tries: int = 1, **options: Any) -> Session:
        model = ["--weights", random_weights, "--steps", steps, "--tries", tries]
        sessions.append(Session("solve", *arguments, *model, **options))
        return sessions[-1]

    yield run
    for session in sessions:
        session.close()


def test_the_end_can_be_stepped_through_and_quit(start: Start) -> None:
    session = start(PUZZLE)
    session.until("not solved")
    assert not session.echoes()
    session.type("\x1b[D")
    assert "paused 3/4" in session.until("paused")
    session.type("\x1b[D\x1b[D")
    assert "step             1/3" in session.until("paused 1/4")
    session.type("\x1b[C")
    assert "step             2/3" in session.until("paused 2/4")
    session.type("r")
    session.until("step             0/3")
    session.until("not solved")
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()
    assert "space pause" not in plain(session.text).rpartition("not solved")[2]


def test_a_pause_holds_the_picture_while_solving_goes_on(start: Start) -> None:
    session = start(PUZZLE, "--fps", 2, tries=50)
    session.until("space pause")
    session.type(" ")
    first = session.until("paused 0/")
    session.type("++")
    session.until("paused 0/")
    assert "1/3" not in first
    session.type(" ")
    session.until("pace x4")
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()


def test_typed_keys_leave_no_trace(start: Start) -> None:
    session = start(PUZZLE, "--fps", 2)
    session.until("space pause")
    session.type("zzz\x1b[1;5C\t")
    session.until("not solved")
    session.type("q")
    assert session.end() == 1
    assert "zzz" not in session.text and "^[" not in session.text


def test_without_waiting_it_ends_by_itself(start: Start) -> None:
    session = start(PUZZLE, "--no-wait", "--fps", 20)
    assert session.end() == 1
    assert session.is_whole()


def test_after_a_while_it_ends_by_itself(start: Start) -> None:
    session = start(PUZZLE, "--fps", 20)
    assert session.end() == 1
    assert session.is_whole()


@pytest.mark.parametrize("when", ["loading the model", "space pause", "not solved"])
def test_ctrl_c_leaves_the_terminal_whole_at_any_time(when: str, start: Start) -> None:
    session = start(PUZZLE, "--fps", 20)
    session.until(when)
    session.type("\x03")
    assert session.end() == (130 if when != "not solved" else session.process.returncode)
    assert termios.tcgetattr(session.ours) == session.before
    if "\x1b[?25l" in session.text:
        assert session.is_whole()
    assert "Traceback" not in session.text


def test_a_termination_leaves_the_terminal_whole(start: Start) -> None:
    session = start(PUZZLE, tries=1000)
    session.until("space pause")
    assert not session.echoes()
    os.kill(os.tcgetpgrp(session.ours), signal.SIGTERM)
    assert session.end() == 128 + signal.SIGTERM
    assert session.is_whole()


def test_suspended_it_gives_the_terminal_back_and_takes_it_again(start: Start) -> None:
    session = start(PUZZLE, "--fps", 1, tries=1000)
    session.until("space pause")
    session.type("\x1a")
    session.until("stopped")
    assert session.is_whole()
    session.type("\n")
    session.until("space pause")
    assert not session.echoes()
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()


@pytest.mark.parametrize("when", ["opens", "closes"])
def test_suspended_while_it_opens_or_closes_the_terminal_is_whole_as_well(tmp_path: Path, when: str) -> None:
    script = tmp_path / "panel.py"
    script.write_text(PANEL)
    session = Session(script, when)
    try:
        session.until("stopped")
        assert session.is_whole()
        session.type("\n")
        session.until("the end")
        assert session.end() == 0
        assert "drawn 2 times" in plain(session.text)
        assert session.is_whole()
    finally:
        session.close()


def test_a_terminal_that_becomes_smaller_gets_a_smaller_drawing(start: Start) -> None:
    session = start(PUZZLE, "--fps", 10)
    session.until("not solved")
    resize(session.ours, 15, 40)
    session.until("space ←→")
    resize(session.ours, 8, 40)
    session.until("not drawn: 9x9 cells need")
    resize(session.ours, 40, 120)
    session.until("step             3/3")
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()


def test_keys_come_from_the_terminal_when_puzzles_come_from_a_pipe(start: Start) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"{PUZZLE}\n".encode())
    os.close(writing)
    session = start(stdin=reading)
    os.close(reading)
    session.until("not solved")
    session.type("\x1b[D")
    session.until("paused 3/4")
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()


def test_q_ends_the_solving_too(start: Start) -> None:
    session = start(PUZZLE, tries=10_000)
    session.until("space pause")
    session.type("q")
    assert session.end() == 1
    assert "not solved" in plain(session.text)


def test_candidates_are_shown_where_there_is_room(start: Start) -> None:
    session = start(PUZZLE, rows=40, columns=120)
    session.until("not solved")
    before = session.text
    session.type("c")
    assert "┏" not in session.until("space pause")
    session.type("c")
    assert "┏" in session.until("space pause")
    assert "┏" in before
    session.type("q")
    session.end()


def test_s_saves_a_page_under_a_name_that_is_free(start: Start, tmp_path: Path) -> None:
    (tmp_path / "trm-1.html").write_text("mine")
    session = start(PUZZLE, cwd=tmp_path)
    session.until("not solved")
    session.type("s")
    session.until("saved trm-2.html")
    session.type("\x1b[D\x1b[D\x1b[Ds")
    session.until("saved trm-3.html")
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()
    assert (tmp_path / "trm-1.html").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"trm-{number}.html" for number in (1, 2, 3)]
    assert "not solved" in (tmp_path / "trm-2.html").read_text(encoding="utf-8")


def test_s_says_why_nothing_is_saved(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    session = start(PUZZLE, cwd=folder)
    session.until("not solved")
    folder.rmdir()
    session.type("s")
    session.until("not saved: ")
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()


def test_what_is_saved_in_the_middle_is_not_called_finished(start: Start, tmp_path: Path) -> None:
    session = start(PUZZLE, "--fps", 1, cwd=tmp_path, tries=10_000)
    session.until("space pause")
    session.type("s")
    session.until("saved trm-1.html")
    session.type("q")
    session.end()
    assert "not finished: saved after" in (tmp_path / "trm-1.html").read_text(encoding="utf-8")


def test_the_title_names_the_file_and_the_number(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text(f"{PUZZLE}\n" * 3)
    session = start(file, "--live", "--fps", 20)
    session.until("some.txt, 1 of 3")
    session.type("n")
    session.until("some.txt, 2 of 3")
    session.type("q")
    assert session.end() == 1


def test_inner_shows_rounds_and_updates_within_steps(start: Start) -> None:
    session = start(PUZZLE, "--inner", "--fps", 50, steps=2)
    session.until("not solved")
    session.type("\x1b[D" * 8)
    before = plain(session.until("paused 1/9"))
    assert re.search(r"round +1/2 ", before) and re.search(r"update +1/2 ", before)
    session.type("\x1b[C")
    session.until("paused 2/9")
    session.type("\x1b[C")
    third = session.until("paused 3/9")
    assert re.search(r"round +2/2 ", third) and re.search(r"update +1/2 ", third)
    session.type("\x1b[C")
    whole = session.until("paused 4/9")
    assert re.search(r"step +1/2 ", whole) and "round" not in whole
    session.type("q")
    assert session.end() == 1


def test_a_batch_is_shown_side_by_side_where_all_of_it_fits(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "three.txt"
    file.write_text(f"{PUZZLE}\n" * 3)
    session = start(file, "--fps", 20, columns=100)
    session.until("0 of 3 solved and checked")
    session.type("\x1b[D")
    assert plain(session.until("paused 3/4")).count("step 3") == 3
    session.type("q")
    assert session.end() == 1
    assert session.is_whole()


def test_a_batch_that_does_not_fit_is_printed(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "three.txt"
    file.write_text(f"{PUZZLE}\n" * 3)
    session = start(file, columns=40)
    assert session.end() == 1
    assert len(re.findall(r"(?m)(?:^|\r)53", plain(session.text))) == 3 and "┏" not in session.text


def test_q_leaves_a_batch_as_it_is(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "two.txt"
    file.write_text(f"{PUZZLE}\n" * 2)
    session = start(file, tries=10_000)
    session.until("space pause")
    session.type("q")
    assert session.end() == 1
    assert session.is_whole() and "0 of 2 solved and checked" in plain(session.text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--engine torch", "--inner: the NumPy engine alone shows what happens within a step"),
        ("--device cuda", "--inner: the NumPy engine alone"),
        ("--json", "--inner draws and --json writes: choose one"),
        ("--replay x.json", "--inner: a replay holds whole steps alone"),
    ],
)
def test_what_inner_cannot_show_is_said(options: str, message: str, terminal: Callable[..., Screen]) -> None:
    done = terminal("solve", PUZZLE, "--inner", *options.split())
    assert done.status == 2 and f"trm: error: {message}" in done.text


ANSWERS = {
    "dark": "\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\\x1b[?62;c",
    "light": "\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?62;c",
}
LABEL = {
    theme: "38;2;" + str(palette["truecolor"].label)[4:-1].replace(",", ";")
    for theme, palette in PALETTES.items()
}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_colours_are_those_that_the_terminal_asks_for(theme: str, start: Start) -> None:
    session = start(PUZZLE)
    session.until_all(lambda new: "\x1b]11;?\x1b\\" in new, "the question")
    session.type(ANSWERS[theme])
    session.until("space pause")
    session.until("not solved")
    assert not session.echoes()
    session.type("q")
    assert session.end() == 1
    assert LABEL[theme] in session.text and LABEL["dark" if theme == "light" else "light"] not in session.text
    assert "rgb:" not in session.text


@pytest.mark.parametrize(("options", "variables"), [(["--theme", "light"], {}), ([], {"COLORFGBG": "0;15"})])
def test_nobody_is_asked_where_the_theme_is_known(
    options: list[str], variables: dict[str, str], start: Start
) -> None:
    session = start(PUZZLE, "--no-wait", "--fps", 50, *options, **variables)
    assert session.end() == 1
    assert "\x1b]11" not in session.text and LABEL["light"] in session.text


@pytest.mark.parametrize("wanted", ["space pause", "solved and checked"])
def test_a_complete_puzzle_is_right_whenever_it_is_left(wanted: str, start: Start, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    session = start("1234341221434321", "--inner", "--fps", 1, "--save", kept)
    session.until(wanted)
    session.type("q")
    assert session.end() == 0
    replay = json.loads(kept.read_text())
    assert (replay["frames"], replay["method"], replay["verified"]) == ([], "count", True)
    assert replay["verdict"] == "solved and checked: no cell was open"
    assert [one.answer.checked for one in read_replays(kept)] == [True]


def test_an_answer_that_comes_late_is_not_a_key(start: Start) -> None:
    session = start(PUZZLE)
    session.until("space pause")
    session.type(ANSWERS["light"])
    session.until("not solved")
    session.type("q")
    assert session.end() == 1


def test_what_does_not_fit_is_said_and_printed(terminal: Callable[..., Screen], random_weights: Path) -> None:
    screen = terminal("solve", PUZZLE, "--weights", random_weights, "--steps", 1, "--tries", 1, rows=10)
    assert screen.status == 1
    assert (
        "not drawn: 9x9 cells need 13 columns and 15 rows here, and this terminal has 100 and 10"
        in screen.text
    )
    assert "\x1b[" not in screen.text
