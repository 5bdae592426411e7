"""Standard streams as they may be: closed, full, cut off, or in an encoding that cannot show a maze."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support import environment
from warm import Warm, read_terminal

BLOCKS = "█████\n█S G█\n█████\n"
PATH = "█████\n█SoG█\n█████\n"
TRM = f"{sys.executable} -m trmcli"
NOTHING, NO_FILE = "", "trm: error: nofile: no such file\n"
CLOSED, FULL = "trm: error: stdout is closed\n", "trm: error: No space left on device\n"
NO_PUZZLE = "trm: error: <stdin>: holds no puzzle\n"


@pytest.mark.parametrize(
    ("command", "status", "out", "err"),
    [
        ("--version <&-", 0, "trm", NOTHING),
        ("--version >&-", 2, NOTHING, CLOSED),
        ("--version 2>&-", 0, "trm", NOTHING),
        ("--version >/dev/full", 2, NOTHING, FULL),
        ("--version 2>/dev/full", 0, "trm", NOTHING),
        ("--version <&- >&- 2>&-", 2, NOTHING, NOTHING),
        ("solve nofile >&-", 2, NOTHING, NO_FILE),
        ("solve nofile 2>&-", 2, NOTHING, NOTHING),
        ("solve nofile 2>/dev/full", 2, NOTHING, NOTHING),
        ("solve --nonsense 2>&-", 2, NOTHING, NOTHING),
        ("solve - <&-", 2, NOTHING, NO_PUZZLE),
        ("eval <&-", 2, NOTHING, NO_PUZZLE),
        ("data generate sudoku --size 4 --count 2 >&-", 2, NOTHING, CLOSED),
        ("data generate sudoku --size 4 --count 2 -o made.txt <&- >&- 2>&-", 0, NOTHING, NOTHING),
        ("data generate sudoku --size 4 --count 2 >/dev/full 2>&-", 2, NOTHING, NOTHING),
        ("download --list 2>&-", 0, "sudoku-small", NOTHING),
    ],
)
def test_streams_that_are_closed_or_full_are_one_line(
    command: str, status: int, out: str, err: str, tmp_path: Path
) -> None:
    done = shell(f"{TRM} {command}", tmp_path)
    assert done.returncode == status, done
    assert out in done.stdout and (out or not done.stdout)
    assert done.stderr == err


@pytest.mark.parametrize("command", ["solve nofile", "solve --nonsense", "data generate sudoku --size 4"])
def test_nobody_hears_of_a_pipe_that_was_cut_off(command: str, tmp_path: Path) -> None:
    done = shell(f"({TRM} {command}; echo $? > status) 2>&1 | true", tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "status").read_text() in ("2\n", "141\n")


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(),
        cwd=folder,
        timeout=120,
    )


OTHER_ENCODINGS = [{"PYTHONIOENCODING": "cp1252"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}]


@pytest.mark.parametrize("variables", OTHER_ENCODINGS)
@pytest.mark.parametrize(
    ("arguments", "text", "status", "shown"),
    [
        (["solve"], BLOCKS, 0, PATH),
        (["solve", "--json"], BLOCKS, 0, '"answer": "#####/#SoG#/#####"'),
        (["--help"], "", 0, "─"),
        (["solve"], "█S█\n", 2, ""),
    ],
    ids=["solve", "json", "help", "error"],
)
def test_output_is_utf_8_wherever_it_is_not_a_terminal(
    arguments: list[str], text: str, status: int, shown: str, variables: dict[str, str]
) -> None:
    locale = {key: value for key, value in environment(**variables).items() if key != "PYTHONUTF8"}
    command = [sys.executable, "-X", "utf8=0", "-m", "trmcli", *arguments]
    done = subprocess.run(command, input=text.encode(), capture_output=True, env=locale, timeout=120)
    assert done.returncode == status
    assert shown in done.stdout.decode("utf-8")
    assert "Traceback" not in done.stderr.decode("utf-8")


def test_a_terminal_that_cannot_show_a_sign_shows_another() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "trmcli", "solve", BLOCKS, "--no-live"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(PYTHONIOENCODING="ascii", TERM="xterm"),
    )
    os.close(theirs)
    seen = b"".join(iter(lambda: read_terminal(ours), b""))
    os.close(ours)
    assert process.wait(60) == 0
    assert seen.decode("ascii").replace("\r\n", "\n").startswith("?????\n?SoG?\n?????\n")


def test_a_name_that_is_not_text_is_no_traceback(warm: Warm, tmp_path: Path) -> None:
    done = warm.run("solve", tmp_path / "\udcff\ud800")
    assert done.returncode == 2 and done.stderr.startswith("trm: error: ")
