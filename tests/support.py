"""``trm`` as people run it: in a pipe, on a terminal, and with somebody who types."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_UNSET = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS")


def environment(**changes: str) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if key not in _UNSET}
    return {**inherited, "PYTHONUTF8": "1", **changes}


Run = Callable[..., "subprocess.CompletedProcess[str]"]


def runner(*program: str) -> Run:
    """What runs Python with this program, arguments and ``stdin`` as text, and captures everything."""

    def run(*arguments: object, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment(**variables),
            timeout=120,
        )

    return run


@dataclass
class Screen:
    """What a command did on a terminal."""

    status: int
    text: str


def resize(number: int, rows: int, columns: int) -> None:
    """Change a terminal's size; whoever is on it hears of it."""
    fcntl.ioctl(number, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


SHELL = """
import fcntl, os, runpy, signal, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    while os.tcgetpgrp(1) != os.getpgrp():
        pass
    if sys.argv[1].endswith(".py"):
        runpy.run_path(sys.argv[1])
    else:
        sys.argv[0] = "trm"
        runpy.run_module("trmcli", run_name="__main__", alter_sys=False)
    sys.exit(0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    try:
        os.setpgid(child, child)
    except OSError:  # it was as quick itself
        pass
    os.tcsetpgrp(1, child)
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, os.WUNTRACED)
    os.tcsetpgrp(1, os.getpgrp())
    if not os.WIFSTOPPED(status):
        code = os.waitstatus_to_exitcode(status)
        sys.exit(code if code >= 0 else 128 - code)
    os.write(1, b"stopped")
    os.read(1, 100)
"""
"""What a shell does with one job: it has the terminal while it runs, and Enter goes on after Ctrl-Z."""


class Session:
    """``trm ARGUMENTS``, or a script, on a terminal of its own, and somebody who types."""

    def __init__(
        self,
        *arguments: object,
        rows: int = 24,
        columns: int = 80,
        stdin: int | None = None,
        cwd: Path | None = None,
        **variables: str,
    ) -> None:
        self.ours, theirs = pty.openpty()
        resize(theirs, rows, columns)
        self.before = termios.tcgetattr(self.ours)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHELL, *map(str, arguments)],
            stdin=theirs if stdin is None else stdin,
            stdout=theirs,
            stderr=theirs,
            env=environment(**{"TERM": "xterm-256color", "COLORTERM": "truecolor", **variables}),
            start_new_session=True,
            cwd=cwd,
        )
        self.theirs = theirs
        self.text, self._decoder = "", codecs.getincrementaldecoder("utf-8")("replace")

    def until(self, wanted: str) -> str:
        """Read on until a text appears in what comes from now on, without colours; returns all of that."""
        return self.until_all(lambda new: wanted in plain(new), wanted)

    def until_all(self, there: Callable[[str], bool], wanted: str) -> str:
        """The same until something is true of all that has come, with the terminal's own sequences."""
        new, end = "", time.monotonic() + 60
        while not there(new):
            assert time.monotonic() < end, f"{wanted!r} does not appear in {plain(new)!r}"
            if select.select([self.ours], [], [], 1)[0]:
                piece = self._read()
                new, self.text = new + piece, self.text + piece
        return plain(new)

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.ours)[3] & termios.ECHO)

    def end(self) -> int:
        """Read to the end; the exit status."""
        end = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < end, plain(self.text)
            self._drain()
        self._drain()
        return self.process.returncode

    def _read(self) -> str:
        """What comes next; of a sign that is cut in two the first part waits for the second."""
        return self._decoder.decode(os.read(self.ours, 1 << 16))

    def _drain(self) -> None:
        while select.select([self.ours], [], [], 0.05)[0]:
            self.text += self._read()

    def is_whole(self) -> bool:
        """The cursor is shown, and the terminal is as it was."""
        shown = self.text.rindex("\x1b[?25h") > self.text.rindex("\x1b[?25l")
        return shown and termios.tcgetattr(self.ours) == self.before

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
