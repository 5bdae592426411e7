"""``trm`` as people run it: in a process of its own, in a pipe or on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from warm import Warm

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


@pytest.fixture(scope="session")
def trm() -> Run:
    """Run ``trm ARGUMENTS`` with ``stdin`` as text, and capture everything."""
    return runner("-m", "trmcli")


@dataclass
class Screen:
    """What a command did on a terminal."""

    status: int
    text: str


@pytest.fixture(scope="session")
def terminal() -> Callable[..., Screen]:
    """Run ``trm ARGUMENTS`` on a pseudo-terminal of ``rows`` and ``columns``.

    ``on`` is (a text to wait for, what to do with the terminal's number when it has appeared); ``program`` is
    run in place of ``trm``.
    """

    def run(
        *arguments: object,
        rows: int = 40,
        columns: int = 100,
        on: tuple[str, Callable[[int], object]] | None = None,
        program: Path | None = None,
        **variables: str,
    ) -> Screen:
        ours, theirs = pty.openpty()
        resize(theirs, rows, columns)
        process = subprocess.Popen(
            # The terminal becomes the controlling one, so that Ctrl-C in it is a signal.
            [sys.executable, "-c", _ON_TERMINAL.format(str(program or "")), *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(**{"TERM": "xterm-256color", "COLORTERM": "truecolor", **variables}),
            start_new_session=True,
        )
        os.close(theirs)
        seen, waiting, end = b"", on, time.monotonic() + 120
        try:
            while time.monotonic() < end:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    piece = os.read(ours, 1 << 16)
                except OSError:  # Linux says so when the other end is closed
                    break
                if not piece:
                    break
                seen += piece
                if waiting is not None and waiting[0].encode() in seen:
                    waiting[1](ours)
                    waiting = None
            # A typed Ctrl-C makes the kernel drop what was not read yet, so half a character may be left.
            return Screen(process.wait(10), seen.decode(errors="replace"))
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    return run


_ON_TERMINAL = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv[0] = "trm"
program = {!r}
if program:
    runpy.run_path(program, run_name="__main__")
else:
    runpy.run_module("trmcli", run_name="__main__", alter_sys=False)
"""


def resize(number: int, rows: int, columns: int) -> None:
    """Change a terminal's size; whoever is on it hears of it."""
    fcntl.ioctl(number, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Sudoku model that was never trained, and so solves nothing."""
    import torch

    from trmcli.model import TinyRecursiveModel, TRMConfig
    from trmcli.tasks.sudoku.kind import SudokuStructure
    from trmcli.weights.files import Card, save_weights

    torch.manual_seed(0)
    config = TRMConfig(
        vocab_size=18,
        hidden_size=16,
        mixer="relation",
        relations=tuple((name, "groups") for name in SudokuStructure().relation_names),
        num_heads=2,
        ffn_multiple=8,
        rounds=2,
        latent_updates=2,
    )
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, TinyRecursiveModel(config), Card(name="random", task="sudoku"))
    return path


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Runs ``trm`` in processes that need not import torch."""
    folder = tmp_path_factory.mktemp("warm")
    one = Warm(folder, environment(TERM="xterm-256color"))
    yield one
    one.close()
