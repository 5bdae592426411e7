"""The sign of life: the first thing on a terminal, and gone before anything else is there."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from screens import Watched, seen
from support import Screen, environment

from trmcli.starting import TEXT

PUZZLE = "..12...4....1.23"
ROOT = Path(__file__).parents[2]


def test_it_comes_before_anything_is_imported() -> None:
    """Also Python's own modules take their time: typing, dataclasses, pathlib, re."""
    code = """
import sys
before = set(sys.modules)
import trmcli.starting
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        capture_output=True,
        text=True,
    )
    imported = set(done.stdout.split())
    assert "trmcli.starting" in imported
    assert imported <= {"__future__", "atexit", "trmcli", "trmcli.starting"}


@pytest.mark.parametrize(
    ("line", "status", "last"),
    [
        ("solve --no-wait --fps 50 " + PUZZLE, 0, "solved and checked"),
        ("solve " + PUZZLE.replace("1", "z"), 2, "trm: error: "),
        ("solve --stesp 3 x", 2, "trm: error: --stesp: no such option; did you mean --steps?"),
        ("solve nowhere.txt", 2, "trm: error: nowhere.txt"),
        ("demo --fps x", 2, "trm: error: --fps"),
    ],
)
def test_it_is_the_first_thing_and_leaves_no_trace(
    line: str, status: int, last: str, terminal: Callable[..., Screen]
) -> None:
    done = terminal(*line.split(), rows=24, columns=100)
    assert done.status == status
    assert done.text.startswith(TEXT)
    lines = seen(done.text, 24, 100)
    assert any(one.startswith(last) or last in one for one in lines[-3:])
    assert not any("starting" in one for one in lines)
    assert status == 0 or lines[0].startswith(last)


def test_ctrl_c_takes_it_away(terminal: Callable[..., Screen]) -> None:
    done = terminal("solve", PUZZLE, on=(TEXT, lambda number: os.write(number, b"\x03")))
    assert done.status == 130
    assert seen(done.text.replace("^C", "")) == []


@pytest.mark.parametrize("command", ["demo --no-wait", "solve --no-wait examples/sudoku/hard.txt"])
def test_nothing_is_loaded_that_the_first_picture_does_not_need(command: str) -> None:
    """Each of these takes some ten milliseconds, and a model of Sudoku needs none."""
    session = Watched(*command.split(), columns=120, rows=40, cwd=ROOT, PYTHONPROFILEIMPORTTIME="1")
    try:
        session.until("import time:")
        loaded = set(re.findall(r"\| +([a-z]\S+)", session.until("┳")))
    finally:
        session.close()
    assert {"numpy", "trmcli.tasks.sudoku.kind", "trmcli.ui.live"} <= loaded
    unwanted = {"torch", "numpy.ma", "rich._emoji_codes", "rich.markdown", "rich.progress"}
    unwanted |= {"trmcli.tasks.arc.kind", "trmcli.tasks.grid.kind"}
    if "pydantic" not in loaded:  # which typer imports from 0.29 on, and which needs these
        unwanted |= {"hashlib", "importlib.resources"}
    assert not loaded & unwanted


HOLD = """
import sys, time
class Hold:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == sys.modules["os"].environ["HOLD_AT"]:
            time.sleep(1)
sys.meta_path.insert(0, Hold)
"""
"""Python sleeps before it imports a module, so that somebody has the time to do something."""
LINES = {TEXT: "typer", "loading the model": "trmcli.solving.numpy_engine"}
"""The lines that say that something is being loaded, and a module that is loaded meanwhile."""


@pytest.fixture
def held(tmp_path: Path) -> Callable[..., Watched]:
    """``trm ARGUMENTS``, which stays for a while where it shows a line."""
    path = held_path(tmp_path)
    return lambda line, *arguments: Watched(*arguments, PYTHONPATH=path, HOLD_AT=LINES[line])


def held_path(folder: Path) -> str:
    """Where Python looks for modules; one that holds it up is the first that it finds."""
    (folder / "sitecustomize.py").write_text(HOLD)
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP])
def test_a_signal_that_ends_it_takes_it_away(
    number: signal.Signals, line: str, held: Callable[..., Watched]
) -> None:
    session = held(line, "solve", PUZZLE)
    try:
        session.until(line)
        os.killpg(os.tcgetpgrp(session.ours), number)
        assert session.end() == 128 + number
        assert session.lines() == [] and session.echoes()
    finally:
        session.close()


@pytest.mark.parametrize("line", LINES)
def test_ctrl_z_takes_it_away_and_going_on_brings_it_back(line: str, held: Callable[..., Watched]) -> None:
    session = held(line, "solve", "--no-wait", "--fps", "50", PUZZLE)
    try:
        session.until(line)
        session.type("\x1a")
        session.until("stopped")
        assert [shown.strip() for shown in session.lines()] == ["stopped"]
        session.type("\n")
        session.until(line)
        assert session.end() == 0
        lines = session.lines()
        assert "solved and checked" in lines[-1]
        assert not any("starting" in one or "loading" in one for one in lines)
        assert session.is_whole()
    finally:
        session.close()


def test_a_terminal_that_has_gone_ends_it_as_usual(tmp_path: Path) -> None:
    """SIGHUP comes, and there is nothing left to erase the line on."""
    on_terminal = (
        "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv[0] = 'trm'"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{on_terminal}; runpy.run_module('trmcli', run_name='__main__')",
            "solve",
            PUZZLE,
        ],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=environment(TERM="xterm", PYTHONPATH=held_path(tmp_path), HOLD_AT=LINES[TEXT]),
    )
    os.close(theirs)
    assert os.read(ours, len(TEXT)).decode() == TEXT
    os.close(ours)
    assert process.wait(60) == -signal.SIGHUP


def test_ctrl_z_later_is_left_to_the_show() -> None:
    session = Watched("solve", "--fps", "1", PUZZLE)
    try:
        session.until("halting")
        session.type("\x1a")
        session.until("stopped")
        assert session.echoes()
        session.type("\n")
        session.until("halting")
        session.type("q")
        session.end()
        assert session.is_whole()
    finally:
        session.close()


@pytest.mark.parametrize("line", ["solve --help", "solve -q --no-live " + PUZZLE, "info", "--version"])
def test_what_does_not_draw_has_none(line: str, terminal: Callable[..., Screen]) -> None:
    assert "starting" not in terminal(*line.split()).text


def test_a_pipe_never_gets_it(trm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = trm("solve", PUZZLE, TERM="xterm")
    assert done.returncode == 0 and len(done.stdout) == 17
    assert "starting" not in done.stdout + done.stderr and "\r" not in done.stdout + done.stderr
