"""ARC tasks on a terminal: the view while networks learn, the attempts, and a whole terminal in the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from arc_turns import FAKE, other, task, write
from support import Screen

Terminal = Callable[..., Screen]


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
