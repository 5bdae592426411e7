"""ARC tasks on a terminal: the view while networks learn, the attempts, and a whole terminal in the end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arc_turns import FAKE, other, task, write
from support import Screen, Session

Terminal = Callable[..., Screen]
Start = Callable[..., Session]
STAND_IN = f"""
import runpy, sys
sys.argv = ["trm", *sys.argv[2:]]
runpy.run_path({str(FAKE)!r}, run_name="__main__")
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``trm ARGUMENTS`` with the stand-in, and somebody who types."""
    script, sessions = write(tmp_path / "stand_in.py", STAND_IN), list[Session]()

    def run(*arguments: object, **options: Any) -> Session:
        sessions.append(Session(script, *arguments, **options))
        return sessions[-1]

    yield run
    for session in sessions:
        session.close()


def test_a_terminal_shows_the_task_and_then_its_attempts(terminal: Terminal, tmp_path: Path) -> None:
    screen = terminal(
        "solve",
        write(tmp_path / "turn.json", task(1)),
        rows=24,
        columns=80,
        program=FAKE,
        on=("learning", lambda number: os.write(number, b"\x03")),
        FAKE_ARC="wait turn",
    )
    assert screen.status == 130
    assert "48;2;0;116;217" in screen.text  # blue, as the official site has it
    before, _, after = screen.text.rpartition("attempt 1, 100% of the votes")
    assert "learning the demonstrations: member 1, 3 of 3 right" in before
    assert "fits 3 of 3 demonstrations, 3 of 3 members agree, attempt 1 is right" in after
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")


def test_a_terminal_shows_several_tasks_one_after_another(terminal: Terminal, tmp_path: Path) -> None:
    tasks = write(tmp_path / "c.json", {"one": task(1, known=False), "two": task(2, known=False)})
    screen = terminal("solve", tasks, program=FAKE, FAKE_ARC="interrupt two")
    assert screen.status == 130
    assert ["one, 1 of 2" in screen.text, "two, 2 of 2" in screen.text] == [True, True]
    assert screen.text.count("members agree, unchecked") == 2
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")


def test_progress_is_on_the_terminal_while_attempts_go_to_a_file(terminal: Terminal, tmp_path: Path) -> None:
    attempts = tmp_path / "attempts.txt"
    redirecting = f"""
import os, runpy
os.dup2(os.open({str(attempts)!r}, os.O_WRONLY | os.O_CREAT), 1)
runpy.run_path({str(FAKE)!r}, run_name="__main__")
"""
    screen = terminal(
        "solve",
        write(tmp_path / "turn.json", task(1, known=False)),
        program=write(tmp_path / "redirecting.py", redirecting),
        on=("turn: member 1: 3 of 3 demonstrations right", lambda number: os.write(number, b"\x03")),
        FAKE_ARC="wait turn",
    )
    assert screen.status == 130
    assert "turn: fits 3 of 3 demonstrations, 3 of 3 members agree, unchecked" in screen.text
    assert attempts.read_text().startswith("# turn, test 1, attempt 1\n")
    assert "\x1b" not in attempts.read_text()


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"NO_COLOR": "1"}, "▏"),
        ({"TERM": "xterm", "COLORTERM": ""}, "\x1b[97;44m"),
        ({"TERM": "dumb"}, "# turn, test 1, attempt 1"),
    ],
)
def test_terminals_with_fewer_colours_show_what_they_can(
    terminal: Terminal, tmp_path: Path, variables: dict[str, str], shown: str
) -> None:
    one = {"train": [{"input": [[1, 1]], "output": [[1], [1]]}], "test": [{"input": [[1, 1]]}]}
    screen = terminal("solve", write(tmp_path / "turn.json", one), program=FAKE, **variables)
    assert screen.status == 0
    assert shown in screen.text or shown.replace("97;", "37;") in screen.text
    assert "48;2" not in screen.text


def test_ctrl_c_is_heard_while_networks_are_really_fitted(terminal: Terminal, tmp_path: Path) -> None:
    path = write(tmp_path / "turn.json", task(0, other, known=False))
    screen = terminal(
        "solve",
        path,
        "--budget",
        600,
        "--threads",
        1,
        on=("learning", lambda number: os.write(number, b"\x03")),
    )
    assert screen.status == 130
    assert "of the votes" in screen.text and "unchecked" in screen.text
    assert "interrupted: 1 of 1 task answered so far" in screen.text


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A collection of two tasks that the stand-in knows."""
    return write(tmp_path / "two.json", {"one": task(1, known=False), "more": task(2, known=False)})


def test_q_ends_the_work_and_keeps_what_is_found(start: Start, two: Path, tmp_path: Path) -> None:
    session = start("solve", two, "-o", tmp_path / "s.json", FAKE_ARC="wait one")
    session.until("learning the demonstrations")
    assert not session.echoes()
    session.type("xq")
    assert session.end() == 0  # as all that was begun is answered, and members agree
    assert "3 of 3 members agree, unchecked" in session.text
    assert "ended: 1 of 2 tasks answered so far" in session.text
    assert "more, 2 of 2" not in session.text
    assert session.is_whole()
    assert list(json.loads((tmp_path / "s.json").read_text())) == ["one"]


def test_q_before_there_is_any_attempt_says_so_and_writes_over_nothing(
    start: Start, two: Path, tmp_path: Path
) -> None:
    older = write(tmp_path / "s.json", "{}")
    session = start("solve", two, "-o", older, FAKE_ARC="mute one")
    session.until("learning the demonstrations")
    session.type("q")
    assert session.end() == 1
    assert "no attempt in 0.5 s" in session.text
    assert "ended: 0 of 2 tasks answered so far" in session.text
    assert session.is_whole()
    assert older.read_text() == "{}"


@pytest.mark.parametrize(("key", "status"), [("\x03", 130), ("q", 0)])
def test_an_answer_that_is_there_is_kept_while_it_is_played(
    start: Start, two: Path, key: str, status: int
) -> None:
    session = start("solve", two, "--fps", 0.1, FAKE_ARC="play one")
    session.until("answering: member 1, step 1")
    session.type(key)
    assert session.end() == status
    assert "3 of 3 members agree, unchecked" in session.text and "1 of 2 tasks answered" in session.text
    assert session.is_whole()


def test_n_goes_on_with_the_next_task(start: Start, two: Path) -> None:
    session = start("solve", two, FAKE_ARC="wait one")
    session.until("n next  q quit")
    session.until("learning the demonstrations")
    session.type("n")
    assert session.end() == 0
    assert "more, 2 of 2" in session.text and session.text.count("members agree, unchecked") == 2
    assert "ended:" not in session.text
    assert session.is_whole()
